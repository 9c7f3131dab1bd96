/** Whether a database can be used, and says no to what would be unsafe. */
import type { Pool } from 'pg';
import { readMigrations } from './migrate.ts';

/** The database lacks what this version needs, or would show what it must hide. The message says which and what to do. */
export class StoreNotReady extends Error {
  override name = 'StoreNotReady';
}

/** Throws StoreNotReady, or what the connection threw. `pool` is under the process's role, with no tenant set. */
export async function checkReadiness(pool: Pool): Promise<void> {
  await checkMigrations(pool);
  await checkRole(pool);
  await checkNothingVisible(pool);
}

async function checkMigrations(pool: Pool): Promise<void> {
  const found = await pool.query<{ there: boolean }>(
    `SELECT to_regclass('public._prisma_migrations') IS NOT NULL AS there`,
  );
  const noted = found.rows[0]?.there
    ? await pool.query<{ name: string; checksum: string }>(
        'SELECT migration_name AS name, checksum FROM public._prisma_migrations WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL',
      )
    : { rows: [] };
  const checksums = new Map(noted.rows.map((row) => [row.name, row.checksum]));
  const lacking = (await readMigrations()).filter((migration) => checksums.get(migration.name) !== migration.checksum);
  if (lacking.length > 0) {
    const names = lacking.map((migration) => migration.name).join(', ');
    throw new StoreNotReady(
      `The database lacks, or has otherwise, the migrations ${names}. Run \`npm run migrate\` as its owner.`,
    );
  }
}

async function checkRole(pool: Pool): Promise<void> {
  const { rows } = await pool.query<{ role: string; unbound: boolean }>(
    'SELECT rolname AS role, rolsuper OR rolbypassrls AS unbound FROM pg_catalog.pg_roles WHERE rolname = current_user',
  );
  const current = rows[0];
  if (!current || current.unbound) {
    throw new StoreNotReady(
      `Role ${current?.role ?? 'unknown'} is not bound by row-level security; expected NOSUPERUSER NOBYPASSRLS.`,
    );
  }
}

async function checkNothingVisible(pool: Pool): Promise<void> {
  const tables = await pool.query<{ name: string }>(
    `SELECT quote_ident(c.relname) AS name FROM pg_catalog.pg_class c
     WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND c.relname <> '_prisma_migrations'
       AND has_table_privilege(c.oid, 'SELECT') ORDER BY 1`,
  );
  if (tables.rows.length === 0)
    throw new StoreNotReady('This role may read no table at all: the migrations’ grants are missing.');
  const selections = tables.rows.map(({ name }) => `(SELECT '${name}' WHERE EXISTS (SELECT FROM public.${name}))`);
  const { rows } = await pool.query<{ visible: string }>(
    `SELECT visible FROM (${selections.join(' UNION ALL ')}) AS t(visible)`,
  );
  if (rows.length > 0) {
    const names = rows.map((row) => row.visible).join(', ');
    throw new StoreNotReady(`Rows of ${names} are visible without a tenant: row-level security is off or has a hole.`);
  }
}
