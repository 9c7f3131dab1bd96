import { createHash } from 'node:crypto';
import { expect, test, vi } from 'vitest';
import { decodeCarried, encodeCarried } from './carry-code.ts';
import type { CarriedState } from './carry-over.ts';
import { approval, chain, draw } from './testing/draw-skeleton.ts';
import type { DrivenRun } from './testing/scenarios.ts';
import { scenarios } from './testing/scenarios.ts';
import { startInProcess } from './testing/start-in-process.ts';

vi.mock('@temporalio/workflow', async (importOriginal) => ({
  ...(await importOriginal<typeof import('@temporalio/workflow')>()),
  ...(await import('./testing/in-process-temporal.ts')),
}));

/** What was done, whatever was looked up again in between. */
const doneBy = ({ inputs }: DrivenRun): string[] => {
  const all = Object.values(inputs).flat();
  return [...new Set(all.map(({ node, path, inputs: read }) => JSON.stringify([node, path, read])))].sort();
};

const inPieces = Object.entries(scenarios).filter(([, { ends }]) => ends === 'completed' || ends === 'rejected');

test.each(inPieces)('%s ends the same in executions of a few activities each', async (_, { script, drive, ends }) => {
  const whole = startInProcess(script);
  await drive?.(whole);
  await whole.workflow.result;
  for (const longAfter of [2, 3, 5]) {
    const run = startInProcess(script, longAfter);
    await drive?.(run);
    expect((await run.workflow.result).outcome).toBe(ends);
    expect(doneBy(run)).toEqual(doneBy(whole));
    expect(run.ended).toEqual(whole.ended);
    expect(run.told).toEqual(expect.arrayContaining([...whole.told]));
    expect(run.told.length).toBe(whole.told.length);
  }
});

test('a chain goes on in a new execution as often as it takes, and does each step once', async () => {
  const run = startInProcess({ skeleton: chain(40) }, 7);
  expect((await run.workflow.result).outcome).toBe('completed');
  expect(run.calls).toEqual(Array.from({ length: 40 }, (_, index) => `runAgentStep s${index}`));
  expect(run.workflow.executions).toBeGreaterThan(4);
});

test('a gate that waits over several executions is opened once, and looked at again in each', async () => {
  const steps = Array.from({ length: 12 }, (_, index) => ({
    id: `s${index}`,
    after: index === 0 ? [] : [`s${index - 1}`],
  }));
  const run = startInProcess(
    { skeleton: draw([{ id: 'ask', ...approval }, ...steps, { id: 'pay', after: ['ask'] }]) },
    4,
  );
  await expect.poll(() => run.workflow.executions).toBeGreaterThan(2);
  await expect.poll(() => run.calls.filter((call) => call === 'runAgentStep s11')).toHaveLength(1);
  run.decide('gate of ask', 'approve');
  await run.ring({ gate: 'gate of ask' });
  expect((await run.workflow.result).outcome).toBe('completed');
  expect(run.calls.at(-1)).toBe('runAgentStep pay');
  expect(run.calls.filter((call) => call === 'openGate ask')).toHaveLength(1);
  const looks = run.workflow.scheduled.filter((one) => one.endsWith(' readGates')).length;
  // Not in the first, which opened it, nor in a last one that begins with its verdict.
  expect([1, 2]).toContain(run.workflow.executions - looks);
});

test('state beyond 256 KiB goes by reference, in parts', async () => {
  // Digests do not compress.
  const digest = (seed: number) => createHash('sha256').update(String(seed)).digest('base64url');
  const skeleton = draw(Array.from({ length: 9000 }, (_, index) => ({ id: `step_number_${index}` })));
  const steps = Object.fromEntries(
    skeleton.nodes.map(({ id }, index) => [id, () => ({ status: 'committed' as const, output: digest(index) })]),
  );
  const run = startInProcess({ skeleton, steps }, 8000);
  expect((await run.workflow.result).outcome).toBe('completed');
  expect(run.workflow.executions).toBeGreaterThan(1);
  expect(run.kept.length).toBeGreaterThan(0);
  for (const part of run.kept) expect(part.length).toBeLessThanOrEqual(1024 * 1024);
});

test('state that was encoded comes back as it was', () => {
  const state: CarriedState = {
    frames: [],
    failures: [['pay', { id: 'pay', class: 'budget' }]],
    log: [{ node: 'a', to: 'skipped' }],
    told: 'needs-attention',
  };
  const encoded = encodeCarried(state);
  expect('state' in encoded && decodeCarried(encoded.state)).toEqual(state);
});
