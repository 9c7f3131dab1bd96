/**
 * Runs in many executions, on a server that calls a history long at 40 events. `WAYMARK_ALL_ROUNDS` in the environment
 * makes it 10,000 rings and 10,000 items.
 */
import { Client, Connection } from '@temporalio/client';
import type { History } from '@temporalio/common/lib/proto-utils.js';
import type { NativeConnection, WorkflowBundle } from '@temporalio/worker';
import { Worker } from '@temporalio/worker';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import type { DevServer } from '../dev/temporal.ts';
import { startTemporalDevServer } from '../dev/temporal.ts';
import { searchAttributes } from './messages.ts';
import type { Drawn } from './testing/draw-skeleton.ts';
import { approval, draw } from './testing/draw-skeleton.ts';
import { scenarios } from './testing/scenarios.ts';
import type { Trial } from './testing/try-interpreter.ts';
import { bundleInterpreter, connectQuietly, executionsOf, tryInterpreter } from './testing/try-interpreter.ts';
import { called, patience } from './testing/watch-run.ts';

const all = process.env.WAYMARK_ALL_ROUNDS !== undefined;
const rings = all ? 10_000 : 1_000;
const items = all ? 10_000 : 200;

let server: DevServer;
let connection: Connection;
let native: NativeConnection;
let bundle: WorkflowBundle;
let trial: Trial;

beforeAll(async () => {
  server = await startTemporalDevServer({
    binary: inject('temporalCli'),
    namespace: 'go-on',
    searchAttributes,
    dynamicConfig: { 'limit.historyCount.suggestContinueAsNew': 40 },
  });
  connection = await Connection.connect({ address: server.address });
  native = await connectQuietly(server.address);
  bundle = await bundleInterpreter();
  trial = await tryInterpreter({
    client: new Client({ connection, namespace: 'go-on' }),
    connection: native,
    bundle,
    // The longest there is: to replay thousands of rings takes its time on a machine that does much else.
    workflowTaskTimeout: '2 minutes',
  });
});
afterAll(async () => {
  await trial?.stop();
  await native?.close();
  await connection?.close();
  await server?.stop();
});

async function replayed(histories: History[]): Promise<unknown[]> {
  const named = histories.map((history, index) => ({ workflowId: String(index), history }));
  const errors: unknown[] = [];
  for await (const { error } of Worker.runReplayHistories({ workflowBundle: bundle }, named)) {
    if (error !== undefined) errors.push(error);
  }
  return errors;
}

/** Long enough for several executions. */
const tail = (before: string): Drawn[] =>
  Array.from({ length: 30 }, (_, index) => ({ id: `s${index}`, after: [index === 0 ? before : `s${index - 1}`] }));

const once = (calls: readonly string[]) => expect([...new Set(calls)].sort()).toEqual([...calls].sort());

test('any shape of document ends in several executions as it does in one, and each of them replays', async () => {
  const shapes = Object.entries(scenarios).filter(([, { ends }]) => ends === 'completed' || ends === 'rejected');
  for (const [name, { script, drive, ends }] of shapes) {
    const run = await trial.start(script);
    await drive?.(run);
    expect([name, (await run.result()).outcome]).toEqual([name, ends]);
    expect(await replayed(await executionsOf(trial, run))).toEqual([]);
  }
});

test('search attributes and a gate that nobody rang for come along', async () => {
  const run = await trial.start({
    skeleton: draw([
      { id: 'first' },
      { id: 'ask', ...approval },
      ...tail('first'),
      { id: 'more', after: ['ask'] },
      ...tail('first').map(({ id, after = [] }) => ({
        id: `t${id}`,
        after: after.map((one) => (one === 'first' ? 'more' : `t${one}`)),
      })),
    ]),
  });
  await called(run, 'runAgentStep s29');
  const { typedSearchAttributes } = await run.handle.describe();
  const shown = Object.fromEntries([...typedSearchAttributes.getAll()].map(({ key, value }) => [key.name, value]));
  expect(shown).toMatchObject({ WaymarkStatus: 'waiting', WaymarkWaitingRole: ['manager'] });
  run.decide('gate of ask', 'approve');
  await run.ring({ gate: 'gate of ask' });
  expect((await run.result()).outcome).toBe('completed');
  once(run.calls);
  expect((await executionsOf(trial, run)).length).toBeGreaterThan(5);
  expect(run.statuses.filter((status) => status === 'waiting')).toHaveLength(1);
});

test(`${rings} rings across executions: none is lost, and what was decided without one is read again`, async () => {
  const gates = Array.from({ length: 20 }, (_, index): Drawn => ({ id: `ask${index}`, ...approval }));
  const paid = gates.map(({ id }, index): Drawn => ({ id: `pay${index}`, kind: 'tool', after: [id] }));
  const run = await trial.start({ skeleton: draw([{ id: 'first' }, ...gates, ...paid, ...tail('first')]) });
  await called(run, 'openGate ask19');
  const known = Array.from({ length: 20 }, (_, index) => `gate of ask${index}`);
  // Every second is decided without a ring of its own.
  for (const gate of known) run.decide(gate, 'approve');
  let rung = 0;
  const ringSome = async (): Promise<void> => {
    while (rung < rings) {
      rung += 1;
      // Forged ones among them.
      const gate = rung % 10 === 0 ? known[((rung / 10) % 10) * 2] : `forged ${rung}`;
      await run.ring({ gate }).catch((error: unknown) => {
        if (!String(error).includes('already completed')) throw error;
      });
    }
  };
  await Promise.all(Array.from({ length: 20 }, ringSome));
  expect((await run.result()).outcome).toBe('completed');
  expect(run.calls.filter((call) => call.startsWith('runToolStep'))).toHaveLength(20);
  once(run.calls);
}, 3_600_000);

test(`a list of ${items} items is gone through once, a few at a time`, async () => {
  const skeleton = draw([
    { id: 'claims', kind: 'for each', each: { item: 'claim', atOnce: 10 } },
    { id: 'check', in: 'claims' },
  ]);
  const run = await trial.start({ skeleton, lists: { claims: new Array(items).fill(undefined) } });
  await expect.poll(() => run.calls.length, { ...patience, timeout: 1_800_000 }).toBeGreaterThan(items / 2);
  expect((await run.result()).outcome).toBe('completed');
  expect(run.calls.filter((call) => call === 'runAgentStep check')).toHaveLength(items);
  const paths = run.inputs.check?.map(({ path }) => path) ?? [];
  expect(new Set(paths).size).toBe(items);
  const histories = await executionsOf(trial, run);
  expect(histories.length).toBeGreaterThan(items / 20);
  for (const { events } of histories) expect(events?.length).toBeLessThan(200);
}, 3_600_000);
