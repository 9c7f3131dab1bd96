import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { wholeRun } from './testing/expense-run.ts';
import type { ApiScript, ScriptedApi } from './testing/scripted-api.ts';
import { startScriptedApi } from './testing/scripted-api.ts';
import type { Outcome } from './testing/scripted-world.ts';
import { runInProcess } from './testing/scripted-world.ts';

let folder: string;
let api: ScriptedApi | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'waymark-cli-'));
});
afterEach(async () => {
  rmSync(folder, { recursive: true, force: true });
  await api?.close();
  api = undefined;
});

const accepted = [{ status: 202, body: { run: 'run-1', command: 'c-1' } }];
const script: ApiScript = {
  'GET /health': [{ body: { status: 'alive', practice: false } }],
  'POST /runs/:id/abort': accepted,
  'POST /runs/:id/pause': accepted,
  'POST /runs/:id/unpause': accepted,
  'POST /runs/:id/steps/pay/retry': accepted,
  'POST /runs/:id/steps/pay/supply': accepted,
  'POST /runs/:id/steps/pay/skip': accepted,
};

async function talk(args: string[], more: ApiScript = {}): Promise<Outcome> {
  api = await startScriptedApi({ ...wholeRun, ...script, ...more });
  return runInProcess(args, { cwd: folder, env: { WAYMARK_API_URL: api.url, WAYMARK_TOKEN: 'tok' } });
}
const sent = (route: string) => api?.received.find((one) => one.route === route)?.body;

it.each([
  [['retry', 'run-1', 'pay'], 'retry', {}],
  [['retry', 'run-1', 'pay', '--fresh', '--comment', 'again'], 'retry', { fresh: true, comment: 'again' }],
  [['retry', 'run-1', 'pay', '--inputs', 'value.json'], 'retry', { inputs: { amount: 3 } }],
  [['supply', 'run-1', 'pay', 'value.json', '--path', 'pay[0]'], 'supply', { output: { amount: 3 }, path: 'pay[0]' }],
  [['skip', 'run-1', 'pay', '--comment', 'not needed'], 'skip', { comment: 'not needed' }],
])('%j orders it of the step', async (args, kind, body) => {
  writeFileSync(join(folder, 'value.json'), '{"amount": 3}');
  const { code, stdout } = await talk(args);
  expect([code, stdout]).toEqual([
    0,
    `Asked to ${kind} pay of run run-1 (order c-1). What came of it: npx waymark inspect run-1\n`,
  ]);
  expect(sent(`POST /runs/:id/steps/pay/${kind}`)).toEqual(body);
});

it.each(['abort', 'pause', 'unpause'])('%s orders it of the run', async (kind) => {
  const { code, stdout } = await talk([kind, 'run-1', '--comment', 'freeze']);
  expect([code, stdout]).toEqual([
    0,
    `Asked to ${kind} run run-1 (order c-1). What came of it: npx waymark inspect run-1\n`,
  ]);
  expect(sent(`POST /runs/:id/${kind}`)).toEqual({ comment: 'freeze' });
});

it('what the API refuses exits 1 with its words', async () => {
  const problem = {
    type: 'urn:waymark:problem:step-not-parked',
    title: 'The step does not wait for a person',
    status: 409,
    detail: 'Expected a step that failed and waits for a person; it is running.',
  };
  const { code, stderr } = await talk(['retry', 'run-1', 'pay'], { 'POST /runs/:id/steps/pay/retry': [{ problem }] });
  expect(code).toBe(1);
  expect(stderr).toContain('it is running');
});

it('edited inputs that are no record are refused before anything is sent', async () => {
  writeFileSync(join(folder, 'value.json'), '[3]');
  const { code, stderr } = await talk(['retry', 'run-1', 'pay', '--inputs', 'value.json']);
  expect([code, api?.received]).toEqual([2, []]);
  expect(stderr).toBe(
    'Unexpected value in value.json, expected a record of values by the names that the step reads.\n',
  );
});

describe('effects', () => {
  const write = { step: 'pay', tool: 'bank.pay', status: 'unknown' as const };
  const state: ApiScript = {
    'GET /runs/:id/state': [
      {
        body: {
          run: 'run-1',
          seq: 9,
          status: 'needs-attention',
          paused: false,
          steps: [],
          gates: [],
          effects: [
            { ...write, effect: 'abcdef' },
            { ...write, effect: 'abc123', status: 'succeeded', undone: 'succeeded' },
          ],
        },
      },
    ],
    'POST /runs/:id/effects/abcdef/answer': accepted,
  };

  it('lists what the run wrote', async () => {
    const { code, stdout } = await talk(['effects', 'run-1'], state);
    expect(code).toBe(0);
    const lines = stdout.split('\n').filter((line) => !line.startsWith('---'));
    expect(lines.map((line) => line.split(/ {2,}/))).toMatchObject([
      ['write', 'step', 'tool', 'status'],
      ['abcdef', 'pay', 'bank.pay', 'unknown'],
      ['abc123', 'pay', 'bank.pay', 'succeeded', 'taken back: succeeded'],
      [''],
    ]);
  });

  it('answers for one by the beginning of its name', async () => {
    writeFileSync(join(folder, 'value.json'), '{"transfer": "t-1"}');
    const { code, stdout } = await talk(['effects', 'run-1', 'abcd', 'happened', '--output', 'value.json'], state);
    expect([code, stdout]).toEqual([
      0,
      'Asked to take bank.pay of pay in run run-1 as: happened (order c-1). What came of it: npx waymark inspect run-1\n',
    ]);
    expect(sent('POST /runs/:id/effects/abcdef/answer')).toEqual({ answer: 'happened', output: { transfer: 't-1' } });
  });

  it.each([
    [['effects', 'run-1', 'abc', 'happened'], 1, 'Run run-1 has several writes abc, expected the name of one.'],
    [['effects', 'run-1', 'zz', 'send again'], 1, 'Run run-1 has no write zz, expected the name of one.'],
    [['effects', 'run-1', 'abcd', 'perhaps'], 2, 'Unexpected answer perhaps, expected one of'],
    [['effects', 'run-1', 'abcd', 'send again', '--output', 'x'], 2, 'Unexpected --output'],
  ])('%j is refused', async (args, exit, why) => {
    const { code, stderr } = await talk(args, state);
    expect([code, stderr]).toEqual([exit, expect.stringContaining(why)]);
    expect(sent('POST /runs/:id/effects/abcdef/answer')).toBeUndefined();
  });
});

it('each says what it does under --help', async () => {
  for (const name of ['retry', 'supply', 'skip', 'abort', 'pause', 'unpause', 'effects']) {
    const { code, stdout } = await talk([name, '--help']);
    expect([code, stdout.split('\n')[0]]).toEqual([
      0,
      expect.stringContaining(`Usage: waymark ${name} [options] <run>`),
    ]);
  }
});
