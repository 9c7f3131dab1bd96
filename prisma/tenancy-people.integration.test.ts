/**
 * What the people of one tenant see and change of each other's rows. Random queries of each of them are held against the
 * same queries over what the rules below let them see, worked out by the owner of the database, whom no policy binds.
 */
import fc from 'fast-check';
import { Client } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Actor } from './open.ts';
import { fillColleagues, people } from './testing/colleagues.ts';
import type { Row } from './testing/person-rules.ts';
import { all, byPerson, ofTheTenant } from './testing/person-rules.ts';
import type { ReadableTable } from './testing/random-queries.ts';
import { conditionOf, queries, readableTables, wholeOf } from './testing/random-queries.ts';
import type { StoreWorld } from './testing/store-world.ts';
import { acme as ann, createStoreWorld } from './testing/store-world.ts';

let grants: Row[];
let world: StoreWorld;
/** As the superuser, in the schema that holds what somebody sees. */
let oracle: Client;
const readable: Record<string, ReadableTable[]> = {};

beforeAll(async () => {
  world = await createStoreWorld();
  await fillColleagues(world);
  grants = await world.asSuperuser(
    'SELECT s.id AS session_id, g.* FROM transcript_grant g JOIN session s USING (tenant_id, proposal_id, owner_id)',
  );
  for (const role of roles) readable[role] = await readableTables(world[role], ann);
  oracle = new Client({ connectionString: world.database.ownerUrl });
  await oracle.connect();
});
afterAll(async () => {
  await oracle.end();
  await world.close();
});

const roles = ['api', 'worker'] as const;
type Role = (typeof roles)[number];
const everybody = roles.flatMap((role) => people.map((person): [Role, string, Actor] => [role, person.user, person]));

/** Every row of the tenant, each with its place in the table, and as whoever reads the table in this shape is shown it. */
const rowsOf = (table: string, shape?: ReadableTable): Promise<Row[]> =>
  world.asSuperuser(
    `SELECT ctid::text AS place, ${shape ? `${wholeOf(shape, table)}::text AS whole,` : ''} * FROM ${table}
      WHERE ${tenantColumn(table)} = 'acme' ORDER BY ctid`,
  );
const tenantColumn = (table: string) => (table === 'tenant' ? 'id' : 'tenant_id');

/**
 * What the rules let the person see of every table that the role may read: tables of the same names, in a schema that queries
 * then go to. Beside each is one of those rows that they let the person change.
 */
async function layOut(role: Role, person: Actor): Promise<void> {
  await oracle.query('DROP SCHEMA IF EXISTS oracle CASCADE; CREATE SCHEMA oracle; SET search_path = oracle');
  await oracle.query(`SELECT set_config('app.tenant', $1, false), set_config('app.user', $2, false)`, [
    person.tenant,
    person.user,
  ]);
  for (const { name } of readable[role] ?? []) {
    const rows = await rowsOf(name);
    for (const [table, may] of [
      [name, sees],
      [`changes_${name}`, changes],
    ] as const) {
      const places = rows.filter((row) => may(name, row, person)).map(({ place }) => `"${place}"`);
      await oracle.query(
        `CREATE TABLE ${table} AS SELECT * FROM public.${name} WHERE ctid = ANY ('{${places.join()}}'::tid[])`,
      );
    }
  }
}
const sees = (table: string, row: Row, person: Actor) => (byPerson[table]?.seenBy ?? all)(row, person, grants);
const changes = (table: string, row: Row, person: Actor) =>
  sees(table, row, person) && (byPerson[table]?.changedBy ?? all)(row, person, grants);

type Answer = { tenants: string | null; whole: string | null }[];
const inOrder = (rows: Answer) => rows.map(({ tenants, whole }) => `${tenants} ${whole}`).sort();
const allowed = async (query: string) => inOrder((await oracle.query<Row & Answer[number]>(query)).rows);

class RolledBack extends Error {}

/** The rows that the statement gives, of which nothing is kept, or the code with which it is refused. */
async function attempt(role: Role, person: Actor, statement: string): Promise<Answer | string> {
  let rows: Answer = [];
  try {
    await world[role].actAs(person, async (tx) => {
      rows = await tx.$queryRawUnsafe<Answer>(statement);
      throw new RolledBack();
    });
  } catch (error) {
    if (!(error instanceof RolledBack)) return /Code: `(\w+)`/.exec(String(error))?.[1] ?? String(error);
  }
  return rows;
}

/** Of the tables that the role may do it to, each with the columns. */
async function granted(role: Role, right: 'INSERT' | 'UPDATE'): Promise<Map<string, string[]>> {
  const rows = await world.asSuperuser(
    `SELECT c.relname::text AS name, array_agg(a.attname::text ORDER BY a.attnum) AS columns
      FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
      WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND has_column_privilege($1, c.oid, a.attnum, $2)
      GROUP BY c.relname ORDER BY c.relname`,
    [`${role}_user`, right],
  );
  return new Map(rows.map(({ name, columns }) => [String(name), columns as string[]]));
}

test('every table is either its tenant’s or has rules for the people in it', async () => {
  const tables = await world.asSuperuser(
    `SELECT relname::text AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm')
      AND relname <> '_prisma_migrations' ORDER BY relname COLLATE "C"`,
  );
  expect(tables.map(({ name }) => name)).toEqual([...ofTheTenant, ...Object.keys(byPerson)].sort());
});

test('of each table there are rows of all three people, so that what follows proves something', async () => {
  for (const [table, { maker = 'user_id' }] of Object.entries(byPerson)) {
    const makers = new Set((await rowsOf(table)).map((row) => row[maker]));
    expect([table, ...[...makers].sort()]).toEqual([table, 'ann', 'bob', 'cyn']);
  }
});

test.each(everybody)(
  'what random queries of the %s show %s is what the rules let them see',
  async (role, _, person) => {
    await layOut(role, person);
    const tables = readable[role] ?? [];
    const favoured = tables.filter(({ name }) => name in byPerson);
    let rows = 0;
    await fc.assert(
      fc.asyncProperty(queries(tables, favoured), async (query) => {
        const seen = await world[role].actAs(person, (tx) => tx.$queryRawUnsafe<Answer>(query));
        rows += seen.length;
        expect(inOrder(seen)).toEqual(await allowed(query));
      }),
      { numRuns: 250, endOnFailure: true },
    );
    expect(rows).toBeGreaterThan(500);
  },
);

test.each(everybody)(
  'what random updates of the %s change for %s is what the rules let them',
  async (role, _, person) => {
    await layOut(role, person);
    const tables = readable[role] ?? [];
    const columns = [...(await granted(role, 'UPDATE'))].flatMap(([table, names]) =>
      names.map((name) => ({ table, name })),
    );
    const update = fc
      .oneof(fc.constantFrom(...columns), fc.constantFrom(...columns.filter(({ table }) => table in byPerson)))
      .chain(({ table: name, name: column }) => {
        const table = tables.find((one) => one.name === name);
        if (table === undefined) throw new Error(`the ${role} changes what it cannot read: ${name}`);
        const whole = `${name}.${table.tenantColumn} AS tenants, ${wholeOf(table, name)}::text AS whole`;
        return conditionOf(table, name, tables).map((where) => ({
          name,
          statement: `UPDATE ${name} SET ${column} = ${name}.${column} WHERE ${where} RETURNING ${whole}`,
          expected: `SELECT ${whole} FROM changes_${name} AS ${name} WHERE ${where}`,
        }));
      });
    const changed = new Set<string>();
    await fc.assert(
      fc.asyncProperty(update, async ({ name, statement, expected }) => {
        const rows = await attempt(role, person, statement);
        // A rule of what may become of a row can refuse all of it, such as that what was taken back stays so.
        if (typeof rows === 'string') {
          expect([statement, rows]).toEqual([statement, expect.stringMatching(/^(42501|23514)$/)]);
          return;
        }
        if (rows.length > 0) changed.add(name);
        expect(inOrder(rows)).toEqual(await allowed(expected));
      }),
      { numRuns: 150, endOnFailure: true },
    );
    expect([...changed]).toEqual(expect.arrayContaining(['session', 'session_turn']));
  },
);

/** What somebody sees, changes or makes of the table against its rules, each as a line. */
async function breaches(table: string): Promise<string[]> {
  const found: string[] = [];
  for (const [role, user, person] of everybody) {
    const lines = [
      ...(await breachesBySight(table, role, person)),
      ...(await breachesByChange(table, role, person)),
      ...(await breachesByMaking(table, role, person)),
    ];
    found.push(...lines.map((line) => `${role} ${user} ${line}`));
  }
  return found;
}

const nothing = `'' AS tenants, '' AS whole`;
const quoted = (text: string) => `'${text.replaceAll("'", "''")}'`;

async function breachesBySight(table: string, role: Role, person: Actor): Promise<string[]> {
  const shape = readable[role]?.find(({ name }) => name === table);
  if (shape === undefined) return [];
  const seen = await attempt(
    role,
    person,
    `SELECT '' AS tenants, ${wholeOf(shape, table)}::text AS whole FROM ${table}`,
  );
  const texts = new Set(typeof seen === 'string' ? [] : seen.map(({ whole }) => whole));
  const rows = await rowsOf(table, shape);
  return rows
    .filter((row) => texts.has(String(row.whole)) !== sees(table, row, person))
    .map(({ whole }) => `sees ${whole}`);
}

async function breachesByChange(table: string, role: Role, person: Actor): Promise<string[]> {
  const shape = readable[role]?.find(({ name }) => name === table);
  const [column] = (await granted(role, 'UPDATE')).get(table) ?? [];
  if (shape === undefined || column === undefined) return [];
  const found: string[] = [];
  const rows = await rowsOf(table, shape);
  const theirs = rows.filter((row) => changes(table, row, person));
  for (const row of rows) {
    if (theirs.includes(row)) continue;
    const where = `${wholeOf(shape, table)}::text = ${quoted(String(row.whole))}`;
    const done = await attempt(
      role,
      person,
      `UPDATE ${table} SET ${column} = ${column} WHERE ${where} RETURNING ${nothing}`,
    );
    if (typeof done !== 'string' && done.length > 0) found.push(`changes ${row.whole}`);
  }
  // A statement that reads no column is not held by what may be seen.
  const blind = `WITH done AS (UPDATE ${table} SET ${column} = ${quoted(String(rows[0]?.[column]))} RETURNING 1) SELECT ${nothing} FROM done`;
  const done = await attempt(role, person, blind);
  if (typeof done !== 'string' && done.length > theirs.length) found.push(`changes ${done.length} rows of ${table}`);
  return found;
}

async function breachesByMaking(table: string, role: Role, person: Actor): Promise<string[]> {
  const { maker } = byPerson[table] ?? {};
  if (maker === undefined || !(await granted(role, 'INSERT')).has(table)) return [];
  const found: string[] = [];
  for (const { place, ...row } of await rowsOf(table)) {
    if (row[maker] === person.user) continue;
    const copy = `json_populate_record(NULL::${table}, ${quoted(JSON.stringify(row))})`;
    const done = await attempt(
      role,
      person,
      `WITH made AS (INSERT INTO ${table} SELECT * FROM ${copy}) SELECT ${nothing}`,
    );
    // One that comes as far as to be told that it is there already would have been made under another key.
    if (done !== '42501') found.push(`makes ${place} of ${row[maker]}: ${done}`);
  }
  return found;
}

test.each(Object.keys(byPerson))('of %s nobody sees, changes or makes what is another person’s', async (table) => {
  expect(await breaches(table)).toEqual([]);
});

interface Policy {
  table: string;
  name: string;
  command: string;
  roles: string;
  using: string | null;
  check: string | null;
}

test('without any one of the policies on the person somebody does', async () => {
  const policies = (await world.asSuperuser(
    `SELECT tablename::text AS table, policyname::text AS name, cmd AS command, array_to_string(roles, ', ') AS roles, qual AS using,
      with_check AS check FROM pg_policies WHERE permissive = 'RESTRICTIVE' AND concat(qual, with_check) LIKE '%app.user%' ORDER BY 1, 2`,
  )) as unknown as Policy[];
  expect(policies.length).toBeGreaterThan(15);
  const changed = new Set([...(await granted('api', 'UPDATE')).keys(), ...(await granted('worker', 'UPDATE')).keys()]);
  for (const { table, name, command, roles: to, using, check } of policies) {
    // Of what nobody may change at all, the policy is there for the day that somebody may.
    if (command === 'UPDATE' && !changed.has(table)) continue;
    await world.asSuperuser(`DROP POLICY ${name} ON ${table}`);
    const found = await breaches(table);
    await world.asSuperuser(
      `CREATE POLICY ${name} ON ${table} AS RESTRICTIVE FOR ${command} TO ${to}
        ${using === null ? '' : `USING (${using})`} ${check === null ? '' : `WITH CHECK (${check})`}`,
    );
    expect([table, name, found.length > 0]).toEqual([table, name, true]);
  }
});
