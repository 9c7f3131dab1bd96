import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Tx } from './act-as.ts';
import { openStore } from './open.ts';
import { ask } from './statements.ts';
import type { StoreWorld } from './testing/store-world.ts';
import { acme, createStoreWorld, globex, startRun } from './testing/store-world.ts';

let world: StoreWorld;
beforeAll(async () => {
  world = await createStoreWorld();
});
afterAll(() => world.close());

type Run = NonNullable<Awaited<ReturnType<Tx['run']['findUnique']>>>;

const runOf = (tx: Tx, id: string) => ask<Run>(tx)`SELECT * FROM run WHERE tenant_id = ${acme.tenant} AND id = ${id}`;
const putOne = (tx: Tx, digest: string, content: string) =>
  ask(tx)`INSERT INTO artifact (tenant_id, digest, content, bytes, created_at)
    VALUES (${acme.tenant}, ${digest}, ${content}, 1, now())`;

test('a row asked for by hand is the row of the model', async () => {
  const id = await startRun(world.api, acme);
  const [byHand, byModel] = await world.api.actAs(acme, async (tx) => [
    await runOf(tx, id),
    await tx.run.findMany({ where: { id } }),
  ]);
  expect(byHand).toEqual(byModel);
  expect(byHand?.[0]?.createdAt).toBeInstanceOf(Date);
});

test('statements by hand and by the client are one transaction, under the actor’s rights', async () => {
  const digest = randomUUID();
  const both = world.api.actAs(acme, async (tx) => {
    await putOne(tx, digest, '1');
    expect(await tx.artifact.count({ where: { digest } })).toBe(1);
    throw new Error('after both');
  });
  await expect(both).rejects.toThrow('after both');
  expect(await world.asSuperuser('SELECT 1 FROM artifact WHERE digest = $1', [digest])).toEqual([]);

  const id = await startRun(world.api, acme);
  expect(await world.api.actAs(globex, (tx) => runOf(tx, id))).toEqual([]);
  await expect(
    world.api.actAs(globex, (tx) => putOne(tx, randomUUID(), '1')),
    'a row of another tenant',
  ).rejects.toMatchObject({ code: '42501' });
});

test('statements that are sent together are done in the order in which they were sent', async () => {
  const digest = randomUUID();
  const counts = await world.api.actAs(acme, (tx) => {
    const count = () => ask<{ many: number }>(tx)`SELECT count(*)::int AS many FROM artifact WHERE digest = ${digest}`;
    return Promise.all([count(), putOne(tx, digest, '1'), count()]);
  });
  expect(counts).toEqual([[{ many: 0 }], [], [{ many: 1 }]]);
});

test('of statements that are sent together the first that fails is thrown, and none is kept', async () => {
  const digest = randomUUID();
  const twice = world.api.actAs(acme, (tx) => Promise.all([putOne(tx, digest, '1'), putOne(tx, digest, '2')]));
  await expect(twice).rejects.toMatchObject({ code: '23505' });
  expect(await world.asSuperuser('SELECT 1 FROM artifact WHERE digest = $1', [digest])).toEqual([]);
  // The connection is as good as new.
  await world.api.actAs(acme, (tx) => putOne(tx, digest, '1'));
  expect(await world.asSuperuser('SELECT content FROM artifact WHERE digest = $1', [digest])).toEqual([
    { content: '1' },
  ]);
});

test('a transaction whose failed statement was hushed up says that nothing was committed', async () => {
  const digest = randomUUID();
  const hushed = world.api.actAs(acme, async (tx) => {
    await putOne(tx, digest, '1');
    await putOne(tx, digest, '2').catch(() => undefined);
  });
  await expect(hushed).rejects.toThrow('actAs: nothing was committed, since a statement had failed before');
  expect(await world.asSuperuser('SELECT 1 FROM artifact WHERE digest = $1', [digest])).toEqual([]);
});

test('a tx is dead when its transaction has ended', async () => {
  const kept = await world.api.actAs(acme, async (tx) => ({ tx }));
  await expect(runOf(kept.tx, 'any')).rejects.toThrow('a statement was asked outside the transaction of an actAs');
  await expect(kept.tx.run.findMany()).rejects.toThrow('the transaction of this tx has ended');
});

test('a connection that is lost in a transaction fails it and is replaced', async () => {
  const store = await openStore({ url: world.database.apiUrl, role: 'api', max: 1 });
  const lost = store.actAs(acme, async (tx) => {
    const [row] = await ask<{ pid: number }>(tx)`SELECT pg_backend_pid() AS pid`;
    await world.asSuperuser('SELECT pg_terminate_backend($1)', [row?.pid]);
    await runOf(tx, 'any');
  });
  await expect(lost).rejects.toThrow();
  expect(await store.actAs(acme, (tx) => runOf(tx, 'any'))).toEqual([]);
  await store.close();
});

test('a connection that nobody gives back in time is said', async () => {
  const store = await openStore({ url: world.database.apiUrl, role: 'api', max: 1, maxWaitMs: 50 });
  let release: () => void = () => undefined;
  const holding = store.actAs(
    acme,
    () =>
      new Promise<void>((resolve) => {
        release = resolve;
      }),
  );
  await expect(store.actAs(acme, async () => 1)).rejects.toMatchObject({ code: 'P2028' });
  release();
  await holding;
  await store.close();
});
