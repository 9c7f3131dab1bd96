/**
 * Brings a database to the newest migration. Own and small because it has to run from an installed checkout without a
 * schema engine, several processes at once, on any Postgres from 15 on.
 *
 * Each migration is one transaction and is noted in `_prisma_migrations` with the checksum of its file. A file that was
 * changed after it was applied is refused, as is a database that knows a migration this checkout lacks.
 */
import { createHash, randomUUID } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client } from 'pg';

/** Any number, the same in every process that migrates. */
const MIGRATION_LOCK = 7_226_310;

export interface Migration {
  name: string;
  sql: string;
  /** SHA-256 of the file, hex. */
  checksum: string;
}

export interface Login {
  user: string;
  password: string;
}

export interface MigrateOptions {
  /** Login roles to create, or to set the password of: members of api_user and worker_user, and nothing besides. */
  logins?: { api: Login; worker: Login };
  /** Where the migrations are; the checkout's own unless said. */
  directory?: string;
}

/** The migrations of `directory`, oldest first. */
export async function readMigrations(directory = join(import.meta.dirname, 'migrations')): Promise<Migration[]> {
  const entries = await readdir(directory, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  return Promise.all(
    names.sort().map(async (name) => {
      const sql = await readFile(join(directory, name, 'migration.sql'), 'utf8');
      return { name, sql, checksum: createHash('sha256').update(sql).digest('hex') };
    }),
  );
}

/**
 * Applies what is missing, under a lock: of several callers at once, one applies and the others find it done.
 * `ownerUrl` names a role that may create tables and roles. Returns the names applied by this call, oldest first.
 * Throws on a changed or unknown migration, and on a failing one, which leaves no trace of itself.
 */
export async function migrate(ownerUrl: string, options: MigrateOptions = {}): Promise<{ applied: string[] }> {
  const migrations = await readMigrations(options.directory);
  const client = new Client({ connectionString: ownerUrl, application_name: 'waymark-migrate' });
  await client.connect();
  try {
    await client.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
    const applied = await applyMissing(client, migrations);
    if (options.logins) {
      await ensureLogin(client, options.logins.api, 'api_user');
      await ensureLogin(client, options.logins.worker, 'worker_user');
    }
    return { applied };
  } finally {
    // Ends the session, which gives the lock back.
    await client.end();
  }
}

async function applyMissing(client: Client, migrations: Migration[]): Promise<string[]> {
  await client.query(`CREATE TABLE IF NOT EXISTS public._prisma_migrations (
    id varchar(36) PRIMARY KEY, checksum varchar(64) NOT NULL, finished_at timestamptz, migration_name varchar(255) NOT NULL,
    logs text, rolled_back_at timestamptz, started_at timestamptz NOT NULL DEFAULT now(), applied_steps_count integer NOT NULL DEFAULT 0)`);
  const noted = await client.query<{ migration_name: string; checksum: string }>(
    'SELECT migration_name, checksum FROM public._prisma_migrations WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL',
  );
  const checksums = new Map(noted.rows.map((row) => [row.migration_name, row.checksum]));
  refuseForeign(migrations, checksums);
  const missing = migrations.filter((migration) => !checksums.has(migration.name));
  for (const migration of missing) await applyOne(client, migration);
  if (missing.length > 0) await client.query('GRANT SELECT ON public._prisma_migrations TO api_user, worker_user');
  return missing.map((migration) => migration.name);
}

function refuseForeign(migrations: Migration[], checksums: Map<string, string>): void {
  const known = new Map(migrations.map((migration) => [migration.name, migration.checksum]));
  for (const [name, checksum] of checksums) {
    const here = known.get(name);
    if (here === undefined) {
      throw new Error(`The database has migration ${name}, which this version of Waymark does not know: it is newer.`);
    }
    if (here !== checksum) {
      throw new Error(
        `Migration ${name} was changed after it was applied (file ${here.slice(0, 12)}, database ${checksum.slice(0, 12)}). ` +
          'Put the file back as it was and add a new migration.',
      );
    }
  }
}

async function applyOne(client: Client, migration: Migration): Promise<void> {
  await client.query('BEGIN');
  try {
    await client.query(migration.sql);
    await client.query(
      `INSERT INTO public._prisma_migrations (id, checksum, migration_name, started_at, finished_at, applied_steps_count)
       VALUES ($1, $2, $3, now(), clock_timestamp(), 1)`,
      [randomUUID(), migration.checksum, migration.name],
    );
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK');
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`Migration ${migration.name} failed and was rolled back: ${reason}`, { cause: error });
  }
}

/**
 * Roles belong to the whole server, and two databases of one server may be migrated at once: Postgres then refuses the
 * later change of the same role with "tuple concurrently updated" (XX000) or a duplicate, and asking again is right.
 */
async function ensureLogin(client: Client, login: Login, group: 'api_user' | 'worker_user'): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await setLogin(client, login, group);
      return;
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : undefined;
      if (attempt === 10 || !['XX000', '42710', '23505'].includes(String(code))) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20 * attempt));
    }
  }
}

async function setLogin(client: Client, login: Login, group: 'api_user' | 'worker_user'): Promise<void> {
  const user = client.escapeIdentifier(login.user);
  const exists = await client.query('SELECT FROM pg_catalog.pg_roles WHERE rolname = $1', [login.user]);
  const password = client.escapeLiteral(login.password);
  // Not inheriting, a login that forgets to set its role can do nothing at all. Only a superuser may even restate what
  // else the login may not be, so that is said once, when it is made.
  await client.query(
    exists.rowCount === 0
      ? `CREATE ROLE ${user} LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOINHERIT PASSWORD ${password}`
      : `ALTER ROLE ${user} LOGIN NOINHERIT PASSWORD ${password}`,
  );
  const version = await client.query<{ number: number }>(`SELECT current_setting('server_version_num')::int AS number`);
  // From 16 on each membership says for itself what the attribute NOINHERIT said for all before.
  const terms = (version.rows[0]?.number ?? 0) >= 160_000 ? ' WITH INHERIT FALSE, SET TRUE' : '';
  await client.query(`GRANT ${group} TO ${user}${terms}`);
}

if (import.meta.main) {
  const env = process.env;
  const ownerUrl = env.WAYMARK_OWNER_DATABASE_URL ?? env.DATABASE_URL;
  if (!ownerUrl) {
    console.error('migrate: expected the owner’s address in WAYMARK_OWNER_DATABASE_URL or DATABASE_URL');
    process.exit(2);
  }
  const api = env.WAYMARK_API_DATABASE_PASSWORD;
  const worker = env.WAYMARK_WORKER_DATABASE_PASSWORD;
  if (Boolean(api) !== Boolean(worker)) {
    console.error(
      'migrate: expected both WAYMARK_API_DATABASE_PASSWORD and WAYMARK_WORKER_DATABASE_PASSWORD, or neither',
    );
    process.exit(2);
  }
  const logins =
    api && worker
      ? { api: { user: 'waymark_api', password: api }, worker: { user: 'waymark_worker', password: worker } }
      : undefined;
  try {
    const { applied } = await migrate(ownerUrl, logins ? { logins } : {});
    console.log(applied.length === 0 ? 'migrate: nothing to apply' : `migrate: applied ${applied.join(', ')}`);
  } catch (error) {
    console.error(`migrate: ${error instanceof Error ? error.message : String(error)}`);
    process.exit(1);
  }
}
