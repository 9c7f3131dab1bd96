import { TestWorkflowEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { searchAttributes } from './messages.ts';
import { approval, draw } from './testing/draw-skeleton.ts';
import type { Trial } from './testing/try-interpreter.ts';
import { bundleInterpreter, quietRuntime, tryInterpreter } from './testing/try-interpreter.ts';
import { patience } from './testing/watch-run.ts';

const types = { Keyword: 2, KeywordList: 7 } as const;
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

const gated = draw([
  { id: 'ask', ...approval },
  { id: 'pay', kind: 'tool', after: ['ask'] },
]);

test('a verdict whose ring was lost is read after a day', async () => {
  const run = await trial.start({ skeleton: gated });
  await expect.poll(() => run.statuses.at(-1), patience).toBe('waiting');
  run.decide('gate of ask', 'approve');
  expect((await run.result()).outcome).toBe('completed');
  const { events } = await run.handle.fetchHistory();
  expect(events?.filter((event) => event.timerFiredEventAttributes)).toHaveLength(1);
  const waits = events?.flatMap(({ timerStartedEventAttributes: of }) => of?.startToFireTimeout?.seconds ?? []);
  expect(waits?.map(Number)).toEqual([24 * 60 * 60, 24 * 60 * 60]);
  expect(run.heard).toEqual(['gate of ask']);
});

test('a step waits for a year by one timer, and what follows starts when it is over', async () => {
  const year = 365 * 24 * 60 * 60 * 1000;
  const skeleton = draw([
    { id: 'rest', kind: 'wait', waitMs: year },
    { id: 'pay', kind: 'tool', after: ['rest'] },
  ]);
  const run = await trial.start({ skeleton });
  const timers = async () => {
    const { events } = await run.handle.fetchHistory();
    return events?.flatMap(({ timerStartedEventAttributes: of }) => of?.startToFireTimeout?.seconds ?? []).map(Number);
  };
  await expect.poll(timers, patience).toEqual([year / 1000]);
  await environment.sleep('364 days');
  expect(run.calls).toEqual([]);
  await environment.sleep('2 days');
  expect((await run.result()).outcome).toBe('completed');
  expect(run.calls).toEqual(['runToolStep pay']);
  expect(await timers()).toEqual([year / 1000]);
});

test('a gate waits for a year, and then goes on', async () => {
  const run = await trial.start({ skeleton: gated });
  await expect.poll(() => run.statuses.at(-1), patience).toBe('waiting');
  await environment.sleep('365 days');
  expect(run.calls).toEqual(['openGate ask']);
  expect(run.heard.length).toBeGreaterThanOrEqual(360);
  run.decide('gate of ask', 'reject');
  await run.ring({ gate: 'gate of ask' });
  expect(await run.result()).toEqual({ outcome: 'rejected' });
  const { events } = await run.handle.fetchHistory();
  expect(events?.length).toBeLessThan(10_000);
});
