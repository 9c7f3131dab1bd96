import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, inject, test } from 'vitest';
import { chain } from '../workflows/testing/draw-skeleton.ts';
import { openTrial } from '../workflows/testing/watch-run.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'waymark-replay-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const stored = (name: string) => join(root, 'workflows/histories', `${name}.json`);

function replay(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  const all = [join(root, 'cli/waymark.mjs'), 'replay', ...args];
  return spawnSync(process.execPath, all, { cwd: folder, encoding: 'utf8' });
}

test('histories are replayed, and one that differs is told with the difference', () => {
  const history = readFileSync(stored('gate-approved'), 'utf8');
  writeFileSync(join(folder, 'other.json'), history.replaceAll('"runToolStep"', '"runAgentStep"'));
  const { status, stdout, stderr } = replay(stored('gate-approved'), 'other.json');
  const [first, second] = stdout.trim().split('\n');
  expect(first).toMatch(/gate-approved\.json: replays, \d+ events$/);
  expect(second).toMatch(/^other\.json: does not replay\. Nondeterminism error: Activity type of scheduled event/);
  expect([status, stderr]).toEqual([1, '']);
});

test('a workflow of a server is replayed by its id', async () => {
  const trial = await openTrial();
  const run = await trial.start({ skeleton: chain(3) });
  await run.result();
  await trial.stop();
  const server = ['--address', inject('temporalAddress'), '--namespace', inject('temporalNamespace')];
  const { status, stdout } = replay('--workflow', run.handle.workflowId, ...server);
  expect([status, stdout]).toEqual([0, expect.stringMatching(/: replays, \d+ events\n$/)]);
  expect(replay('--workflow', 'no-such-workflow', ...server)).toMatchObject({
    status: 1,
    stderr: expect.stringContaining('There is no workflow no-such-workflow'),
  });
});

test('what is no history is wrong usage', () => {
  writeFileSync(join(folder, 'empty.json'), '{}');
  for (const args of [[], ['empty.json'], ['missing.json']]) expect(replay(...args).status).toBe(2);
});
