import { Client } from 'pg';
import { expect, inject, test } from 'vitest';
import { searchAttributes } from '../workflows/messages.ts';
import { createTestDatabase, testLogins } from './test-postgres.ts';
import { connectDevEnvironment, createTimeSkipping } from './test-temporal.ts';

async function query(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

test('each test database is migrated and apart from the others, also when several are made at once', async () => {
  const databases = await Promise.all([1, 2, 3].map(() => createTestDatabase(inject('ownerUrl'))));
  expect(new Set(databases.map((database) => database.ownerUrl)).size).toBe(3);
  const [first, second] = databases as [(typeof databases)[number], (typeof databases)[number]];
  await query(first.ownerUrl, 'CREATE TABLE only_here (n int)');
  for (const database of databases) {
    expect(await query(database.ownerUrl, `SELECT to_regclass('run') IS NOT NULL AS migrated`)).toEqual([
      { migrated: true },
    ]);
  }
  expect(await query(second.ownerUrl, `SELECT to_regclass('only_here') AS found`)).toEqual([{ found: null }]);
  await Promise.all(databases.map((database) => database.drop()));
  await expect(query(first.ownerUrl, 'SELECT 1')).rejects.toMatchObject({ code: '3D000' });
});

test('the logins of API and worker reach a test database and are no superusers', async () => {
  const database = await createTestDatabase(inject('ownerUrl'));
  for (const [url, user] of [
    [database.apiUrl, testLogins.api.user],
    [database.workerUrl, testLogins.worker.user],
  ] as const) {
    expect(
      await query(url, 'SELECT current_user AS me, rolsuper AS super FROM pg_roles WHERE rolname = current_user'),
    ).toEqual([{ me: user, super: false }]);
  }
  await database.drop();
});

test('the shared dev server answers and knows the search attributes', async () => {
  const environment = await connectDevEnvironment({
    address: inject('temporalAddress'),
    namespace: inject('temporalNamespace'),
  });
  const { customAttributes } = await environment.connection.operatorService.listSearchAttributes({
    namespace: inject('temporalNamespace'),
  });
  expect(Object.keys(customAttributes)).toEqual(expect.arrayContaining(Object.keys(searchAttributes)));
  await environment.teardown();
  expect((await fetch(inject('temporalUiUrl'))).status).toBe(200);
});

test('a time-skipping server jumps over a day', async () => {
  const environment = await createTimeSkipping({ binary: inject('temporalTestServer'), searchAttributes });
  const from = await environment.currentTimeMs();
  await environment.sleep('1 day');
  expect(await environment.currentTimeMs()).toBeGreaterThanOrEqual(from + 86_400_000);
  await environment.teardown();
});
