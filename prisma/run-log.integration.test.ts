import { Client } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { NewEvent } from './run-log.ts';
import { appendEvents, verifyChain } from './run-log.ts';
import type { StoreWorld } from './testing/store-world.ts';
import { acme, createStoreWorld, startRun } from './testing/store-world.ts';

let world: StoreWorld;
beforeAll(async () => {
  world = await createStoreWorld();
});
afterAll(() => world.close());

const event = (run: string, sourceKey: string, more: Partial<NewEvent> = {}): NewEvent => ({
  run,
  type: 'step.started',
  sourceKey,
  body: {},
  ...more,
});
const append = (events: NewEvent[]) => world.worker.actAs(acme, (tx) => appendEvents(tx, events));
const logOf = (runId: string) =>
  world.api.actAs(acme, async (tx) => ({
    events: await tx.runEvent.findMany({ where: { tenantId: 'acme', runId }, orderBy: { seq: 'asc' } }),
    head: await tx.run.findUniqueOrThrow({ where: { id: runId }, select: { seq: true, headHash: true } }),
  }));

test('events are numbered from 1 in the order given, and keep what they say', async () => {
  const run = await startRun(world.api, acme);
  expect(
    await append([
      event(run, 'a', { node: 'größe' }),
      event(run, 'b', { body: { z: 1, a: 'é "quoted" \n \u0000 😀' } }),
    ]),
  ).toEqual([1, 2]);
  const { events, head } = await logOf(run);
  expect(events.map(({ seq, type, sourceKey, node, body }) => ({ seq, type, sourceKey, node, body }))).toEqual([
    { seq: 1, type: 'step.started', sourceKey: 'a', node: 'größe', body: '{}' },
    { seq: 2, type: 'step.started', sourceKey: 'b', node: null, body: '{"a":"é \\"quoted\\" \\n \\u0000 😀","z":1}' },
  ]);
  expect(events[0]?.prevHash).toBe('');
  expect(head).toEqual({ seq: 2, headHash: events[1]?.hash });
  expect(verifyChain(events, head)).toEqual({ ok: true });
  expect(verifyChain(events.slice(1), head)).toEqual({ ok: true });
});

test('twenty appenders at once leave no gap, no double number, and a whole chain', async () => {
  const run = await startRun(world.api, acme);
  const numbers = await Promise.all(
    Array.from({ length: 20 }, async (_, writer) => {
      const own: number[] = [];
      for (let i = 0; i < 5; i += 1)
        own.push(...(await append([event(run, `${writer}/${i}`), event(run, `${writer}/${i}/more`)])));
      return own;
    }),
  );
  expect(numbers.flat().sort((a, b) => a - b)).toEqual(Array.from({ length: 200 }, (_, i) => i + 1));
  for (const own of numbers) expect(own).toEqual([...own].sort((a, b) => a - b));
  const { events, head } = await logOf(run);
  expect(events).toHaveLength(200);
  expect(verifyChain(events, head)).toEqual({ ok: true });
});

test('transactions that each hold a row of the run append without blocking each other for ever', async () => {
  const run = await startRun(world.api, acme);
  await Promise.all(
    Array.from({ length: 10 }, (_, i) =>
      world.api.actAs(acme, async (tx) => {
        // Refers to the run, and so locks its key, before the log locks the row.
        await tx.outbox.create({
          data: {
            tenantId: 'acme',
            id: `${run}-${i}`,
            runId: run,
            workflowId: 'w',
            kind: 'ring',
            payload: '{}',
            nextAt: new Date(),
          },
        });
        await tx.$queryRaw`SELECT pg_sleep(0.05)::text`;
        await appendEvents(tx, [event(run, `${i}`)]);
      }),
    ),
  );
  expect((await logOf(run)).head.seq).toBe(10);
});

test('a source key that is known appends nothing and answers with its number, also when it comes twice at once', async () => {
  const run = await startRun(world.api, acme);
  expect(await append([event(run, 'a'), event(run, 'b'), event(run, 'a')])).toEqual([1, 2, 1]);
  const racing = await Promise.all(Array.from({ length: 8 }, () => append([event(run, 'c')])));
  expect(racing).toEqual(Array.from({ length: 8 }, () => [3]));
  expect((await logOf(run)).head.seq).toBe(3);
});

test('what is rolled back leaves no gap', async () => {
  const run = await startRun(world.api, acme);
  await append([event(run, 'a')]);
  await expect(
    world.worker.actAs(acme, async (tx) => {
      await appendEvents(tx, [event(run, 'b')]);
      throw new Error('thought better of it');
    }),
  ).rejects.toThrow('thought better of it');
  expect(await append([event(run, 'c')])).toEqual([2]);
  expect(verifyChain((await logOf(run)).events)).toEqual({ ok: true });
});

test('nobody changes the log, the owner and superuser included', async () => {
  const run = await startRun(world.api, acme);
  await append([event(run, 'a')]);
  for (const statement of [
    `UPDATE run_event SET body = '{"forged":1}'`,
    'DELETE FROM run_event',
    'TRUNCATE run_event',
  ]) {
    await expect(world.asSuperuser(statement), statement).rejects.toThrow('the run log is append-only');
  }
});

/** As somebody with the disk in hand would: past the triggers. */
async function tamper(statement: string, run: string): Promise<void> {
  const client = new Client({ connectionString: world.database.ownerUrl });
  await client.connect();
  await client.query(`SET session_replication_role = 'replica'`);
  await client.query(statement, [run]);
  await client.end();
}

test.each([
  [
    'a body',
    `UPDATE run_event SET body = '{"amount":2}' WHERE run_id = $1 AND seq = 2`,
    2,
    'its content is not what was hashed',
  ],
  [
    'a type',
    `UPDATE run_event SET type = 'run.ended' WHERE run_id = $1 AND seq = 2`,
    2,
    'its content is not what was hashed',
  ],
  [
    'a source key',
    `UPDATE run_event SET source_key = 'x' WHERE run_id = $1 AND seq = 2`,
    2,
    'its content is not what was hashed',
  ],
  [
    'a node taken away',
    `UPDATE run_event SET node = NULL WHERE run_id = $1 AND seq = 2`,
    2,
    'its content is not what was hashed',
  ],
  [
    'a node made empty',
    `UPDATE run_event SET node = '' WHERE run_id = $1 AND seq = 3`,
    3,
    'its content is not what was hashed',
  ],
  [
    'a time',
    `UPDATE run_event SET at = at + interval '1 ms' WHERE run_id = $1 AND seq = 2`,
    2,
    'its content is not what was hashed',
  ],
  [
    'a hash',
    `UPDATE run_event SET hash = repeat('0', 64) WHERE run_id = $1 AND seq = 2`,
    2,
    'its content is not what was hashed',
  ],
  [
    'a previous hash',
    `UPDATE run_event SET prev_hash = repeat('0', 64) WHERE run_id = $1 AND seq = 2`,
    2,
    'does not follow the event before it',
  ],
  ['an event taken out', `DELETE FROM run_event WHERE run_id = $1 AND seq = 2`, 3, 'expected event 2'],
  ['the end cut off', `DELETE FROM run_event WHERE run_id = $1 AND seq = 3`, 2, 'the log ends at 2, its head says 3'],
])('%s is found when tampered with', async (_what, statement, seq, reason) => {
  const run = await startRun(world.api, acme);
  await append([event(run, 'a'), event(run, 'b', { node: 'pay', body: { amount: 1 } }), event(run, 'c')]);
  await tamper(statement, run);
  const { events, head } = await logOf(run);
  expect(verifyChain(events, head)).toEqual({ ok: false, seq, reason });
});

test('an appended event wakes whoever listens, and a lost connection is made anew', async () => {
  const run = await startRun(world.api, acme);
  const heard: string[] = [];
  const stop = world.api.onRunEvents((id) => heard.push(id));
  const wakes = async (key: string) => {
    const before = heard.length;
    for (let i = 0; heard.length === before; i += 1) {
      await append([event(run, `${key}/${i}`)]);
      await new Promise((resolve) => setTimeout(resolve, 50));
      if (i > 100) throw new Error('nothing was heard');
    }
  };
  await wakes('first');
  expect(new Set(heard)).toEqual(new Set([run]));
  const ended = await world.asSuperuser(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'waymark-listen' AND datname = current_database()`,
  );
  expect(ended).toEqual([{ pg_terminate_backend: true }]);
  await wakes('second');
  stop();
  const count = heard.length;
  await append([event(run, 'after')]);
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(heard.length).toBe(count);
});
