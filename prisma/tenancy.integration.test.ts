import { afterAll, beforeAll, expect, test } from 'vitest';
import type { FilledRun, StoreWorld } from './testing/store-world.ts';
import { acme, createStoreWorld, fillRun, globex } from './testing/store-world.ts';

interface Table {
  name: string;
  /** The column that says whose row it is. */
  tenantColumn: 'tenant_id' | 'id';
  columns: string[];
}

const appendOnly = [
  'run_event',
  'admin_event',
  'proposal_event',
  'section_version',
  'message',
  'turn_entry',
  'read_event',
];

let world: StoreWorld;
let tables: Table[];
let foreign: FilledRun;

beforeAll(async () => {
  world = await createStoreWorld();
  await fillRun(world, acme);
  foreign = await fillRun(world, globex);
  tables = await readTables();
});
afterAll(() => world.close());

/** Every table of the database, so that a table added without a policy fails here. */
async function readTables(): Promise<Table[]> {
  const rows = await world.asSuperuser(
    `SELECT t.table_name::text AS name, array_agg(c.column_name::text ORDER BY c.ordinal_position) AS columns
     FROM information_schema.tables t JOIN information_schema.columns c USING (table_schema, table_name)
     WHERE t.table_schema = 'public' AND t.table_name <> '_prisma_migrations' GROUP BY 1 ORDER BY 1`,
  );
  return (rows as { name: string; columns: string[] }[]).map(({ name, columns }) => ({
    name,
    columns,
    tenantColumn: name === 'tenant' ? 'id' : 'tenant_id',
  }));
}

/** A login under a role that may do everything to every table, so that nothing but the policies stands in its way. */
async function asUnrestrictedRole<T>(work: (run: (sql: string) => Promise<Result>) => Promise<T>): Promise<T> {
  const { Client } = await import('pg');
  const client = new Client({ connectionString: world.database.ownerUrl });
  await client.connect();
  try {
    await client.query('BEGIN');
    await client.query('CREATE ROLE everything_granted NOSUPERUSER NOBYPASSRLS');
    await client.query('GRANT ALL ON ALL TABLES IN SCHEMA public TO everything_granted');
    await client.query(
      `SELECT set_config('role', 'everything_granted', true), set_config('app.tenant', 'acme', true), set_config('app.user', 'ann', true)`,
    );
    return await work(async (sql) => {
      await client.query('SAVEPOINT one');
      try {
        const { rows, rowCount } = await client.query(sql);
        return { rows, count: rowCount ?? 0 };
      } catch (error) {
        await client.query('ROLLBACK TO one');
        return { rows: [], count: 0, refused: error instanceof Error ? error.message : String(error) };
      }
    });
  } finally {
    await client.query('ROLLBACK');
    await client.end();
  }
}
interface Result {
  rows: Record<string, unknown>[];
  count: number;
  refused?: string;
}

test('each tenant has a row in every table, so that what follows proves something', async () => {
  expect(tables.map((table) => table.name)).toEqual(expect.arrayContaining(['tenant', 'run', 'admin_event', 'outbox']));
  for (const { name, tenantColumn } of tables) {
    const rows = await world.asSuperuser(`SELECT DISTINCT ${tenantColumn} AS tenant FROM ${name} ORDER BY 1`);
    expect([name, rows]).toEqual([name, [{ tenant: 'acme' }, { tenant: 'globex' }]]);
  }
});

test('every table has row-level security, forced, and carries its tenant', async () => {
  const rows = await world.asSuperuser(
    `SELECT c.relname::text AS name, c.relrowsecurity AS enabled, c.relforcerowsecurity AS forced, count(p.polname)::int AS policies
     FROM pg_class c LEFT JOIN pg_policy p ON p.polrelid = c.oid AND p.polname = 'same_tenant' AND p.polcmd = '*' AND p.polroles = '{0}'
     WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND c.relname <> '_prisma_migrations' GROUP BY 1, 2, 3 ORDER BY 1`,
  );
  expect(rows).toEqual(tables.map(({ name }) => ({ name, enabled: true, forced: true, policies: 1 })));
  for (const table of tables)
    expect([table.name, table.columns]).toEqual([table.name, expect.arrayContaining([table.tenantColumn])]);
});

test('a row of another tenant is neither seen, changed, deleted nor made, whatever else is granted', async () => {
  await asUnrestrictedRole(async (run) => {
    for (const { name, tenantColumn, columns } of tables) {
      const seen = await run(`SELECT DISTINCT ${tenantColumn} AS tenant FROM ${name}`);
      expect([name, seen.rows]).toEqual([name, [{ tenant: 'acme' }]]);
      // The logs refuse every change by a trigger, before policies are asked.
      if (!appendOnly.includes(name)) {
        expect([
          name,
          (await run(`UPDATE ${name} SET ${tenantColumn} = ${tenantColumn} WHERE ${tenantColumn} = 'globex'`)).count,
        ]).toEqual([name, 0]);
        expect([name, (await run(`DELETE FROM ${name} WHERE ${tenantColumn} = 'globex'`)).count]).toEqual([name, 0]);
        const given = await run(`UPDATE ${name} SET ${tenantColumn} = 'globex'`);
        expect([name, given.refused]).toEqual([name, expect.stringContaining('row-level security policy')]);
      }
      // A copy of an own row in the other tenant's name.
      const values = columns.map((column) =>
        column === tenantColumn ? `'globex'` : column === 'status' && name === 'step_execution' ? `'running'` : column,
      );
      const copied = await run(`INSERT INTO ${name} (${columns.join(', ')}) SELECT ${values.join(', ')} FROM ${name}`);
      expect([name, copied.refused]).toEqual([name, expect.stringContaining('row-level security policy')]);
    }
  });
});

test.each(['api', 'worker'] as const)(
  'the %s sees its actor’s tenant only, in every table it may read',
  async (role) => {
    const readable = await world[role].actAs(
      acme,
      (tx) =>
        tx.$queryRaw<{ name: string }[]>`SELECT c.relname::text AS name FROM pg_class c
      WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relname <> '_prisma_migrations' AND has_table_privilege(c.oid, 'SELECT')`,
    );
    expect(readable.map(({ name }) => name)).toEqual(expect.arrayContaining(['tenant', 'run', 'membership', 'gate']));
    for (const { name } of readable) {
      const column = name === 'tenant' ? 'id' : 'tenant_id';
      const rows = await world[role].actAs(acme, (tx) =>
        tx.$queryRawUnsafe(`SELECT DISTINCT ${column} AS tenant FROM ${name}`),
      );
      expect([name, rows]).toEqual([name, [{ tenant: 'acme' }]]);
    }
  },
);

test('a reference to another tenant’s row is refused, even by those whom policies do not bind', async () => {
  await expect(
    world.asSuperuser(
      `INSERT INTO command (tenant_id, id, run_id, kind, user_id, comment, created_at) VALUES ('acme', 'c', $1, 'cancel', 'ann', '', now())`,
      [foreign.run],
    ),
  ).rejects.toMatchObject({ code: '23503', constraint: 'command_tenant_id_run_id_fkey' });
});

test('an event cannot be appended to another tenant’s run', async () => {
  await expect(
    world.api.actAs(
      acme,
      (tx) => tx.$queryRaw`SELECT append_run_event(${foreign.run}, 'run.ended', 'forged', NULL, '{}')`,
    ),
  ).rejects.toThrow(/no run .* in this tenant/);
});
