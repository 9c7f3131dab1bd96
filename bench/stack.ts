/**
 * What the benchmarks of the whole system run on: an embedded PostgreSQL that forces its commits to disk, a Temporal dev
 * server that keeps its data in a file, people with tokens, and the worker and the API as processes of their own.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { chmod } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import pg from 'pg';
import { openDevelopmentIssuer } from '../api/development-issuer.ts';
import { startGuarded } from '../dev/children.ts';
import { provisionPeople } from '../dev/people.ts';
import { findFreePorts } from '../dev/ports.ts';
import { defaultCacheDir, findTemporal, startTemporalDevServer } from '../dev/temporal.ts';
import { startEmbeddedPostgres } from '../prisma/embedded.ts';
import { migrate } from '../prisma/migrate.ts';
import { searchAttributes } from '../workflows/messages.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const logins = {
  api: { user: 'waymark_api', password: 'api-in-bench' },
  worker: { user: 'waymark_worker', password: 'worker-in-bench' },
} as const;
const namespace = 'default';
const taskQueue = 'bench';

export interface BenchStack {
  /** Of the superuser. */
  ownerUrl: string;
  apiDatabaseUrl: string;
  workerDatabaseUrl: string;
  issuerFolder: string;
  temporal: { address: string; namespace: string; taskQueue: string };
  client: Client;
  /** The bearer token of the development stack's person of this name. */
  tokenOf(name: string): string;
  /** An empty database on the same server; its address is the superuser's. */
  createDatabase(name: string): Promise<string>;
  /** The worker as shipped; resolves when it polls. `env` is added to its environment. */
  startWorker(env?: Record<string, string>): Promise<BenchProcess>;
  /** The API as shipped; resolves when it answers. */
  startApi(env?: Record<string, string>): Promise<BenchServer>;
  /** Another server of the benchmark: gets its port, and whatever else `args` says, as JSON in its first argument. */
  startServer(script: string, args: Record<string, unknown>): Promise<BenchServer>;
  stop(): Promise<void>;
}

export interface BenchProcess {
  pid: number;
  stop(): Promise<void>;
}

export interface BenchServer extends BenchProcess {
  url: string;
}

/** Starts servers and people; worker and API start when asked for. */
export async function startBenchStack(progress: (line: string) => void): Promise<BenchStack> {
  const dir = mkdtempSync(join(tmpdir(), 'waymark-bench-'));
  // The database runs as another user when root runs the benchmark.
  await chmod(dir, 0o711);
  const closing: (() => Promise<unknown>)[] = [() => Promise.resolve(rmSync(dir, { recursive: true, force: true }))];
  const stop = async () => {
    for (const close of closing.splice(0).reverse()) await close();
  };
  try {
    const postgres = await startEmbeddedPostgres({
      dataDir: join(dir, 'data'),
      logFile: join(dir, 'postgres.log'),
      startGuarded,
    });
    closing.push(() => postgres.stop());
    await migrate(postgres.ownerUrl, { logins });
    const issuerFolder = join(dir, 'issuer');
    const issuer = await openDevelopmentIssuer(issuerFolder, undefined);
    const users = await provisionPeople(postgres.ownerUrl, issuer);
    const binary = await findTemporal({
      env: process.env,
      cacheDir: await defaultCacheDir(process.env),
      log: progress,
    });
    const server = await startTemporalDevServer({
      binary,
      namespace,
      searchAttributes,
      dataFile: join(dir, 'temporal.db'),
    });
    closing.push(() => server.stop());
    const connection = await Connection.connect({ address: server.address });
    closing.push(() => connection.close());

    const start = async (
      name: string,
      script: string,
      { args = [], env = {} }: { args?: string[]; env?: Record<string, string> },
      isReady: (pid: number) => Promise<true | undefined>,
    ): Promise<BenchProcess> => {
      const child = startGuarded({
        name,
        command: process.execPath,
        args: [join(root, script), ...args],
        // A folder without a configuration of its own.
        cwd: dir,
        env: { ...inherited(), ...env },
        stopSignal: 'SIGTERM',
        logFile: join(dir, `${name}.log`),
      });
      closing.push(() => child.stop());
      await child.ready(() => isReady(child.pid), 60_000);
      return { pid: child.pid, stop: () => child.stop() };
    };
    const shared = {
      TEMPORAL_ADDRESS: server.address,
      TEMPORAL_NAMESPACE: namespace,
      WAYMARK_TASK_QUEUE: taskQueue,
    };
    const apiDatabaseUrl = withLogin(postgres.ownerUrl, logins.api);
    const workerDatabaseUrl = withLogin(postgres.ownerUrl, logins.worker);
    const listening = async (
      name: string,
      script: string,
      of: (port: number) => { args?: string[]; env?: Record<string, string> },
    ): Promise<BenchServer> => {
      const [port = 0] = await findFreePorts(1);
      const url = `http://127.0.0.1:${port}`;
      const answers = async () => ((await fetch(`${url}/health`)).ok ? true : undefined);
      return { url, ...(await start(name, script, of(port), answers)) };
    };
    return {
      ownerUrl: postgres.ownerUrl,
      apiDatabaseUrl,
      workerDatabaseUrl,
      issuerFolder,
      temporal: { address: server.address, namespace, taskQueue },
      client: new Client({ connection, namespace }),
      tokenOf(name) {
        const user = users.find((one) => one.name === name);
        if (!user) throw new Error(`no person ${name}`);
        return user.token;
      },
      async createDatabase(name) {
        const owner = new pg.Client({ connectionString: postgres.ownerUrl });
        await owner.connect();
        await owner.query(`CREATE DATABASE ${owner.escapeIdentifier(name)}`).finally(() => owner.end());
        const url = new URL(postgres.ownerUrl);
        url.pathname = `/${name}`;
        return url.href;
      },
      startWorker: (env = {}) =>
        start('worker', 'worker.ts', { env: { ...shared, DATABASE_URL: workerDatabaseUrl, ...env } }, (pid) =>
          polls(connection, pid),
        ),
      startApi: (env = {}) =>
        listening('api', 'api/server.ts', (port) => ({
          env: {
            ...shared,
            DATABASE_URL: apiDatabaseUrl,
            PORT: String(port),
            WAYMARK_DEVELOPMENT_ISSUER: issuerFolder,
            // A line for each answer is none of what is compared.
            LOG_LEVEL: 'warn',
            ...env,
          },
        })),
      startServer: (script, args) =>
        listening('server', script, (port) => ({ args: [JSON.stringify({ ...args, port })] })),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** What a child needs of ours to find programs and folders. */
function inherited(): Record<string, string> {
  const { PATH = '', HOME = tmpdir() } = process.env;
  return { PATH, HOME };
}

function withLogin(url: string, login: { user: string; password: string }): string {
  const changed = new URL(url);
  changed.username = login.user;
  changed.password = login.password;
  return changed.href;
}

/** Whether the worker of this pid has asked the server for work. */
async function polls(connection: Connection, pid: number): Promise<true | undefined> {
  const { pollers } = await connection.workflowService.describeTaskQueue({
    namespace,
    taskQueue: { name: taskQueue },
    taskQueueType: 1,
  });
  return pollers?.some((poller) => poller.identity === `${pid}@${hostname()}`) ? true : undefined;
}

/** Steps that do nothing but give what the one before them gave. */
export function chainDocument(steps: number): string {
  const parts = Array.from({ length: steps }, (_, index) => {
    const before = index === 0 ? 'input.text' : `step_${index}.text`;
    return `### Step ${index + 1}\n- set:\n  - text: \`${before}\`\n`;
  });
  const head = ['# Chain', '', '## Inputs', '| Name | Type |', '|---|---|', '| text | text |', '', '## Steps'];
  return [...head, ...parts].join('\n');
}
