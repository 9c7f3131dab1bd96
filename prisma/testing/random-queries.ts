/** Random queries over tables: joins, filters, set operations, sub-queries and aggregates, with conditions that try to let everything through. */
import fc from 'fast-check';
import type { Actor, Store } from '../open.ts';

export interface ReadableTable {
  name: string;
  /** The column that says whose row it is. */
  tenantColumn: string;
  /** Those that the role may read. */
  columns: string[];
  /** Whether those are all that the table has. */
  isWhole: boolean;
}

/** The tables of which the store's role may read something, by name. */
export async function readableTables(store: Store, actor: Actor): Promise<ReadableTable[]> {
  const rows = await store.actAs(
    actor,
    (tx) => tx.$queryRaw<{ name: string; columns: string[]; isWhole: boolean }[]>`
      SELECT c.relname::text AS name, has_table_privilege(c.oid, 'SELECT') AS "isWhole",
        array_agg(a.attname::text ORDER BY a.attnum) FILTER (WHERE has_column_privilege(c.oid, a.attnum, 'SELECT')) AS columns
      FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
      WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm') AND c.relname <> '_prisma_migrations'
        AND has_any_column_privilege(c.oid, 'SELECT') GROUP BY c.oid, c.relname ORDER BY c.relname`,
  );
  return rows.map((row) => ({ ...row, tenantColumn: row.name === 'tenant' ? 'id' : 'tenant_id' }));
}

/** All that may be read of the row under the alias, as JSON. */
export function wholeOf({ columns, isWhole }: ReadableTable, alias: string): string {
  if (isWhole) return `to_jsonb(${alias})`;
  return `jsonb_build_object(${columns.map((column) => `'${column}', ${alias}.${column}`).join(', ')})`;
}

/** Conditions over the table under the alias, some of which ask another of the tables. */
export function conditionOf(
  { tenantColumn, columns }: ReadableTable,
  alias: string,
  tables: ReadableTable[],
): fc.Arbitrary<string> {
  const column = fc.constantFrom(...columns).map((name) => `${alias}.${name}`);
  const ofAnother = fc
    .tuple(column, fc.constantFrom(...tables))
    .chain(([name, other]) =>
      fc
        .constantFrom(...other.columns)
        .map((theirs) => `${name}::text IN (SELECT x.${theirs}::text FROM ${other.name} x)`),
    );
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
    column.map((name) => `${name}::text <> current_setting('app.user')`),
    ofAnother,
  );
  return fc
    .array(fc.tuple(simple, fc.constantFrom('AND', 'OR', 'OR NOT')), { minLength: 1, maxLength: 4 })
    .map((parts) => `(${parts.map(([one, glue], index) => (index === 0 ? one : `${glue} ${one}`)).join(' ')})`);
}

/**
 * A query whose every row has the tenants of the rows it is made of in \`tenants\`, and all of them as JSON in \`whole\`. Its
 * rows are the same ones, in whatever order, wherever the tables hold the same rows.
 */
export function queries(tables: ReadableTable[], favoured: ReadableTable[] = tables): fc.Arbitrary<string> {
  const table = fc.oneof(fc.constantFrom(...tables), fc.constantFrom(...favoured));
  const single = table.chain((one) =>
    conditionOf(one, 'a', tables).map(
      (where) =>
        `SELECT a.${one.tenantColumn} AS tenants, ${wholeOf(one, 'a')}::text AS whole FROM ${one.name} a WHERE ${where}`,
    ),
  );
  const joined = fc
    .tuple(table, table, fc.constantFrom('JOIN', 'LEFT JOIN', 'RIGHT JOIN', 'FULL JOIN', 'CROSS JOIN'))
    .chain(([one, two, join]) =>
      fc.tuple(conditionOf(one, 'a', tables), conditionOf(two, 'b', tables)).map(([first, second]) => {
        // Only an equality can be the condition of a full join.
        const equal = `a.${one.tenantColumn} = b.${two.tenantColumn}`;
        const on = join === 'CROSS JOIN' ? '' : `ON ${join === 'FULL JOIN' ? equal : second}`;
        return `SELECT concat_ws(',', a.${one.tenantColumn}, b.${two.tenantColumn}) AS tenants,
          concat(${wholeOf(one, 'a')}, ${wholeOf(two, 'b')}) AS whole
          FROM ${one.name} a ${join} ${two.name} b ${on} WHERE ${first} OR ${second}`;
      }),
    );
  const aggregate = table.chain((one) =>
    conditionOf(one, 'a', tables).map(
      (where) => `SELECT string_agg(DISTINCT a.${one.tenantColumn}, ',') AS tenants,
          jsonb_agg(${wholeOf(one, 'a')} ORDER BY ${wholeOf(one, 'a')})::text AS whole
        FROM ${one.name} a WHERE ${where}`,
    ),
  );
  const lateral = fc.tuple(table, table).map(
    ([
      one,
      two,
    ]) => `SELECT concat_ws(',', a.${one.tenantColumn}, l.t) AS tenants, concat(${wholeOf(one, 'a')}, l.w) AS whole
        FROM ${one.name} a, LATERAL (SELECT b.${two.tenantColumn} AS t, ${wholeOf(two, 'b')} AS w FROM ${two.name} b
          WHERE b.${two.tenantColumn} <> a.${one.tenantColumn} OR true) l`,
  );
  const one = fc.oneof(single, joined, aggregate, lateral);
  return fc.oneof(
    { weight: 4, arbitrary: one },
    { weight: 1, arbitrary: fc.tuple(one, one).map(([first, second]) => `(${first}) UNION ALL (${second})`) },
    { weight: 1, arbitrary: fc.tuple(one, one).map(([first, second]) => `(${first}) EXCEPT (${second})`) },
    { weight: 1, arbitrary: one.map((query) => `WITH RECURSIVE q AS (${query}) SELECT tenants, whole FROM q`) },
    {
      weight: 1,
      arbitrary: one.map((query) => `SELECT tenants, whole FROM (${query}) s ORDER BY whole, tenants LIMIT 500`),
    },
  );
}
