import { Client, Connection, WorkflowFailedError } from '@temporalio/client';
import { CancelledFailure } from '@temporalio/common';
import type { NativeConnection } from '@temporalio/worker';
import { afterAll, beforeAll, describe, expect, inject, test, vi } from 'vitest';
import { approval, draw, fan } from './testing/draw-skeleton.ts';
import { commit, failure, untilCancelled } from './testing/scripted-run.ts';
import type { StartedRun, Trial } from './testing/try-interpreter.ts';
import { bundleInterpreter, connectQuietly, tryInterpreter } from './testing/try-interpreter.ts';

let connection: Connection;
let native: NativeConnection;
let trial: Trial;

beforeAll(async () => {
  const address = inject('temporalAddress');
  connection = await Connection.connect({ address });
  native = await connectQuietly(address);
  const client = new Client({ connection, namespace: inject('temporalNamespace') });
  trial = await tryInterpreter({ client, connection: native, bundle: await bundleInterpreter() });
});
afterAll(async () => {
  await trial?.stop();
  await native?.close();
  await connection?.close();
});

const patience = { timeout: 10_000, interval: 20 };
const called = (run: StartedRun, call: string) => vi.waitFor(() => expect(run.calls).toContain(call), patience);
const told = (run: StartedRun, status: string) => vi.waitFor(() => expect(run.statuses.at(-1)).toBe(status), patience);

async function boardOf(run: StartedRun): Promise<string> {
  const metadata = await run.handle.query<{ currentDetails?: string }>('__temporal_workflow_metadata');
  return metadata.currentDetails ?? '';
}

async function attributesOf(run: StartedRun): Promise<Record<string, unknown>> {
  const { typedSearchAttributes } = await run.handle.describe();
  return Object.fromEntries(
    [...typedSearchAttributes.getAll()]
      .filter(({ key }) => key.name.startsWith('Waymark'))
      .map(({ key, value }) => [key.name, value]),
  );
}

async function decide(run: StartedRun, gate: string, action: string): Promise<void> {
  run.decide(gate, action);
  await run.ring({ gate });
}

const gated = draw(
  [
    { id: 'read_it' },
    { id: 'ask', ...approval, after: ['read_it'], reads: ['read_it'] },
    { id: 'pay', kind: 'tool', after: ['ask'], reads: ['read_it'] },
  ],
  { resultReads: ['pay'] },
);

describe('steps and joins', () => {
  test('a chain runs in order, each step with only the digests it reads, and the result with only what it reads', async () => {
    const skeleton = draw(
      [
        { id: 'a' },
        { id: 'b', kind: 'tool', after: ['a'], reads: ['a'] },
        { id: 'c', kind: 'set', after: ['b'], reads: ['a', 'b'] },
        { id: 'd', after: ['c'] },
      ],
      { resultReads: ['c', 'd'] },
    );
    const run = await trial.start({ skeleton });
    expect(await run.result()).toEqual({ outcome: 'completed', result: 'digest of the result' });
    expect(run.calls).toEqual(['runAgentStep a', 'runToolStep b', 'runSetStep c', 'runAgentStep d']);
    const id = run.handle.workflowId;
    expect(run.inputs).toEqual({
      a: [{ run: id, node: 'a' }],
      b: [{ run: id, node: 'b', inputs: { a: 'digest of a' } }],
      c: [{ run: id, node: 'c', inputs: { a: 'digest of a', b: 'digest of b' } }],
      d: [{ run: id, node: 'd' }],
    });
    expect(run.ended).toEqual({ outcome: 'completed', inputs: { c: 'digest of c', d: 'digest of d' } });
    expect(await attributesOf(run)).toEqual({ WaymarkStatus: 'completed' });
  });

  test('all that is ready starts before anything is awaited, and a join waits for both', async () => {
    let arrived = 0;
    let both: () => void = () => undefined;
    const met = new Promise<void>((resolve) => {
      both = resolve;
    });
    const meet = async () => {
      arrived += 1;
      if (arrived === 2) both();
      await met;
      return commit('x');
    };
    const skeleton = draw([
      { id: 'a' },
      { id: 'b', after: ['a'] },
      { id: 'c', after: ['a'] },
      { id: 'd', after: ['b', 'c'] },
    ]);
    const run = await trial.start({ skeleton, steps: { b: meet, c: meet } });
    await run.result();
    expect(run.calls.map((call) => call.split(' ')[1]).join('')).toMatch(/^a(bc|cb)d$/);
    const { events } = await run.handle.fetchHistory();
    const scheduled = events?.flatMap(({ activityTaskScheduledEventAttributes: of }) => of?.activityId ?? []);
    expect(scheduled).toEqual(['a', 'b', 'c', 'd']);
  });

  test('the arm not taken is skipped, and the log says so without an activity of its own', async () => {
    const skeleton = draw([
      { id: 'read_it' },
      { id: 'large', kind: 'choose', arms: [{ when: 'read_it.amount > 500' }, {}], after: ['read_it'] },
      { id: 'ask', ...approval, after: ['large/0'] },
      { id: 'pay', kind: 'tool', after: ['large/1', 'ask'] },
    ]);
    const run = await trial.start({ skeleton, views: { read_it: { values: { amount: 500 } } } });
    expect((await run.result()).outcome).toBe('completed');
    expect(run.calls).toEqual(['runAgentStep read_it', 'runToolStep pay']);
    expect(run.told).toEqual([
      { node: 'large', to: 'chosen', detail: '1' },
      { node: 'ask', to: 'skipped' },
    ]);
    expect(run.inputs.pay?.[0]?.log).toEqual(run.told);
    expect(run.statuses).toEqual([]);
  });

  test('a step whose `when` does not hold passes through, without output', async () => {
    const skeleton = draw([
      { id: 'a', when: 'input.wanted' },
      { id: 'b', after: ['a'], reads: ['a'], when: '!has(a.x)' },
    ]);
    const run = await trial.start({ skeleton, input: { values: { wanted: false } } });
    expect((await run.result()).outcome).toBe('completed');
    expect(run.calls).toEqual(['runAgentStep b']);
    expect(run.inputs.b).toEqual([{ run: run.handle.workflowId, node: 'b', log: [{ node: 'a', to: 'bypassed' }] }]);
  });

  test('transitions at the end ride the closing of the run', async () => {
    const run = await trial.start({ skeleton: draw([{ id: 'a', when: 'false' }]) });
    await run.result();
    expect(run.told).toEqual([{ node: 'a', to: 'bypassed' }]);
    expect(run.statuses).toEqual([]);
  });

  test('a condition over what no view holds is decided by an activity, from the first such arm on', async () => {
    const arms = [{ when: 'input.small' }, { when: 'size(read_it.lines) > 3' }, { when: 'input.large' }, {}];
    const skeleton = draw([
      { id: 'read_it' },
      { id: 'long', kind: 'choose', arms, after: ['read_it'], reads: ['read_it'] },
      { id: 'x', after: ['long/1'], when: 'size(read_it.lines) > 4', reads: ['read_it'] },
      { id: 'y', after: ['long/2'] },
      { id: 'z', after: ['long/3'] },
    ]);
    const script = {
      skeleton,
      input: { values: { small: false, large: true } },
      views: { read_it: { opaque: ['lines'] } },
    };
    const taken = await trial.start({ ...script, holds: { long: 1, x: null } });
    expect((await taken.result()).outcome).toBe('completed');
    expect(taken.calls).toEqual(['runAgentStep read_it', 'evaluateConditions long', 'evaluateConditions x']);
    expect(taken.inputs.long).toEqual([
      {
        run: taken.handle.workflowId,
        node: 'long',
        inputs: { read_it: 'digest of read_it' },
        conditions: [
          { index: 1, of: 'arm' },
          { index: 2, of: 'arm' },
        ],
      },
    ]);
    const otherwise = await trial.start({ ...script, holds: { long: null } });
    await otherwise.result();
    expect(otherwise.told.find(({ to }) => to === 'chosen')).toEqual({ node: 'long', to: 'chosen', detail: '3' });
  });

  test('of 520 steps that are ready 500 are started at once, the rest as these end', async () => {
    const run = await trial.start({ skeleton: fan(520) });
    expect((await run.result()).outcome).toBe('completed');
    const { events } = await run.handle.fetchHistory();
    const scheduled = events?.flatMap((event) => {
      const of = event.activityTaskScheduledEventAttributes;
      return of ? [{ id: of.activityId, task: Number(of.workflowTaskCompletedEventId) }] : [];
    });
    expect(scheduled?.map(({ id }) => id)).toEqual(Array.from({ length: 520 }, (_, index) => `s${index}`));
    expect(scheduled?.filter(({ task }) => task === scheduled[0]?.task)).toHaveLength(500);
  });
});

describe('gates', () => {
  test('a gate waits in sight of ops, and its approval lets the next step run', async () => {
    const run = await trial.start({ skeleton: gated });
    await told(run, 'waiting');
    expect(run.calls).toEqual(['runAgentStep read_it', 'openGate ask']);
    expect(await boardOf(run)).toBe(
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
    expect(await attributesOf(run)).toEqual({ WaymarkStatus: 'waiting', WaymarkWaitingRole: ['manager'] });

    await decide(run, 'gate of ask', 'approve');
    expect(await run.result()).toEqual({ outcome: 'completed', result: 'digest of the result' });
    expect(run.calls.at(-1)).toBe('runToolStep pay');
    expect(run.statuses).toEqual(['waiting', 'running']);
    expect(await attributesOf(run)).toEqual({ WaymarkStatus: 'completed' });
    expect(await boardOf(run)).toContain('- Ask: done, approve\n- Pay: done\n');
  });

  test('a rejection refuses what depends on the gate: it is never run, and the run is rejected', async () => {
    const run = await trial.start({ skeleton: gated });
    await told(run, 'waiting');
    await decide(run, 'gate of ask', 'reject');
    expect(await run.result()).toEqual({ outcome: 'rejected' });
    expect(run.calls).toEqual(['runAgentStep read_it', 'openGate ask']);
    expect(run.told).toEqual([{ node: 'pay', to: 'refused' }]);
    expect(run.ended).toEqual({ outcome: 'rejected' });
    expect(await attributesOf(run)).toEqual({ WaymarkStatus: 'rejected' });
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
    expect(await boardOf(run)).toContain('- Pay: **waiting for finance**\n');
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
    expect(await boardOf(run)).toContain('- Ask: **waiting for manager**\n- Between: done\n- Pay: running\n');
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

describe('failure', () => {
  test('a step that failed for good parks: siblings go on, dependents wait, the run stays open until it is cancelled', async () => {
    const skeleton = draw([
      { id: 'pay', kind: 'tool' },
      { id: 'tell', after: ['pay'] },
      { id: 'a' },
      { id: 'b', after: ['a'] },
    ]);
    const run = await trial.start({ skeleton, steps: { pay: () => Promise.reject(failure('outcome-unknown')) } });
    await called(run, 'runAgentStep b');
    await told(run, 'needs-attention');
    expect(run.calls).not.toContain('runAgentStep tell');
    expect(await attributesOf(run)).toEqual({ WaymarkStatus: 'needs-attention', WaymarkFailedStep: ['pay'] });
    expect(await boardOf(run)).toContain('- Pay: **failed (outcome-unknown), needs attention**\n- Tell: not started\n');
    // Its own activity recorded the failure.
    expect(run.told).toEqual([]);
    expect((await run.handle.describe()).status.name).toBe('RUNNING');

    run.cancel('c1');
    await run.ring({ command: 'c1' });
    expect(await run.result()).toEqual({ outcome: 'cancelled' });
    expect(await attributesOf(run)).toEqual({ WaymarkStatus: 'cancelled', WaymarkFailedStep: ['pay'] });
  });

  test('a failure that says it can be retried is', async () => {
    const flaky = (call: number) => (call < 3 ? Promise.reject(quickRetry()) : commit('a'));
    const run = await trial.start({ skeleton: draw([{ id: 'a' }]), steps: { a: flaky } });
    expect((await run.result()).outcome).toBe('completed');
    expect(run.calls).toHaveLength(3);
  });

  test('a condition that has no value parks its step and says why', async () => {
    const skeleton = draw([{ id: 'a', when: 'input.x / 0 > 1' }, { id: 'b' }]);
    const run = await trial.start({ skeleton, input: { values: { x: 1 } } });
    await told(run, 'needs-attention');
    await called(run, 'runAgentStep b');
    expect(run.told).toEqual([{ node: 'a', to: 'parked', detail: 'condition-failed' }]);
    await run.handle.terminate();
  });

  test('a result that cannot be given needs attention, and a cancel closes the run', async () => {
    const run = await trial.start({ skeleton: draw([{ id: 'a' }]), resultFails: true });
    await told(run, 'needs-attention');
    expect(await attributesOf(run)).toEqual({ WaymarkStatus: 'needs-attention', WaymarkFailedStep: ['Result'] });
    expect(await boardOf(run)).toContain('- A: done\n- Result: failed (invalid-output)\n');
    run.cancel('c1');
    await run.ring({ command: 'c1' });
    expect(await run.result()).toEqual({ outcome: 'cancelled' });
  });
});

describe('cancel', () => {
  const skeleton = draw([{ id: 'a' }, { id: 'b', after: ['a'] }, { id: 'ask', ...approval }]);

  test('by a command stops what runs, starts nothing, and ends the workflow normally as cancelled', async () => {
    const run = await trial.start({ skeleton, steps: { a: untilCancelled } });
    await told(run, 'waiting');
    run.cancel('c1');
    await run.ring({ command: 'c1' });
    expect(await run.result()).toEqual({ outcome: 'cancelled' });
    expect(run.calls).not.toContain('runAgentStep b');
    expect(run.ended).toEqual({ outcome: 'cancelled' });
    expect(await boardOf(run)).toContain('- A: stopped\n- B: never started\n- Ask: stopped\n');
    expect(await attributesOf(run)).toEqual({ WaymarkStatus: 'cancelled' });
  });

  test("by Temporal's own means closes the run the same way, and the workflow is Canceled", async () => {
    const run = await trial.start({ skeleton, steps: { a: untilCancelled } });
    await told(run, 'waiting');
    await run.handle.cancel();
    const error = await run.result().then(String, (thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(WorkflowFailedError);
    expect((error as WorkflowFailedError).cause).toBeInstanceOf(CancelledFailure);
    expect((await run.handle.describe()).status.name).toBe('CANCELLED');
    expect(run.ended).toEqual({ outcome: 'cancelled' });
    expect(await attributesOf(run)).toEqual({ WaymarkStatus: 'cancelled' });
  });

  test('waits for what is in flight to settle, and keeps what it committed', async () => {
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const run = await trial.start({
      skeleton: draw([{ id: 'a' }, { id: 'b', after: ['a'] }]),
      steps: { a: () => held.then(() => commit('a')) },
    });
    await called(run, 'runAgentStep a');
    run.cancel('c1');
    await run.ring({ command: 'c1' });
    await vi.waitFor(() => expect(run.heard).toEqual(['c1']), patience);
    expect(run.ended).toBeUndefined();
    release();
    expect(await run.result()).toEqual({ outcome: 'cancelled' });
    expect(await boardOf(run)).toContain('- A: done\n- B: never started\n');
  });
});

function quickRetry() {
  return failure('transient', false);
}
