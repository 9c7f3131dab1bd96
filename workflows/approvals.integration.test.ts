import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { approval, draw } from './testing/draw-skeleton.ts';
import { commit } from './testing/scripted-run.ts';
import type { Trial } from './testing/try-interpreter.ts';
import { boardOf, called, decide, openTrial, patience, told } from './testing/watch-run.ts';

let trial: Trial;

beforeAll(async () => {
  trial = await openTrial();
});
afterAll(() => trial?.stop());

describe('approvals that a step turns out to need', () => {
  const single = draw([
    { id: 'pay', kind: 'tool' },
    { id: 'tell', after: ['pay'] },
  ]);
  const needsApproval = (_: number, input: { gates?: string[] }) => {
    const asked = input.gates?.length ?? 0;
    if (asked < 2) return { status: 'awaiting-approval' as const, gate: `approval ${asked}`, waitsFor: 'finance' };
    return commit('pay');
  };

  test('are waited for one after the other, and the step is run again with the gates to look at', async () => {
    const run = await trial.start({ skeleton: single, steps: { pay: needsApproval } });
    await told(run, 'waiting');
    await expect.poll(() => boardOf(run), patience).toContain('- Pay: **waiting for finance**\n');
    await decide(run, 'approval 0', 'approve');
    await vi.waitFor(() => expect(run.inputs.pay).toHaveLength(2), patience);
    await decide(run, 'approval 1', 'approve');
    expect((await run.result()).outcome).toBe('completed');
    expect(run.inputs.pay?.map(({ gates }) => gates)).toEqual([
      undefined,
      ['approval 0'],
      ['approval 0', 'approval 1'],
    ]);
    const { events } = await run.handle.fetchHistory();
    const names = events?.flatMap(({ activityTaskScheduledEventAttributes: of }) => of?.activityId ?? []);
    expect(names?.filter((name) => name.startsWith('pay'))).toEqual(['pay', 'pay#2', 'pay#3']);
  });

  test('refuse the step when the activity says so, and it is not told twice', async () => {
    const run = await trial.start({
      skeleton: single,
      steps: {
        pay: (call) =>
          call === 1 ? { status: 'awaiting-approval', gate: 'g', waitsFor: 'finance' } : { status: 'refused' },
      },
    });
    await told(run, 'waiting');
    await decide(run, 'g', 'reject');
    expect((await run.result()).outcome).toBe('rejected');
    expect(run.told).toEqual([{ node: 'tell', to: 'refused' }]);
  });

  test('that ask for a gate that was decided already park the step instead of asking for ever', async () => {
    const run = await trial.start({
      skeleton: single,
      steps: { pay: () => ({ status: 'awaiting-approval', gate: 'g', waitsFor: 'finance' }) },
    });
    await told(run, 'waiting');
    await decide(run, 'g', 'approve');
    await told(run, 'needs-attention');
    expect(run.told).toEqual([{ node: 'pay', to: 'parked', detail: 'bug' }]);
    await run.handle.terminate();
  });
});

describe('a lapsed approval', () => {
  const lapse = { status: 'lapsed', gateNode: 'ask' } as const;

  test('is asked again in place, nothing between runs again, and the step then runs', async () => {
    const skeleton = draw([
      { id: 'ask', ...approval },
      { id: 'between', after: ['ask'] },
      { id: 'pay', kind: 'tool', after: ['between'], reads: ['ask'] },
    ]);
    const run = await trial.start({
      skeleton,
      gates: { ask: ['first', 'second'] },
      steps: { pay: (call) => (call === 1 ? lapse : commit('pay')) },
    });
    await told(run, 'waiting');
    await decide(run, 'first', 'approve');
    await called(run, 'runToolStep pay');
    await vi.waitFor(() => expect(run.calls.filter((call) => call === 'openGate ask')).toHaveLength(2), patience);
    await told(run, 'waiting');
    await expect
      .poll(() => boardOf(run), patience)
      .toContain('- Ask: **waiting for manager**\n- Between: done\n- Pay: running\n');
    await decide(run, 'second', 'approve');
    expect((await run.result()).outcome).toBe('completed');
    expect(run.calls).toEqual([
      'openGate ask',
      'runAgentStep between',
      'runToolStep pay',
      'openGate ask',
      'runToolStep pay',
    ]);
    expect(run.inputs.pay?.map(({ inputs }) => inputs)).toEqual([
      { ask: 'verdict of first' },
      { ask: 'verdict of second' },
    ]);
  });

  test('that is rejected the second time refuses the step', async () => {
    const skeleton = draw([
      { id: 'ask', ...approval },
      { id: 'pay', kind: 'tool', after: ['ask'] },
    ]);
    const run = await trial.start({ skeleton, gates: { ask: ['first', 'second'] }, steps: { pay: () => lapse } });
    await told(run, 'waiting');
    await decide(run, 'first', 'approve');
    await vi.waitFor(() => expect(run.statuses).toEqual(['waiting', 'running', 'waiting']), patience);
    await decide(run, 'second', 'reject');
    expect((await run.result()).outcome).toBe('rejected');
    expect(run.told).toEqual([{ node: 'pay', to: 'refused' }]);
  });

  test('that two steps find at once is asked once', async () => {
    const skeleton = draw([
      { id: 'ask', ...approval },
      { id: 'x', kind: 'tool', after: ['ask'] },
      { id: 'y', kind: 'tool', after: ['ask'] },
    ]);
    const lapsesOnce = (call: number) => (call === 1 ? lapse : commit('x'));
    const run = await trial.start({
      skeleton,
      gates: { ask: ['first', 'second'] },
      steps: { x: lapsesOnce, y: lapsesOnce },
    });
    await told(run, 'waiting');
    await decide(run, 'first', 'approve');
    await vi.waitFor(async () => {
      const { events } = await run.handle.fetchHistory();
      expect(events?.filter((event) => event.timerStartedEventAttributes)).toHaveLength(3);
    }, patience);
    await decide(run, 'second', 'approve');
    expect((await run.result()).outcome).toBe('completed');
    expect(run.calls.filter((call) => call === 'openGate ask')).toHaveLength(2);
    expect(run.calls.filter((call) => call.startsWith('runToolStep'))).toHaveLength(4);
  });

  test('that lapses once more while people are asked again is asked a third time', async () => {
    const skeleton = draw([
      { id: 'ask', ...approval },
      { id: 'pay', kind: 'tool', after: ['ask'] },
    ]);
    const run = await trial.start({
      skeleton,
      gates: { ask: ['first', 'second', 'third'] },
      steps: { pay: (call) => (call === 1 ? lapse : commit('pay')) },
    });
    await told(run, 'waiting');
    await decide(run, 'first', 'approve');
    await vi.waitFor(() => expect(run.calls.filter((call) => call === 'openGate ask')).toHaveLength(2), patience);
    run.lapse('second');
    await run.ring({ gate: 'second' });
    await vi.waitFor(() => expect(run.calls.filter((call) => call === 'openGate ask')).toHaveLength(3), patience);
    await decide(run, 'third', 'approve');
    expect((await run.result()).outcome).toBe('completed');
  });

  test('of a step is asked again by the step, over what is now so', async () => {
    const asksOf = (call: number, input: { gates?: string[] }) =>
      input.gates === undefined
        ? { status: 'awaiting-approval' as const, gate: call === 1 ? 'old' : 'new', waitsFor: 'finance' }
        : commit('pay');
    const run = await trial.start({ skeleton: draw([{ id: 'pay', kind: 'tool' }]), steps: { pay: asksOf } });
    await told(run, 'waiting');
    run.lapse('old');
    await run.ring({ gate: 'old' });
    await vi.waitFor(() => expect(run.inputs.pay).toHaveLength(2), patience);
    await decide(run, 'new', 'approve');
    expect((await run.result()).outcome).toBe('completed');
    expect(run.inputs.pay?.map(({ gates }) => gates)).toEqual([undefined, undefined, ['new']]);
  });

  test('that lapses again and again with nobody asked parks the step', async () => {
    const skeleton = draw([
      { id: 'ask', ...approval },
      { id: 'pay', kind: 'tool', after: ['ask'] },
    ]);
    const run = await trial.start({ skeleton, steps: { pay: () => lapse } });
    await told(run, 'waiting');
    await decide(run, 'gate of ask', 'approve');
    await told(run, 'needs-attention');
    expect(run.calls.filter((call) => call === 'runToolStep pay')).toHaveLength(3);
    await run.handle.terminate();
  });
});
