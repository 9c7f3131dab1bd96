/** Approvals that a step found lapsed: who is asked again, for what, and what a verdict then lets pass. */
import { expect, test, vi } from 'vitest';
import type { OpenGateInput } from '../activities/contract.ts';
import type { Drawn } from './testing/draw-skeleton.ts';
import { approval, draw } from './testing/draw-skeleton.ts';
import { commit } from './testing/scripted-run.ts';
import type { InProcess } from './testing/start-in-process.ts';
import { startInProcess } from './testing/start-in-process.ts';

vi.mock('@temporalio/workflow', async (importOriginal) => ({
  ...(await importOriginal<typeof import('@temporalio/workflow')>()),
  ...(await import('./testing/in-process-temporal.ts')),
}));

const lapsed = (gatePath?: string) => ({
  status: 'lapsed' as const,
  gateNode: 'ask',
  ...(gatePath === undefined ? {} : { gatePath }),
});
const lapsesOnce = (gatePath?: string) => (call: number) => (call === 1 ? lapsed(gatePath) : commit('pay'));
const opened = (run: InProcess, times: number) =>
  expect.poll(() => run.calls.filter((call) => call === 'openGate ask')).toHaveLength(times);
/** Actions that the gate did not offer, each time it was opened. */
const leftOut = (run: InProcess) => (run.inputs.ask as OpenGateInput[]).map(({ without = [] }) => without);
async function decide(run: InProcess, gate: string, action: string): Promise<void> {
  run.decide(gate, action);
  await run.ring({ gate });
}

const reworked: Drawn[] = [
  { id: 'write', backFrom: ['ask:rework*3'] },
  {
    id: 'ask',
    ...approval,
    after: ['write'],
    actions: { approve: 'continue', rework: 'continue', by_hand: 'continue', reject: 'end' },
  },
  { id: 'note', after: ['ask:by_hand'] },
  { id: 'pay', kind: 'tool', after: ['ask'] },
];
const gates = { ask: ['first', 'second'] };

test('offers what led to the step and what ends it: the run is past the other ways', async () => {
  const run = startInProcess({ skeleton: draw(reworked), gates, steps: { pay: lapsesOnce() } });
  await opened(run, 1);
  await decide(run, 'first', 'approve');
  await opened(run, 2);
  expect(leftOut(run)).toEqual([[], ['rework', 'by_hand']]);
  await decide(run, 'second', 'approve');
  expect((await run.workflow.result).outcome).toBe('completed');
});

test.each(['rework', 'by_hand', 'reject', 'a word that it does not know'])('%s lets nothing pass', async (action) => {
  const run = startInProcess({ skeleton: draw(reworked), gates, steps: { pay: lapsesOnce() } });
  await opened(run, 1);
  await decide(run, 'first', 'approve');
  await opened(run, 2);
  await decide(run, 'second', action);
  expect((await run.workflow.result).outcome).toBe('rejected');
  expect(run.calls.filter((call) => call === 'runToolStep pay')).toHaveLength(1);
});

test('a gate that was overdue is asked again, and being overdue again lets the step go the way it went', async () => {
  const skeleton = draw([
    { id: 'ask', ...approval, ifOverdue: 'link' },
    { id: 'pay', kind: 'tool', after: ['ask!overdue'] },
    { id: 'file', after: ['ask'] },
  ]);
  const steps = { pay: lapsesOnce() };
  const overdue = { first: 'overdue', second: 'overdue' };
  const run = startInProcess({ skeleton, gates, steps, gateTimes: { ask: { due: 5 } }, overdue });
  expect((await run.workflow.result).outcome).toBe('completed');
  expect(leftOut(run)).toContainEqual(['approve']);
  expect(run.calls.filter((call) => call === 'runToolStep pay')).toHaveLength(2);
});

const items: Drawn[] = [
  { id: 'claims', kind: 'for each', each: { item: 'claim' } },
  { id: 'look', in: 'claims' },
  { id: 'ask', ...approval, in: 'claims', guardsOutside: true, after: ['look'] },
  { id: 'pay', kind: 'tool', after: ['claims'] },
];
const lists = { claims: [undefined, undefined] };

test.each([Number.POSITIVE_INFINITY, 4])(
  'in an item that has ended it is asked again there, also in another execution (long after %d)',
  async (longAfter) => {
    const run = startInProcess(
      {
        skeleton: draw(items),
        lists,
        gates: { ask: ['of a', 'of b', 'of b again'] },
        decided: { 'of a': 'approve', 'of b': 'approve' },
        steps: { pay: lapsesOnce('claims[1]') },
      },
      longAfter,
    );
    await opened(run, 3);
    expect(run.inputs.ask?.map(({ path }) => path)).toEqual(['claims[0]', 'claims[1]', 'claims[1]']);
    await decide(run, 'of b again', 'approve');
    expect((await run.workflow.result).outcome).toBe('completed');
    expect(run.calls.filter((call) => call === 'runToolStep pay')).toHaveLength(2);
  },
);
