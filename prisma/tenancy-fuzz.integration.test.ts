/**
 * Random queries as an actor never show a row of another tenant: joins, filters, set operations, sub-queries and
 * aggregates over every table that the role may read, with conditions that try to let everything through.
 */
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { conditionOf, queries, readableTables } from './testing/random-queries.ts';
import type { StoreWorld } from './testing/store-world.ts';
import { acme, createStoreWorld, fillRun, globex } from './testing/store-world.ts';

let world: StoreWorld;
beforeAll(async () => {
  world = await createStoreWorld();
  await fillRun(world, acme);
  await fillRun(world, globex);
});
afterAll(() => world.close());

type Role = 'api' | 'worker';
/** Of the world that was filled for globex: none of it may be in what acme is shown. */
const foreignMarks = /globex/;

async function seen(role: Role, query: string) {
  return world[role].actAs(acme, (tx) => tx.$queryRawUnsafe<{ tenants: string | null; whole: string | null }[]>(query));
}

test.each<Role>(['api', 'worker'])('500 random queries of the %s see the actor’s tenant only', async (role) => {
  const tables = await readableTables(world[role], acme);
  expect(tables.length).toBeGreaterThan(10);
  let rows = 0;
  await fc.assert(
    fc.asyncProperty(queries(tables), async (query) => {
      const found = await seen(role, query);
      rows += found.length;
      for (const { tenants, whole } of found) {
        for (const tenant of (tenants ?? '').split(',')) expect(['', 'acme']).toContain(tenant);
        expect(whole ?? '').not.toMatch(foreignMarks);
      }
    }),
    { numRuns: 500, endOnFailure: true },
  );
  // The queries do find rows: it is the policies that leave out the others.
  expect(rows).toBeGreaterThan(500);
});

test('the same queries show foreign rows to whom policies do not bind, so that the fuzz could fail', async () => {
  const tables = await readableTables(world.api, acme);
  const sample = fc.sample(queries(tables), { numRuns: 60, seed: 7 });
  let foreign = 0;
  for (const query of sample) {
    const found = await world.asSuperuser(`SELECT tenants, whole FROM (${query}) q`).catch(() => []);
    if (found.some(({ tenants, whole }) => foreignMarks.test(`${tenants}${whole}`))) foreign += 1;
  }
  expect(foreign).toBeGreaterThan(20);
});

test.each<Role>(['api', 'worker'])('what the %s changes at random is never another tenant’s', async (role) => {
  const granted = await world[role].actAs(
    acme,
    (tx) => tx.$queryRaw<{ name: string; column: string }[]>`
      SELECT c.relname::text AS name, a.attname::text AS column FROM pg_class c
      JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
      WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND has_column_privilege(c.oid, a.attnum, 'UPDATE')`,
  );
  expect(granted.length).toBeGreaterThan(5);
  const tables = await readableTables(world[role], acme);
  const before = await foreignState();
  for (const { name, column } of granted) {
    const table = tables.find((one) => one.name === name);
    if (table === undefined) continue;
    const [condition = 'true'] = fc.sample(conditionOf(table, name, tables), 1);
    const update = `UPDATE ${name} SET ${column} = ${column} WHERE ${condition} OR true RETURNING ${table.tenantColumn} AS tenant`;
    // A policy or a trigger may refuse to have the row touched at all.
    const changed = await world[role]
      .actAs(acme, (tx) => tx.$queryRawUnsafe<{ tenant: string }[]>(update))
      .catch((error: Error) => {
        expect(error.message).toMatch(/Code: `(42501|23514)`/);
        return [];
      });
    expect(changed.filter(({ tenant }) => tenant !== 'acme')).toEqual([]);
  }
  expect(await foreignState()).toEqual(before);
});

/** Every row of globex, as the superuser sees them. */
async function foreignState(): Promise<unknown[]> {
  const state: unknown[] = [];
  for (const { name, tenantColumn } of await readableTables(world.api, acme)) {
    state.push(
      await world.asSuperuser(`SELECT xmin::text, to_jsonb(a) AS row FROM ${name} a WHERE ${tenantColumn} = 'globex'`),
    );
  }
  return state;
}
