import { TestWorkflowEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { searchAttributes } from './messages.ts';
import { approval, draw } from './testing/draw-skeleton.ts';
import type { StartedRun, Trial } from './testing/try-interpreter.ts';
import { bundleInterpreter, quietRuntime, tryInterpreter } from './testing/try-interpreter.ts';
import { decide, patience } from './testing/watch-run.ts';

const types = { Keyword: 2, KeywordList: 7 } as const;
const hour = 60 * 60 * 1000;
let environment: TestWorkflowEnvironment;
let trial: Trial;

beforeAll(async () => {
  quietRuntime();
  const executable = { type: 'existing-path', path: inject('temporalTestServer') } as const;
  environment = await TestWorkflowEnvironment.createTimeSkipping({ server: { executable } });
  await environment.connection.operatorService.addSearchAttributes({
    namespace: 'default',
    searchAttributes: Object.fromEntries(Object.entries(searchAttributes).map(([name, type]) => [name, types[type]])),
  });
  const { client, nativeConnection: connection } = environment;
  trial = await tryInterpreter({ client, connection, bundle: await bundleInterpreter() });
});
afterAll(async () => {
  await trial?.stop();
  await environment?.teardown();
});

const waits = async (run: StartedRun): Promise<number[]> =>
  ((await run.handle.fetchHistory()).events ?? []).flatMap(({ timerStartedEventAttributes: of }) =>
    of?.startToFireTimeout ? [Number(of.startToFireTimeout.seconds)] : [],
  );

const gate = (more: object = {}) =>
  draw([
    { id: 'ask', ...approval, ...more },
    { id: 'pay', kind: 'tool', after: ['ask'] },
    { id: 'escalate', after: ['ask!overdue'] },
  ]);
const actions = (overdue: 'continue' | 'end') => ({ actions: { ...approval.actions, overdue } });
const due = { gateTimes: { ask: { due: 48 * hour } }, overdue: { 'gate of ask': 'overdue' } };

describe('a gate that is overdue', () => {
  test('goes on as if it had been approved, where the document says so', async () => {
    const run = await trial.start({ skeleton: gate(actions('continue')), ...due });
    expect(await run.result()).toEqual({ outcome: 'completed', result: 'digest of the result' });
    expect(run.calls).toEqual(['openGate ask', 'closeOverdue ask', 'runToolStep pay']);
    // A day at a time, so that a verdict nobody rang for is read.
    expect((await waits(run))[0]).toBe(24 * 60 * 60);
  });

  test('refuses what follows, where it says reject', async () => {
    const run = await trial.start({ skeleton: gate(actions('end')), ...due });
    expect(await run.result()).toEqual({ outcome: 'rejected' });
    expect(run.told).toEqual([
      { node: 'pay', to: 'refused' },
      { node: 'escalate', to: 'refused' },
    ]);
  });

  test('leads only where it says, where it names a step', async () => {
    const run = await trial.start({ skeleton: gate({ ifOverdue: 'link' }), ...due });
    expect((await run.result()).outcome).toBe('completed');
    expect(run.calls).toEqual(['openGate ask', 'closeOverdue ask', 'runAgentStep escalate']);
    expect(run.told).toEqual([{ node: 'pay', to: 'skipped' }]);
  });

  test('asks others besides, once, and says so', async () => {
    const run = await trial.start({ skeleton: gate({ asksOn: 'director' }), gateTimes: { ask: { due: hour } } });
    await expect.poll(() => run.statuses.at(-1), patience).toBe('waiting');
    await environment.sleep('3 hours');
    expect(run.calls).toEqual(['openGate ask', 'closeOverdue ask']);
    const { typedSearchAttributes } = await run.handle.describe();
    expect([...typedSearchAttributes.getAll()].find(({ key }) => key.name === 'WaymarkWaitingRole')?.value).toEqual([
      'director',
      'manager',
    ]);
    await decide(run, 'gate of ask', 'approve');
    expect((await run.result()).outcome).toBe('completed');
  });

  test('is decided by the decision that its row has, when both come together', async () => {
    const run = await trial.start({ skeleton: gate(actions('end')), ...due });
    await expect.poll(() => run.statuses.at(-1), patience).toBe('waiting');
    // Committed, and not yet rung for.
    run.decide('gate of ask', 'approve');
    await environment.sleep('49 hours');
    expect((await run.result()).outcome).toBe('completed');
  });
});

test('reminders are sent at their times, numbered, until somebody decides', async () => {
  const run = await trial.start({ skeleton: gate(), gateTimes: { ask: { remindEvery: 8 * hour } } });
  await expect.poll(() => run.statuses.at(-1), patience).toBe('waiting');
  await environment.sleep('25 hours');
  const reminders = () => run.inputs.ask?.flatMap((input) => ('nth' in input ? [input.nth] : []));
  expect(reminders()).toEqual([1, 2, 3]);
  await decide(run, 'gate of ask', 'approve');
  expect((await run.result()).outcome).toBe('completed');
  expect(reminders()).toEqual([1, 2, 3]);
});

describe('a task of a person', () => {
  const task = (more: object = {}) =>
    draw([
      { id: 'ask', kind: 'person', waitsFor: 'clerk', ...more },
      { id: 'pay', kind: 'tool', after: ['ask'], reads: ['ask'] },
      { id: 'escalate', after: ['ask!overdue'] },
    ]);

  test('gives what was filled in to what follows', async () => {
    const run = await trial.start({ skeleton: task() });
    await expect.poll(() => run.statuses.at(-1), patience).toBe('waiting');
    await decide(run, 'gate of ask', 'done');
    expect((await run.result()).outcome).toBe('completed');
    expect(run.inputs.pay?.[0]?.inputs).toEqual({ ask: 'verdict of gate of ask' });
  });

  test('that nobody does in time refuses what follows, or leads elsewhere without an output', async () => {
    const refused = await trial.start({ skeleton: task(), ...due });
    expect((await refused.result()).outcome).toBe('rejected');
    const led = await trial.start({ skeleton: task({ ifOverdue: 'link' }), ...due });
    expect((await led.result()).outcome).toBe('completed');
    expect(led.calls.at(-1)).toBe('runAgentStep escalate');
  });
});
