/**
 * Random queries as an actor never show a row of another tenant: joins, filters, set operations, sub-queries and
 * aggregates over every table that the role may read, with conditions that try to let everything through.
 */
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
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
interface Table {
  name: string;
  tenantColumn: string;
  columns: string[];
}

async function readableTables(role: Role): Promise<Table[]> {
  const rows = await world[role].actAs(
    acme,
    (tx) => tx.$queryRaw<{ name: string; columns: string[] }[]>`
      SELECT c.relname::text AS name, array_agg(a.attname::text ORDER BY a.attnum) AS columns
      FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
      WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm') AND c.relname <> '_prisma_migrations'
        AND has_table_privilege(c.oid, 'SELECT') GROUP BY c.relname ORDER BY c.relname`,
  );
  return rows.map((row) => ({ ...row, tenantColumn: row.name === 'tenant' ? 'id' : 'tenant_id' }));
}

/** Conditions over the table under the alias. */
const conditionOf = ({ tenantColumn, columns }: Table, alias: string): fc.Arbitrary<string> => {
  const column = fc.constantFrom(...columns).map((name) => `${alias}.${name}`);
  const simple = fc.oneof(
    fc.constant('true'),
    fc.constant(`${alias}.${tenantColumn} = 'globex'`),
    fc.constant(`${alias}.${tenantColumn} <> 'acme'`),
    fc.constant(`${alias}.${tenantColumn} LIKE '%'`),
    fc.constant(`${alias}.${tenantColumn} IN (SELECT id FROM tenant)`),
    fc.constant(`current_setting('app.tenant') = 'acme'`),
    column.map((name) => `${name} IS NOT NULL`),
    column.map((name) => `${name}::text > ''`),
    column.map((name) => `length(${name}::text) BETWEEN 0 AND 9999`),
    column.map((name) => `NOT (${name}::text = 'nothing')`),
  );
  return fc
    .array(fc.tuple(simple, fc.constantFrom('AND', 'OR', 'OR NOT')), { minLength: 1, maxLength: 4 })
    .map((parts) => `(${parts.map(([one, glue], index) => (index === 0 ? one : `${glue} ${one}`)).join(' ')})`);
};

/** A query whose every row has the tenants of the rows it is made of in \`tenants\`, and all of them as JSON in \`whole\`. */
function queries(tables: Table[]): fc.Arbitrary<string> {
  const table = fc.constantFrom(...tables);
  const single = table.chain((one) =>
    conditionOf(one, 'a').map(
      (where) =>
        `SELECT a.${one.tenantColumn} AS tenants, to_jsonb(a)::text AS whole FROM ${one.name} a WHERE ${where}`,
    ),
  );
  const joined = fc
    .tuple(table, table, fc.constantFrom('JOIN', 'LEFT JOIN', 'RIGHT JOIN', 'FULL JOIN', 'CROSS JOIN'))
    .chain(([one, two, join]) =>
      fc.tuple(conditionOf(one, 'a'), conditionOf(two, 'b')).map(([first, second]) => {
        // Only an equality can be the condition of a full join.
        const equal = `a.${one.tenantColumn} = b.${two.tenantColumn}`;
        const on = join === 'CROSS JOIN' ? '' : `ON ${join === 'FULL JOIN' ? equal : second}`;
        return `SELECT concat_ws(',', a.${one.tenantColumn}, b.${two.tenantColumn}) AS tenants,
          concat(to_jsonb(a), to_jsonb(b)) AS whole
          FROM ${one.name} a ${join} ${two.name} b ${on} WHERE ${first} OR ${second}`;
      }),
    );
  const aggregate = table.chain((one) =>
    conditionOf(one, 'a').map(
      (
        where,
      ) => `SELECT string_agg(DISTINCT a.${one.tenantColumn}, ',') AS tenants, jsonb_agg(to_jsonb(a))::text AS whole
        FROM ${one.name} a WHERE ${where}`,
    ),
  );
  const lateral = fc.tuple(table, table).map(
    ([one, two]) => `SELECT concat_ws(',', a.${one.tenantColumn}, l.t) AS tenants, concat(to_jsonb(a), l.w) AS whole
        FROM ${one.name} a, LATERAL (SELECT b.${two.tenantColumn} AS t, to_jsonb(b) AS w FROM ${two.name} b
          WHERE b.${two.tenantColumn} <> a.${one.tenantColumn} OR true) l`,
  );
  const one = fc.oneof(single, joined, aggregate, lateral);
  return fc.oneof(
    { weight: 4, arbitrary: one },
    { weight: 1, arbitrary: fc.tuple(one, one).map(([first, second]) => `(${first}) UNION ALL (${second})`) },
    { weight: 1, arbitrary: fc.tuple(one, one).map(([first, second]) => `(${first}) EXCEPT (${second})`) },
    { weight: 1, arbitrary: one.map((query) => `WITH RECURSIVE q AS (${query}) SELECT tenants, whole FROM q`) },
    { weight: 1, arbitrary: one.map((query) => `SELECT tenants, whole FROM (${query}) s ORDER BY random() LIMIT 500`) },
  );
}

/** Of the world that was filled for globex: none of it may be in what acme is shown. */
const foreignMarks = /globex/;

async function seen(role: Role, query: string) {
  return world[role].actAs(acme, (tx) => tx.$queryRawUnsafe<{ tenants: string | null; whole: string | null }[]>(query));
}

test.each<Role>(['api', 'worker'])('500 random queries of the %s see the actor’s tenant only', async (role) => {
  const tables = await readableTables(role);
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
  const tables = await readableTables('api');
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
  const tables = await readableTables(role);
  const before = await foreignState();
  for (const { name, column } of granted) {
    const table = tables.find((one) => one.name === name);
    if (table === undefined) continue;
    const [condition = 'true'] = fc.sample(conditionOf(table, name), 1);
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
  for (const { name, tenantColumn } of await readableTables('api')) {
    state.push(
      await world.asSuperuser(`SELECT xmin::text, to_jsonb(a) AS row FROM ${name} a WHERE ${tenantColumn} = 'globex'`),
    );
  }
  return state;
}
