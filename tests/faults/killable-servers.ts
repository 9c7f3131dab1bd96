/** A PostgreSQL and a Temporal server of a test's own, with data on disk: kill -9 takes them, and they come back where they were. */
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inject } from 'vitest';
import { startGuarded } from '../../dev/children.ts';
import type { DevServer } from '../../dev/temporal.ts';
import { startTemporalDevServer } from '../../dev/temporal.ts';
import { prepareTemplate } from '../../dev/test-postgres.ts';
import type { EmbeddedPostgres } from '../../prisma/embedded.ts';
import { startEmbeddedPostgres } from '../../prisma/embedded.ts';
import { migrate } from '../../prisma/migrate.ts';
import { searchAttributes } from '../../workflows/messages.ts';

export interface KillableServer {
  /** kill -9. Resolves when it is gone. */
  kill(): Promise<void>;
  /** Resolves when it answers again, at the address that it had, with all that it had promised to keep. */
  start(): Promise<void>;
  /** Ends it, if it runs, and removes its data. */
  close(): Promise<void>;
}

/** Where `start` says that it came up elsewhere, somebody else has taken its port: nothing of the test would reach it. */
function expectSame(what: string, before: string, now: string): void {
  if (before !== now) throw new Error(`Unexpected address ${now} of ${what}, expected ${before} as before`);
}

/** As in production what is committed is on disk. Has the template that databases of tests are copied from. */
export async function startKillablePostgres(): Promise<KillableServer & { ownerUrl: string }> {
  const dir = await mkdtemp(join(tmpdir(), 'waymark-killed-postgres-'));
  // When root runs the tests, the server's user has to pass through.
  await chmod(dir, 0o711);
  const options = { dataDir: join(dir, 'data'), logFile: join(dir, 'postgres.log'), startGuarded };
  let server: EmbeddedPostgres = await startEmbeddedPostgres(options);
  const { ownerUrl } = server;
  await prepareTemplate(ownerUrl, migrate);
  return {
    ownerUrl,
    async kill() {
      process.kill(server.pid, 'SIGKILL');
      await server.exited;
    },
    async start() {
      server = await startEmbeddedPostgres(options);
      expectSame('PostgreSQL', ownerUrl, server.ownerUrl);
    },
    async close() {
      await server.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

export interface KillableTemporal extends KillableServer {
  address: string;
  namespace: string;
}

export async function startKillableTemporal(): Promise<KillableTemporal> {
  const dir = await mkdtemp(join(tmpdir(), 'waymark-killed-temporal-'));
  const namespace = 'killed';
  const options = { binary: inject('temporalCli'), namespace, searchAttributes, dataFile: join(dir, 'temporal.db') };
  let server: DevServer = await startTemporalDevServer(options);
  const { address } = server;
  const port = Number(address.split(':')[1]);
  return {
    address,
    namespace,
    async kill() {
      process.kill(server.pid, 'SIGKILL');
      await server.exited;
    },
    async start() {
      server = await startTemporalDevServer({ ...options, port });
      expectSame('Temporal', address, server.address);
    },
    async close() {
      await server.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}
