import { createHash } from 'node:crypto';
import { expect, test, vi } from 'vitest';
import { decodeCarried, encodeCarried } from './carry-code.ts';
import type { CarriedState } from './carry-over.ts';
import type { Drawn } from './testing/draw-skeleton.ts';
import { approval, chain, draw } from './testing/draw-skeleton.ts';
import type { DrivenRun } from './testing/scenarios.ts';
import { scenarios } from './testing/scenarios.ts';
import type { InProcess } from './testing/start-in-process.ts';
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

/** Those that ring a lot go on on a server: here, what is rung between two executions is lost. */
const inPieces = Object.entries(scenarios).filter(
  ([, { ends, inExecutions }]) => (ends === 'completed' || ends === 'rejected') && !inExecutions,
);

/** The relay does so too: what is rung between two executions has nobody to hear it here. */
const ringUntilHeard = (run: InProcess, gate: string) =>
  expect
    .poll(
      () => {
        run.workflow.ring({ gate });
        return run.heard;
      },
      { interval: 1 },
    )
    .toContain(gate);

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

test('a run that only waits goes on in a new execution, and opens its gate once', async () => {
  const run = startInProcess(
    {
      skeleton: draw([
        { id: 'ask', ...approval },
        { id: 'pay', after: ['ask'] },
      ]),
    },
    10,
  );
  await expect.poll(() => run.calls).toContain('openGate ask');
  for (let rung = 0; rung < 60; rung += 1) await ringUntilHeard(run, `forged ${rung}`);
  expect(run.workflow.executions).toBeGreaterThan(4);
  run.decide('gate of ask', 'approve');
  run.workflow.ring({ gate: 'gate of ask' });
  expect((await run.workflow.result).outcome).toBe('completed');
  expect(run.calls).toEqual(['openGate ask', 'runAgentStep pay']);
});

test('what a new execution begins with is no reason to leave it: many gates that wait do not go on for ever', async () => {
  const gates = Array.from({ length: 20 }, (_, index): Drawn => ({ id: `ask${index}`, ...approval }));
  const run = startInProcess({ skeleton: draw(gates) }, 5);
  await expect.poll(() => run.calls).toContain('openGate ask19');
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(run.workflow.executions).toBeLessThan(4);
  for (const { id } of gates) {
    run.decide(`gate of ${id}`, 'approve');
    run.workflow.ring({ gate: `gate of ${id}` });
  }
  expect((await run.workflow.result).outcome).toBe('completed');
});

test('in a pause a gate that waited before goes on waiting in the next execution, and is overdue when it is', async () => {
  const skeleton = draw([
    { id: 'ask', ...approval, ifOverdue: 'link' },
    { id: 'tell', after: ['ask!overdue'] },
    { id: 'other', ...approval },
  ]);
  // Counted from when the activity was scheduled, which in this process is 1970.
  const gateTimes = { ask: { due: Date.now() + 400 } };
  const run = startInProcess({ skeleton, gateTimes, overdue: { 'gate of ask': 'overdue' } }, 6);
  await expect.poll(() => run.calls).toContain('openGate other');
  run.order({ command: 'hold', does: 'pause' });
  run.workflow.ring({ command: 'hold' });
  await expect.poll(() => run.paused).toEqual([true]);
  for (let rung = 0; rung < 20; rung += 1) await ringUntilHeard(run, `forged ${rung}`);
  expect(run.workflow.executions).toBeGreaterThan(1);
  expect(run.workflow.attributes).toMatchObject({ WaymarkStatus: 'paused', WaymarkWaitingRole: ['manager'] });
  await expect.poll(() => run.calls).toContain('closeOverdue ask');
  await expect.poll(() => run.workflow.details).toContain('- Tell: not started');
  run.order({ command: 'go', does: 'unpause' });
  run.workflow.ring({ command: 'go' });
  run.decide('gate of other', 'approve');
  run.workflow.ring({ gate: 'gate of other' });
  expect((await run.workflow.result).outcome).toBe('completed');
  expect(run.calls.filter((call) => call.startsWith('openGate'))).toEqual(['openGate ask', 'openGate other']);
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
