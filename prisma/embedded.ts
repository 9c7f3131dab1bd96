import { existsSync } from 'node:fs';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import type { PostgresBinaries } from './embedded-binaries.ts';
import { findPostgresBinaries, postgresEnv } from './embedded-binaries.ts';
import type { Cluster } from './embedded-cluster.ts';
import { accountFor, awaitUnlocked, ownerRole, prepareCluster } from './embedded-cluster.ts';

/** Starts a process that does not outlive us; the development stack passes its own. */
export type StartProcess = (options: {
  name: string;
  command: string;
  args: readonly string[];
  env: Readonly<Record<string, string>>;
  cwd: string;
  uid?: number;
  gid?: number;
  stopSignal: 'SIGINT';
  logFile?: string;
}) => StartedProcess;

export interface StartedProcess {
  readonly pid: number;
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  lastLines(): string;
  /** Resolves to the first value of `probe` that is not undefined; rejects, saying why, when the process ends or is too slow. */
  ready<T>(probe: () => Promise<T | undefined>, timeoutMs: number): Promise<T>;
  stop(timeoutMs?: number): Promise<void>;
}

export interface EmbeddedPostgresOptions {
  /** Where the data is kept; made when it is not there. */
  dataDir: string;
  /**
   * A folder of this user that every user can enter, for what cannot stay where it is; made when needed. When left out it is
   * `/var/lib/waymark` for root and `/var/tmp/waymark-<uid>` for others.
   */
  runtimeDir?: string;
  startGuarded: StartProcess;
  logFile?: string;
  /** False trades safety for speed: a crash of the machine (not of a process) may lose the data. For tests. */
  durable?: boolean;
}

export interface EmbeddedPostgres {
  port: number;
  /** Address and password of the superuser `waymark_owner`, for the database `waymark`. */
  ownerUrl: string;
  pid: number;
  exited: StartedProcess['exited'];
  /** Ends all connections and the server, without loss. */
  stop(): Promise<void>;
}

const databaseName = 'waymark';
const startTimeoutMs = 60_000;

/**
 * Starts a real PostgreSQL 18 on `dataDir`, from the binaries of the optional npm package for this platform; makes the cluster and the database
 * `waymark` when they are not there. Resolves when the database answers. Listens on 127.0.0.1 only, no password no entry, and on
 * the port of the last start when it is free. A folder left by a kill -9 of anyone is recovered.
 *
 * In `dataDir` lie `cluster/` (the data), `owner-password` (mode 600) and `port`. PostgreSQL refuses to run as root, so for root it runs
 * as `nobody`, who must be able to enter `dataDir`. When it cannot (a home of mode 700), the cluster lies below `runtimeDir`, and
 * `dataDir/location` names it; removing `dataDir` starts anew then too.
 *
 * Throws when there are no binaries for this machine, when another server uses the data, or with the server's last lines when it does not start.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const dataDir = resolve(options.dataDir);
  const runtimeDir = options.runtimeDir ?? defaultRuntimeDir();
  const durable = options.durable ?? true;
  if (!existsSync(dataDir)) {
    await mkdir(dataDir, { recursive: true });
    await chmod(dataDir, 0o755);
  }
  const account = await accountFor(dataDir);
  const binaries = await findPostgresBinaries({ account, runtimeDir });
  const cluster = await prepareCluster({ dataDir, runtimeDir, account, binaries, durable });
  await awaitUnlocked(cluster);

  const portFile = join(dataDir, 'port');
  const keptPort = Number(await readFile(portFile, 'utf8').catch(() => '0'));
  for (let attempt = 1; ; attempt += 1) {
    const port = await freePort(attempt === 1 ? keptPort : 0);
    const server = startServer(binaries, cluster, port, durable, options);
    const ownerUrl = `postgresql://${ownerRole}:${cluster.ownerPassword}@127.0.0.1:${port}/${databaseName}`;
    try {
      await server.ready(() => openDatabase(ownerUrl), startTimeoutMs);
    } catch (error) {
      await server.stop();
      if (attempt < 10 && isPassing(server.lastLines())) {
        await delay(200);
        continue;
      }
      throw error;
    }
    if (port !== keptPort) await writeFile(portFile, String(port));
    return { port, ownerUrl, pid: server.pid, exited: server.exited, stop: () => server.stop(30_000) };
  }
}

function startServer(
  binaries: PostgresBinaries,
  cluster: Cluster,
  port: number,
  durable: boolean,
  options: EmbeddedPostgresOptions,
): StartedProcess {
  const settings = {
    listen_addresses: '127.0.0.1',
    port,
    unix_socket_directories: '',
    max_connections: 200,
    timezone: 'UTC',
    log_timezone: 'UTC',
    // Statements and details hold people's data, which no log may.
    log_min_error_statement: 'panic',
    log_error_verbosity: 'terse',
    ...(durable ? {} : { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' }),
  };
  return options.startGuarded({
    name: 'postgres',
    command: binaries.postgres,
    args: ['-D', cluster.path, ...Object.entries(settings).flatMap(([key, value]) => ['-c', `${key}=${value}`])],
    env: postgresEnv,
    cwd: '/',
    ...cluster.account,
    // Its "fast shutdown"; SIGTERM would wait for every client to leave.
    stopSignal: 'SIGINT',
    ...(options.logFile === undefined ? {} : { logFile: options.logFile }),
  });
}

/** A port taken by another since we looked, or backends of a killed server that have not ended yet: the next try may do. */
function isPassing(lastLines: string): boolean {
  return /could not (bind|create any TCP\/IP sockets)|pre-existing shared memory block|lock file .* already exists/.test(
    lastLines,
  );
}

async function openDatabase(ownerUrl: string): Promise<true> {
  try {
    await query(ownerUrl, 'SELECT 1');
  } catch (error) {
    if ((error as { code?: string }).code !== '3D000') throw error;
    const maintenance = new URL(ownerUrl);
    maintenance.pathname = '/postgres';
    await query(maintenance.href, `CREATE DATABASE ${databaseName}`);
  }
  return true;
}

async function query(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5000 });
  client.on('error', () => {}); // A server that goes away during the query makes the query itself fail.
  try {
    await client.connect();
    await client.query(sql);
  } finally {
    await client.end().catch(() => {});
  }
}

/** Root's data may lie here for good, so not where old files are cleaned away; others need it for a copy of the programs at most. */
function defaultRuntimeDir(): string {
  if (process.getuid?.() === 0 && existsSync('/var/lib')) return '/var/lib/waymark';
  return join(existsSync('/var/tmp') ? '/var/tmp' : tmpdir(), `waymark-${process.getuid?.() ?? 'user'}`);
}

/** `preferred` when nobody listens there, else any free port. */
async function freePort(preferred: number): Promise<number> {
  const listened = (port: number) =>
    new Promise<number | undefined>((done) => {
      const probe = createServer();
      probe.once('error', () => done(undefined));
      probe.listen({ port, host: '127.0.0.1', exclusive: true }, () => {
        const address = probe.address();
        probe.close(() => done(typeof address === 'object' ? address?.port : undefined));
      });
    });
  const port = (await listened(preferred)) ?? (await listened(0));
  if (port === undefined) throw new Error('No port is free at 127.0.0.1.');
  return port;
}
