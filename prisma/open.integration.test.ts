import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openStore, StoreNotReady } from './open.ts';
import { provision } from './provision.ts';
import type { StoreWorld } from './testing/store-world.ts';
import { acme, createStoreWorld, globex, startRun } from './testing/store-world.ts';

let world: StoreWorld;
beforeAll(async () => {
  world = await createStoreWorld();
});
afterAll(() => world.close());

test('inside actAs the role, tenant and user are the actor’s, and none of them outlives it', async () => {
  const store = await openStore({ url: world.database.apiUrl, role: 'api', max: 1 });
  const who = (actor: typeof acme) =>
    store.actAs(
      actor,
      (tx) =>
        tx.$queryRaw`SELECT current_user::text AS role, current_setting('app.tenant') AS tenant, current_setting('app.user') AS user,
          (SELECT string_agg(id, ',') FROM user_account) AS visible`,
    );
  expect(await who(acme)).toEqual([{ role: 'api_user', tenant: 'acme', user: 'ann', visible: 'ann' }]);
  expect(await who(globex)).toEqual([{ role: 'api_user', tenant: 'globex', user: 'gus', visible: 'gus' }]);
  await store.close();
});

test('actors of two tenants at once never see each other’s rows on the shared connections', async () => {
  const store = await openStore({ url: world.database.workerUrl, role: 'worker', max: 3 });
  const seen = await Promise.all(
    Array.from({ length: 40 }, async (_, i) => {
      const actor = i % 2 === 0 ? acme : globex;
      const users = await store.actAs(actor, (tx) => tx.user.findMany());
      return users.map((user) => user.id).join() === actor.user;
    }),
  );
  expect(seen).toEqual(Array.from({ length: 40 }, () => true));
  await store.close();
});

test('a nested call is refused by name, and so is a question that precedes the tenant', async () => {
  await expect(world.api.actAs(acme, () => world.api.actAs(acme, async () => 1))).rejects.toThrow(
    'actAs was called inside a running actAs: pass on that transaction’s tx instead.',
  );
  await expect(world.api.actAs(acme, () => world.api.before.runScope('x'))).rejects.toThrow(
    'runScope was called inside a running actAs',
  );
  expect(await world.api.actAs(acme, async () => 'the next is fine')).toBe('the next is fine');
});

test('an actor without tenant or user is refused', async () => {
  await expect(world.api.actAs({ tenant: '', user: 'ann' }, async () => 1)).rejects.toThrow(
    'expected an actor with a tenant and a user',
  );
});

test('what throws is rolled back whole', async () => {
  const id = randomUUID();
  const insert = world.api.actAs(acme, async (tx) => {
    await tx.artifact.create({ data: { tenantId: 'acme', digest: id, content: '1', bytes: 1, createdAt: new Date() } });
    throw new Error('after the insert');
  });
  await expect(insert).rejects.toThrow('after the insert');
  expect(await world.asSuperuser('SELECT 1 FROM artifact WHERE digest = $1', [id])).toEqual([]);
});

test('a transaction past its time is rolled back and says so', async () => {
  const slow = world.api.actAs(acme, (tx) => tx.$queryRaw`SELECT pg_sleep(1)::text`, { timeoutMs: 100 });
  await expect(slow).rejects.toThrow(/timeout|expired/i);
});

test('a person is identified by issuer and subject, with roles, before any tenant is known', async () => {
  expect(await world.api.before.identify('https://issuer.example', 'subject-of-ann')).toEqual({
    tenant: 'acme',
    user: 'ann',
    name: 'ann',
    email: 'ann@example.com',
    active: true,
    roles: ['finance', 'manager'],
  });
  expect(await world.api.before.identify('https://other.example', 'subject-of-ann')).toBeUndefined();
  await expect(world.worker.before.identify('https://issuer.example', 'subject-of-ann')).rejects.toMatchObject({
    code: '42501',
  });
});

test('a run’s scope is known by its id alone', async () => {
  const run = await startRun(world.api, acme);
  expect(await world.worker.before.runScope(run)).toEqual({
    run,
    tenant: 'acme',
    requester: 'ann',
    rootRun: run,
    workflowId: `workflow-${run}`,
    documentId: 'expense',
    graphHash: 'hash',
    traceId: 'trace',
    status: 'running',
  });
  expect(await world.worker.before.runScope('none')).toBeUndefined();
});

test('a due row goes to one caller only, comes back when not settled, and never again once it is', async () => {
  await world.asSuperuser('UPDATE outbox SET done_at = now()');
  const runs = await Promise.all(Array.from({ length: 30 }, () => startRun(world.api, acme)));
  const handed = (await Promise.all(Array.from({ length: 10 }, () => world.api.before.dueOutbox(7)))).flat();
  expect(handed.map((row) => row.runId).sort()).toEqual([...runs].sort());
  expect(handed[0]).toEqual({
    tenantId: 'acme',
    id: expect.any(String),
    runId: expect.any(String),
    workflowId: `workflow-${handed[0]?.runId}`,
    kind: 'start',
    payload: '{}',
    attempts: 1,
  });
  expect(await world.api.before.dueOutbox(100)).toEqual([]);
  const [kept, ...others] = handed;
  for (const row of others) await world.api.before.settleOutbox(row.tenantId, row.id);
  await world.asSuperuser(`UPDATE outbox SET next_at = next_at - interval '1 second'`);
  const [before] = await world.asSuperuser('SELECT clock_timestamp()::text AS at');
  expect(await world.api.before.dueOutbox(100)).toEqual([{ ...kept, attempts: 2 }]);
  // Two seconds from when it was handed out: between before that and now.
  const [waiting] = await world.asSuperuser(
    `SELECT next_at >= '${before?.at}'::timestamptz + interval '1999 milliseconds' AS long_enough,
       next_at <= clock_timestamp() + interval '2001 milliseconds' AS short_enough
     FROM outbox WHERE done_at IS NULL`,
  );
  expect(waiting).toEqual({ long_enough: true, short_enough: true });
});

test('a migrated database is ready for both roles', async () => {
  await world.api.ready();
  await world.worker.ready();
});

test('a database is not ready while a row is visible without a tenant', async () => {
  await world.asSuperuser('ALTER TABLE user_account DISABLE ROW LEVEL SECURITY');
  await expect(world.worker.ready()).rejects.toThrow(
    new StoreNotReady('Rows of user_account are visible without a tenant: row-level security is off or has a hole.'),
  );
  await world.asSuperuser('ALTER TABLE user_account ENABLE ROW LEVEL SECURITY');
  await world.worker.ready();
});

test('a database is not ready while a migration is missing', async () => {
  await world.asSuperuser(`UPDATE _prisma_migrations SET finished_at = NULL`);
  await expect(world.api.ready()).rejects.toThrow(/^The database lacks, or has otherwise, the migrations \d+_init/);
  await world.asSuperuser(`UPDATE _prisma_migrations SET finished_at = now()`);
  await world.api.ready();
});

test('an address that does not answer is said when opening', async () => {
  await expect(openStore({ url: 'postgres://nobody@127.0.0.1:1/none', role: 'api' })).rejects.toThrow(
    /could not be opened as api_user: .*ECONNREFUSED/,
  );
});

test('lost connections are replaced', async () => {
  const store = await openStore({ url: world.database.apiUrl, role: 'api' });
  await store.actAs(acme, async () => 1);
  await world.asSuperuser(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'waymark_api' AND datname = current_database()`,
  );
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(await store.actAs(acme, async () => 2)).toBe(2);
  expect(await store.before.runScope('none')).toBeUndefined();
  await store.close();
});

test('provisioning again changes what is given and keeps the artifact key', async () => {
  const keyOf = () => world.asSuperuser(`SELECT name, artifact_key FROM tenant WHERE id = 'acme'`);
  const [before] = await keyOf();
  await provision(world.database.ownerUrl, {
    tenants: [{ id: 'acme', name: 'Acme Ltd' }],
    users: [
      {
        tenant: 'acme',
        id: 'ann',
        name: 'Ann',
        email: 'ann@example.com',
        issuer: 'https://issuer.example',
        subject: 'subject-of-ann',
        roles: ['manager', 'reviewer'],
      },
    ],
  });
  expect(await keyOf()).toEqual([{ name: 'Acme Ltd', artifact_key: before?.artifact_key }]);
  expect(await world.api.before.identify('https://issuer.example', 'subject-of-ann')).toMatchObject({
    name: 'Ann',
    roles: ['manager', 'reviewer'],
  });
});
