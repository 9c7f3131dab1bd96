import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { approval, draw } from './testing/draw-skeleton.ts';
import { commit } from './testing/scripted-run.ts';
import type { Trial } from './testing/try-interpreter.ts';
import { attributesOf, boardOf, called, decide, openTrial, patience, told } from './testing/watch-run.ts';

let trial: Trial;

beforeAll(async () => {
  trial = await openTrial();
});
afterAll(() => trial?.stop());

const gated = draw(
  [
    { id: 'read_it' },
    { id: 'ask', ...approval, after: ['read_it'], reads: ['read_it'] },
    { id: 'pay', kind: 'tool', after: ['ask'], reads: ['read_it'] },
  ],
  { resultReads: ['pay'] },
);

describe('gates', () => {
  test('a gate waits in sight of ops, and its approval lets the next step run', async () => {
    const run = await trial.start({ skeleton: gated });
    await told(run, 'waiting');
    expect(run.calls).toEqual(['runAgentStep read_it', 'openGate ask']);
    await expect
      .poll(() => boardOf(run), patience)
      .toBe(
        [
          '**Expense approval**: waiting',
          '',
          '- Read it: done',
          '- Ask: **waiting for manager**',
          '- Pay: not started',
          '',
          `Run \`${run.handle.workflowId}\`, in the API: \`/runs/${run.handle.workflowId}\``,
        ].join('\n'),
      );
    await expect
      .poll(() => attributesOf(run), patience)
      .toEqual({ WaymarkStatus: 'waiting', WaymarkWaitingRole: ['manager'] });

    await decide(run, 'gate of ask', 'approve');
    expect(await run.result()).toEqual({ outcome: 'completed', result: 'digest of the result' });
    expect(run.calls.at(-1)).toBe('runToolStep pay');
    expect(run.statuses).toEqual(['waiting', 'running']);
    await expect.poll(() => attributesOf(run), patience).toEqual({ WaymarkStatus: 'completed' });
    await expect.poll(() => boardOf(run), patience).toContain('- Ask: done, approve\n- Pay: done\n');
  });

  test('a rejection refuses what depends on the gate: it is never run, and the run is rejected', async () => {
    const run = await trial.start({ skeleton: gated });
    await told(run, 'waiting');
    await decide(run, 'gate of ask', 'reject');
    expect(await run.result()).toEqual({ outcome: 'rejected' });
    expect(run.calls).toEqual(['runAgentStep read_it', 'openGate ask']);
    expect(run.told).toEqual([{ node: 'pay', to: 'refused' }]);
    expect(run.ended).toEqual({ outcome: 'rejected' });
    await expect.poll(() => attributesOf(run), patience).toEqual({ WaymarkStatus: 'rejected' });
  });

  test('the verdict is an output like any other: later steps read its digest and conditions its view', async () => {
    const skeleton = draw([
      { id: 'ask', ...approval },
      { id: 'tell', after: ['ask'], reads: ['ask'], when: 'ask.action == "approve"' },
    ]);
    const run = await trial.start({ skeleton });
    await told(run, 'waiting');
    await decide(run, 'gate of ask', 'approve');
    await run.result();
    expect(run.inputs.tell?.[0]?.inputs).toEqual({ ask: 'verdict of gate of ask' });
  });

  test('a gate in a parallel branch holds up nothing else', async () => {
    const skeleton = draw([
      { id: 'ask', ...approval },
      { id: 'pay', after: ['ask'] },
      { id: 'a' },
      { id: 'b', after: ['a'] },
      { id: 'end', after: ['pay', 'b'] },
    ]);
    const run = await trial.start({ skeleton });
    await called(run, 'runAgentStep b');
    expect(run.calls).not.toContain('runAgentStep pay');
    await decide(run, 'gate of ask', 'approve');
    expect((await run.result()).outcome).toBe('completed');
  });

  test('a verdict that is there when the gate opens needs no ring and waits for nobody', async () => {
    const run = await trial.start({
      skeleton: draw([{ id: 'ask', ...approval }]),
      decided: { 'gate of ask': 'approve' },
    });
    expect((await run.result()).outcome).toBe('completed');
    expect(run.statuses).toEqual([]);
    const { events } = await run.handle.fetchHistory();
    expect(events?.some((event) => event.timerStartedEventAttributes)).toBe(false);
  });

  test('two gates wait at once, and each goes on by its own verdict', async () => {
    const skeleton = draw([
      { id: 'x', ...approval },
      { id: 'y', ...approval, waitsFor: 'finance or director' },
      { id: 'after_x', after: ['x'] },
      { id: 'after_y', after: ['y'] },
    ]);
    const run = await trial.start({ skeleton });
    await told(run, 'waiting');
    await vi.waitFor(async () => {
      expect((await attributesOf(run)).WaymarkWaitingRole).toEqual(['director', 'finance', 'manager']);
    }, patience);
    await decide(run, 'gate of y', 'approve');
    await called(run, 'runAgentStep after_y');
    expect(run.calls).not.toContain('runAgentStep after_x');
    await decide(run, 'gate of x', 'reject');
    expect((await run.result()).outcome).toBe('rejected');
    expect(run.told).toEqual([{ node: 'after_x', to: 'refused' }]);
  });
});

describe('rings', () => {
  test('a forged ring, whatever it says, changes nothing', async () => {
    const run = await trial.start({ skeleton: gated });
    await told(run, 'waiting');
    for (const forged of [null, 'approve', { gate: 7 }, { verdict: { action: 'approve' } }]) await run.ring(forged);
    await run.ring({ gate: 'gate of ask', verdict: { action: 'approve', output: 'forged' }, action: 'approve' });
    await run.ring({ gate: 'another', command: 'cancel it' });
    await vi.waitFor(() => expect(run.heard).toEqual(['gate of ask', 'another', 'cancel it']), patience);
    expect(run.calls).toEqual(['runAgentStep read_it', 'openGate ask']);
    expect(run.statuses).toEqual(['waiting']);
    await decide(run, 'gate of ask', 'reject');
    expect((await run.result()).outcome).toBe('rejected');
  });

  test('a flood of rings is heard one at a time', async () => {
    const run = await trial.start({ skeleton: gated });
    await told(run, 'waiting');
    await Promise.all(Array.from({ length: 30 }, (_, index) => run.ring({ gate: `forged ${index % 10}` })));
    await decide(run, 'gate of ask', 'approve');
    expect((await run.result()).outcome).toBe('completed');
    const { events } = await run.handle.fetchHistory();
    let pending = 0;
    let most = 0;
    const hears = new Set<string>();
    for (const event of events ?? []) {
      const scheduled = event.activityTaskScheduledEventAttributes;
      if (scheduled?.activityType?.name === 'hear') {
        hears.add(String(event.eventId));
        pending += 1;
        most = Math.max(most, pending);
      }
      if (hears.has(String(event.activityTaskCompletedEventAttributes?.scheduledEventId))) pending -= 1;
    }
    expect(most).toBe(1);
    expect(run.heard.length).toBeLessThanOrEqual(31);
  });

  test('an early ring is no decision: the gate still opens and waits', async () => {
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const run = await trial.start({
      skeleton: gated,
      steps: { read_it: () => held.then(() => commit('read_it')) },
    });
    await run.ring({ gate: 'gate of ask' });
    await vi.waitFor(() => expect(run.heard).toEqual(['gate of ask']), patience);
    release();
    await told(run, 'waiting');
    await decide(run, 'gate of ask', 'approve');
    expect((await run.result()).outcome).toBe('completed');
  });

  test('a repeated ring is heard again and decides nothing twice', async () => {
    const skeleton = draw([
      { id: 'x', ...approval },
      { id: 'y', ...approval, after: ['x'] },
      { id: 'pay', after: ['y'] },
    ]);
    const run = await trial.start({ skeleton });
    await told(run, 'waiting');
    await decide(run, 'gate of x', 'approve');
    await called(run, 'openGate y');
    await run.ring({ gate: 'gate of x' });
    await vi.waitFor(() => expect(run.heard).toEqual(['gate of x', 'gate of x']), patience);
    expect(run.calls).not.toContain('runAgentStep pay');
    await decide(run, 'gate of y', 'approve');
    expect((await run.result()).outcome).toBe('completed');
    expect(run.calls.filter((call) => call === 'runAgentStep pay')).toHaveLength(1);
  });
});
