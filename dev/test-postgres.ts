import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { startEmbeddedPostgres } from '../prisma/embedded.ts';
import type { Login } from '../prisma/migrate.ts';
import { startGuarded } from './children.ts';

const template = 'waymark_template';

/** The logins of API and worker in every database of a test server. */
export const testLogins = {
  api: { user: 'waymark_api', password: 'api-in-tests' },
  worker: { user: 'waymark_worker', password: 'worker-in-tests' },
} as const satisfies Record<string, Login>;

export interface TestServer {
  /** Of the superuser, for a database with nothing in it. */
  ownerUrl: string;
  /** Ends the server and removes its data. */
  stop(): Promise<void>;
}

export interface TestDatabase {
  /** Of the superuser, who may do what no process of ours may. */
  ownerUrl: string;
  /** What the API and the worker connect with: {@link testLogins}. */
  apiUrl: string;
  workerUrl: string;
  /** Ends every connection to it and removes it. A run of the tests may also leave it to the end of the server. */
  drop(): Promise<void>;
}

export type Migrate = (ownerUrl: string, options: { logins: { api: Login; worker: Login } }) => Promise<unknown>;

/** A PostgreSQL server of its own with data in a temporary folder, made for speed: nothing is forced to disk. */
export async function startTestPostgres(): Promise<TestServer> {
  const dir = await mkdtemp(join(tmpdir(), 'waymark-test-postgres-'));
  // When root runs the tests, the server's user has to pass through.
  await chmod(dir, 0o711);
  const remove = () => rm(dir, { recursive: true, force: true });
  try {
    const options = { dataDir: join(dir, 'data'), logFile: join(dir, 'postgres.log'), durable: false };
    const server = await startEmbeddedPostgres({ ...options, startGuarded });
    return { ownerUrl: server.ownerUrl, stop: () => server.stop().finally(remove) };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** Makes the database that {@link createTestDatabase} copies, by migrating an empty one. Once for each server, before any copy. */
export async function prepareTemplate(ownerUrl: string, migrate: Migrate): Promise<void> {
  await execute(ownerUrl, `CREATE DATABASE ${template}`);
  await migrate(withDatabase(ownerUrl, template), { logins: testLogins });
}

/** A migrated, empty database for one test or one file of tests, in a few tens of milliseconds. */
export async function createTestDatabase(ownerUrl: string): Promise<TestDatabase> {
  const name = `test_${randomBytes(6).toString('hex')}`;
  await execute(ownerUrl, `CREATE DATABASE ${name} TEMPLATE ${template}`);
  const url = withDatabase(ownerUrl, name);
  return {
    ownerUrl: url,
    apiUrl: withLogin(url, testLogins.api),
    workerUrl: withLogin(url, testLogins.worker),
    drop: () => execute(ownerUrl, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`),
  };
}

function withDatabase(url: string, database: string): string {
  const changed = new URL(url);
  changed.pathname = `/${database}`;
  return changed.href;
}

function withLogin(url: string, login: Login): string {
  const changed = new URL(url);
  changed.username = login.user;
  changed.password = login.password;
  return changed.href;
}

async function execute(url: string, sql: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
