import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { LoggedEvent } from './fold-run.ts';
import { Fold, foldRun } from './fold-run.ts';
import { eventTypes } from './run-log.ts';

type Told = [type: string, node: string | null, body?: LoggedEvent['body']];
const logged = (told: Told[]): LoggedEvent[] =>
  told.map(([type, node, body = {}], index) => ({ seq: index + 1, type, node, body }));

test('a step is where its last event left it, and says why it failed only while it has', () => {
  const events = logged([
    ['run.started', null],
    ['step.started', 'pay', { execution: 'x', attempt: 1 }],
    ['step.failed', 'pay', { execution: 'x', attempt: 1, class: 'tool-failed' }],
    ['run.status', null, { status: 'needs-attention' }],
  ]);
  expect(foldRun(events)).toEqual({
    seq: 4,
    status: 'needs-attention',
    paused: false,
    steps: [{ step: 'pay', path: '', status: 'failed', class: 'tool-failed', attempt: 1 }],
    gates: [],
    effects: [],
  });
  const again: LoggedEvent = { seq: 5, type: 'step.started', node: 'pay', body: { execution: 'x', attempt: 2 } };
  expect(foldRun([...events, again]).steps).toEqual([{ step: 'pay', path: '', status: 'running', attempt: 2 }]);
});

test('items of one step are told apart, also where an event names only the execution', () => {
  const { steps } = foldRun(
    logged([
      ['step.started', 'pay', { execution: 'a', path: 'pay[0]' }],
      ['step.started', 'pay', { execution: 'b', path: 'pay[1]' }],
      ['step.committed', 'pay', { execution: 'a' }],
      ['step.bypassed', 'pay', { path: 'pay[1]' }],
    ]),
  );
  expect(steps.map(({ path, status }) => [path, status])).toEqual([
    ['pay[0]', 'committed'],
    ['pay[1]', 'skipped'],
  ]);
});

test('a gate waits, is decided, and asked again where what it approved lapsed', () => {
  const told: Told[] = [
    ['gate.opened', 'ask', { gate: 'g1', purpose: 'step' }],
    ['gate.decided', 'ask', { gate: 'g1', action: 'approve' }],
    ['gate.lapsed', 'ask', { gate: 'g1' }],
    ['gate.opened', 'ask', { gate: 'g2', purpose: 'step' }],
  ];
  const after = (events: number) => foldRun(logged(told.slice(0, events)));
  expect([1, 2, 3, 4].map((events) => after(events).steps[0]?.status)).toEqual([
    'waiting',
    'committed',
    'pending',
    'waiting',
  ]);
  expect(after(4).gates).toEqual([
    { gate: 'g1', step: 'ask', purpose: 'step', status: 'lapsed', verdict: 'approve' },
    { gate: 'g2', step: 'ask', purpose: 'step', status: 'open' },
  ]);
});

test('what a run finds decided that goes on with another waits for nobody', () => {
  const found = { status: 'decided', action: 'approve' };
  const { steps, gates } = foldRun(
    logged([
      ['gate.opened', 'ask', { gate: 'g1', purpose: 'step', ...found }],
      ['step.started', 'pay', { execution: 'x', attempt: 1 }],
      ['gate.opened', 'pay', { gate: 'g2', purpose: 'approval', execution: 'x', ...found }],
    ]),
  );
  expect(steps.map(({ step, status, gate }) => [step, status, gate])).toEqual([
    ['ask', 'committed', 'g1'],
    ['pay', 'running', 'g2'],
  ]);
  expect(gates.map(({ status, verdict }) => [status, verdict])).toEqual([
    ['decided', 'approve'],
    ['decided', 'approve'],
  ]);
});

test('a write that was taken back is one write', () => {
  const { effects } = foldRun(
    logged([
      ['effect.intended', 'pay', { effect: 'e1', tool: 'bank.pay' }],
      ['effect.settled', 'pay', { effect: 'e1', status: 'succeeded' }],
      ['effect.intended', 'pay', { effect: 'e2', tool: 'bank.reverse', takesBack: 'e1' }],
      ['effect.settled', 'pay', { effect: 'e2', status: 'unknown', takesBack: 'e1' }],
    ]),
  );
  expect(effects).toEqual([{ effect: 'e1', step: 'pay', tool: 'bank.pay', status: 'succeeded', undone: 'unknown' }]);
});

test('a write that could not be taken back says so, and of one that may have been that nobody knows', () => {
  const undone = (failureClass: string) =>
    foldRun(
      logged([
        ['effect.intended', 'pay', { effect: 'e1', tool: 'bank.pay' }],
        ['effect.undo-failed', 'pay', { effect: 'e1', class: failureClass }],
      ]),
    ).effects[0]?.undone;
  expect([undone('not-allowed'), undone('outcome-unknown')]).toEqual(['failed', 'unknown']);
});

const someEvent = fc.record({
  type: fc.constantFrom(...eventTypes, 'step.danced'),
  node: fc.constantFrom(null, 'a', 'b', 'ask'),
  body: fc.dictionary(
    fc.constantFrom(
      'execution',
      'path',
      'gate',
      'effect',
      'status',
      'class',
      'action',
      'purpose',
      'paused',
      'takesBack',
    ),
    fc.oneof(fc.constantFrom('x', 'y', 'running', 'succeeded', 'step'), fc.boolean(), fc.nat(3)),
    { noNullPrototype: true },
  ),
});

test('whatever was logged folds, and going on from any event on gives what folding all at once does', () => {
  fc.assert(
    fc.property(fc.array(someEvent, { maxLength: 40 }), fc.nat(40), (told, cut) => {
      const events = told.map((event, index) => ({ seq: index + 1, ...event }));
      const whole = foldRun(events);
      const fold = new Fold();
      for (const event of events.slice(0, cut)) fold.take(event);
      const before = JSON.stringify(fold.run);
      for (const event of events.slice(cut)) fold.take(event);
      expect(fold.run).toEqual(whole);
      expect(JSON.stringify(foldRun(events.slice(0, cut)))).toBe(before);
      expect(whole.seq).toBe(events.length);
      for (const step of whole.steps)
        expect(whole.steps.filter((one) => one.step === step.step && one.path === step.path)).toHaveLength(1);
    }),
  );
});
