import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, inject, test } from 'vitest';
import { migrate, readMigrations } from './migrate.ts';
import { notificationKinds } from './notifications.ts';
import { openStore } from './open.ts';
import { provision } from './provision.ts';
import { schemaDifference } from './testing/schema-diff.ts';
import { fillRun, queryOnce } from './testing/store-world.ts';

const name = () => `empty_${randomBytes(6).toString('hex')}`;
const withPath = (url: string, database: string) => Object.assign(new URL(url), { pathname: `/${database}` });
let database: string;
let url: string;
let directory: string;

beforeEach(async () => {
  database = name();
  await queryOnce(inject('ownerUrl'), `CREATE DATABASE ${database}`);
  url = withPath(inject('ownerUrl'), database).href;
  directory = await mkdtemp(join(tmpdir(), 'waymark-migrations-'));
  await cp(join(import.meta.dirname, 'migrations'), directory, { recursive: true });
});
afterEach(async () => {
  await queryOnce(inject('ownerUrl'), `DROP DATABASE ${database} WITH (FORCE)`);
  await rm(directory, { recursive: true });
});

async function addMigration(migration: string, sql: string): Promise<void> {
  await mkdir(join(directory, migration), { recursive: true });
  await writeFile(join(directory, migration, 'migration.sql'), sql);
}

test('five at once apply every migration once', async () => {
  const all = (await readMigrations()).map((migration) => migration.name);
  const results = await Promise.all(Array.from({ length: 5 }, () => migrate(url)));
  expect(results.map((result) => result.applied).sort((a, b) => b.length - a.length)).toEqual([all, [], [], [], []]);
  expect(await queryOnce(url, 'SELECT migration_name FROM _prisma_migrations ORDER BY 1')).toEqual(
    all.map((migration_name) => ({ migration_name })),
  );
});

test('a migration that was changed after it was applied is refused', async () => {
  await addMigration('29990101000000_more', 'CREATE TABLE more (n int)');
  await migrate(url, { directory });
  await addMigration('29990101000000_more', 'CREATE TABLE more (n bigint)');
  await expect(migrate(url, { directory })).rejects.toThrow(
    'Migration 29990101000000_more was changed after it was applied',
  );
});

test('a database that is newer than the checkout is refused', async () => {
  await addMigration('29990101000000_more', 'CREATE TABLE more (n int)');
  await migrate(url, { directory });
  await expect(migrate(url)).rejects.toThrow(
    'The database has migration 29990101000000_more, which this version of Waymark does not know',
  );
});

test('a migration that fails leaves nothing of itself, keeps those before it, and can be put right', async () => {
  await addMigration('29990101000000_more', 'CREATE TABLE more (n int); SELECT 1 / 0');
  await expect(migrate(url, { directory })).rejects.toThrow(
    'Migration 29990101000000_more failed and was rolled back: division by zero',
  );
  expect(await queryOnce(url, `SELECT to_regclass('more') AS more, to_regclass('run')::text AS run`)).toEqual([
    { more: null, run: 'run' },
  ]);
  await addMigration('29990101000000_more', 'CREATE TABLE more (n int)');
  expect(await migrate(url, { directory })).toEqual({ applied: ['29990101000000_more'] });
});

test('the migrations bring forth exactly the schema', async () => {
  expect(await schemaDifference()).toEqual({
    exitCode: 0,
    script: expect.stringContaining('This is an empty migration'),
  });
});

/** An owner of the database that is no superuser; gives what ends it. */
async function openPlainOwner(): Promise<{ owner: string; ownerUrl: string; drop(): Promise<void> }> {
  const owner = `owner_${database}`;
  await queryOnce(inject('ownerUrl'), `CREATE ROLE ${owner} LOGIN CREATEROLE PASSWORD 'owner'`);
  // The server's roles were made by another; an installation's administrator lets the new owner hand them on.
  await queryOnce(inject('ownerUrl'), `GRANT api_user, worker_user TO ${owner} WITH ADMIN OPTION`);
  await queryOnce(inject('ownerUrl'), `ALTER DATABASE ${database} OWNER TO ${owner}`);
  await queryOnce(url, `ALTER SCHEMA public OWNER TO ${owner}`);
  const ownerUrl = Object.assign(new URL(url), { username: owner, password: 'owner' }).href;
  return {
    owner,
    ownerUrl,
    async drop() {
      await queryOnce(url, `REASSIGN OWNED BY ${owner} TO CURRENT_USER`);
      await queryOnce(url, `DROP OWNED BY ${owner}`);
      await queryOnce(inject('ownerUrl'), `ALTER DATABASE ${database} OWNER TO CURRENT_USER; DROP ROLE ${owner}`);
    },
  };
}

test('a webhook that was sent all kinds is sent those that were added, and another is not', async () => {
  const plain = await openPlainOwner();
  for (const { name } of await readMigrations()) {
    if (name >= '20261122030000') await rm(join(directory, name), { recursive: true });
  }
  await migrate(plain.ownerUrl, { directory });
  await queryOnce(url, `INSERT INTO tenant (id, name, artifact_key) VALUES ('acme', 'Acme', '')`);
  const added = ['delegation-withdrawn', 'write-answered'];
  const known = notificationKinds.filter((kind) => !added.includes(kind));
  for (const [id, kinds] of Object.entries({ all: known, most: known.slice(1) })) {
    const values = `'acme', '${id}', 'https://a.example', '{${kinds}}', '', 'ada', now()`;
    await queryOnce(
      url,
      `INSERT INTO webhook (tenant_id, id, url, kinds, sealed, created_by, created_at) VALUES (${values})`,
    );
  }
  await migrate(plain.ownerUrl);
  expect(await queryOnce(url, 'SELECT id, kinds FROM webhook ORDER BY id')).toEqual([
    { id: 'all', kinds: [...notificationKinds] },
    { id: 'most', kinds: known.slice(1) },
  ]);
  expect(await queryOnce(url, `SELECT FROM pg_policies WHERE policyname = 'while_migrating'`)).toEqual([]);
  await plain.drop();
});

test('an owner that is no superuser migrates, provisions and serves, bound by the policies itself', async () => {
  const { owner, ownerUrl, drop } = await openPlainOwner();
  // Each start of an installation migrates, and gives the logins their passwords again.
  const logins = { api: { user: `${owner}_api`, password: 'a' }, worker: { user: `${owner}_worker`, password: 'w' } };
  await migrate(ownerUrl, { logins });
  await migrate(ownerUrl, { logins });
  await provision(ownerUrl, {
    tenants: [{ id: 'acme', name: 'Acme' }],
    users: [
      { tenant: 'acme', id: 'ann', name: 'Ann', email: 'a@example.com', issuer: 'i', subject: 's', roles: ['manager'] },
    ],
  });
  expect(await queryOnce(ownerUrl, 'SELECT * FROM tenant')).toEqual([]);
  const api = await openStore({ url: ownerUrl, role: 'api' });
  const worker = await openStore({ url: ownerUrl, role: 'worker' });
  await Promise.all([api.ready(), worker.ready()]);
  expect(await api.before.identify('i', 's')).toMatchObject({ tenant: 'acme', user: 'ann', roles: ['manager'] });
  const { run } = await fillRun({ api, worker }, { tenant: 'acme', user: 'ann' });
  expect(await worker.before.runScope(run)).toMatchObject({ tenant: 'acme', requester: 'ann' });
  const due = (await api.before.dueOutbox(10)).filter(({ kind }) => kind === 'start');
  expect(due.map((row) => row.runId)).toEqual([run]);
  await api.before.settleOutbox('acme', due[0]?.id ?? '');
  // What its webhook was told on the way, and the number that its reader gives it.
  const deliveries = await api.before.dueDeliveries({ limit: 10, each: 10, busy: [], leaseMs: 1_000 });
  expect(deliveries.map(({ tenant, fence }) => [tenant, fence])).toEqual([['acme', 1]]);
  const told = await api.actAs({ tenant: 'acme', user: 'ann' }, async (tx) => {
    await tx.$executeRaw`SELECT number_notifications()`;
    return tx.notification.findMany({ select: { kind: true, seq: true } });
  });
  expect(told).toEqual([{ kind: 'suggested', seq: 1 }]);
  await queryOnce(url, `UPDATE webhook_delivery SET state = 'delivered', last_at = now() - interval '2 days'`);
  expect(await api.before.forgetDeliveries(2, 10)).toBe(1);
  await Promise.all([api.close(), worker.close()]);
  expect(await queryOnce(url, "SELECT done_at IS NOT NULL AS done FROM outbox WHERE kind = 'start'")).toEqual([
    { done: true },
  ]);
  await queryOnce(ownerUrl, `DROP ROLE ${owner}_api, ${owner}_worker`);
  await drop();
});

test('logins are made or given the new password, and are nothing but members of their group', async () => {
  const suffix = randomBytes(4).toString('hex');
  const logins = (password: string) => ({
    api: { user: `api_${suffix}`, password },
    worker: { user: `worker_${suffix}`, password },
  });
  await migrate(url, { logins: logins('first') });
  // Several databases of one server migrated at once change the same roles.
  await Promise.all(
    Array.from({ length: 4 }, () =>
      migrate(inject('ownerUrl').replace(/\/[^/]*$/, `/${database}`), { logins: logins("it's \\ new") }),
    ),
  );
  const as = (user: string, password: string) => Object.assign(new URL(url), { username: user, password }).href;
  expect(
    await queryOnce(
      as(`api_${suffix}`, "it's \\ new"),
      `SELECT rolsuper, rolbypassrls, rolinherit, rolcreaterole, rolcreatedb,
      pg_has_role('api_user', 'MEMBER') AS api, pg_has_role('worker_user', 'MEMBER') AS worker, pg_has_role('api_user', 'USAGE') AS inherits
      FROM pg_roles WHERE rolname = current_user`,
    ),
  ).toEqual([
    {
      rolsuper: false,
      rolbypassrls: false,
      rolinherit: false,
      rolcreaterole: false,
      rolcreatedb: false,
      api: true,
      worker: false,
      inherits: false,
    },
  ]);
  await queryOnce(url, `DROP ROLE api_${suffix}, worker_${suffix}`);
});

test('the command migrates the database of its environment and says what it did', async () => {
  const run = (env: Record<string, string>) =>
    promisify(execFile)(process.execPath, [join(import.meta.dirname, 'migrate.ts')], {
      env: { PATH: process.env.PATH, ...env },
    }).then(
      ({ stdout }) => ({ code: 0, output: stdout.trim() }),
      (error: { code: number; stderr: string }) => ({ code: error.code, output: error.stderr.trim() }),
    );
  const all = (await readMigrations()).map((migration) => migration.name).join(', ');
  expect(await run({ DATABASE_URL: url })).toEqual({ code: 0, output: `migrate: applied ${all}` });
  expect(await run({ WAYMARK_OWNER_DATABASE_URL: url, DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' })).toEqual({
    code: 0,
    output: 'migrate: nothing to apply',
  });
  expect(await run({})).toMatchObject({
    code: 2,
    output: expect.stringContaining('WAYMARK_OWNER_DATABASE_URL or DATABASE_URL'),
  });
  expect(await run({ DATABASE_URL: url, WAYMARK_API_DATABASE_PASSWORD: 'only one' })).toMatchObject({ code: 2 });
  expect(await run({ DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' })).toMatchObject({
    code: 1,
    output: expect.stringContaining('ECONNREFUSED'),
  });
});
