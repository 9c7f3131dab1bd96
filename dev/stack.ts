/**
 * The whole stack on one machine: PostgreSQL, a Temporal dev server with its Web UI, the example's payment service, a
 * worker and an API. Each is a child process that does not outlive this one, and runs the same files as in production.
 */
import { mkdir, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Connection } from '@temporalio/client';
import { openDevelopmentIssuer } from '../api/development-issuer.ts';
import { startEmbeddedPostgres } from '../prisma/embedded.ts';
import { migrate } from '../prisma/migrate.ts';
import { defaultTaskQueue, searchAttributes } from '../workflows/messages.ts';
import type { GuardedChild } from './children.ts';
import { startGuarded } from './children.ts';
import { holdFolder } from './hold-folder.ts';
import type { Ports } from './kept-settings.ts';
import { keptCredentialKey, keptPasswords, keptPorts } from './kept-settings.ts';
import { provisionPeople } from './people.ts';
import type { StackFacts } from './stack-facts.ts';
import { writeStackFacts } from './stack-facts.ts';
import { defaultCacheDir, findTemporal, startTemporalDevServer } from './temporal.ts';

export interface StackOptions {
  /** Everything the stack keeps lies here; made when it is not there. */
  dataDir: string;
  /**
   * OPENAI_API_KEY and OPENAI_BASE_URL choose a real model, DATABASE_URL and TEMPORAL_ADDRESS servers that run already,
   * WAYMARK_CONFIG tools, models and roles, WAYMARK_CREDENTIAL_KEY another key than the one that the folder keeps.
   * The rest is passed on to the worker and the API.
   */
  env: Readonly<Record<string, string | undefined>>;
  /**
   * Tools, models and roles, stronger than WAYMARK_CONFIG: runs have them, and documents are checked against them. When
   * neither is given, runs have the expense example's; that says nothing of other documents, so that none is checked.
   */
  config?: string | undefined;
  /** Told, in a sentence, what is under way. */
  log: (line: string) => void;
}

export interface Stack {
  facts: StackFacts;
  /** The processes as they are now: a worker or an API that ends is started again. */
  processes(): Readonly<Record<'worker' | 'api' | 'payments', GuardedChild>>;
  /** Resolves, with the reason, when the stack lost a part it cannot do without. */
  failed: Promise<string>;
  stop(): Promise<void>;
}

const root = fileURLToPath(new URL('..', import.meta.url));
const exampleConfig = join(root, 'examples/expense-approval/waymark.config.json');

/** Starts all of it, or stops what has started and throws. A second stack on the same folder is refused. */
export async function startStack(options: StackOptions): Promise<Stack> {
  const dataDir = resolve(options.dataDir);
  const letGo = await holdFolder(dataDir);
  const started: { stop(): Promise<void> }[] = [];
  const stop = async (): Promise<void> => {
    // Last started, first stopped: the worker and the API leave before what they stand on.
    for (const part of started.splice(0).reverse()) await part.stop();
    await rm(join(dataDir, 'stack.json'), { force: true });
    await letGo();
  };
  try {
    // Of a stack that was killed: nobody may take its addresses for ours.
    await rm(join(dataDir, 'stack.json'), { force: true });
    await mkdir(join(dataDir, 'logs'), { recursive: true });
    return await start({ ...options, dataDir }, started, stop);
  } catch (error) {
    await stop();
    throw error;
  }
}

async function start(options: StackOptions, started: { stop(): Promise<void> }[], stop: Stack['stop']): Promise<Stack> {
  const { dataDir, env, log } = options;
  const ports = await keptPorts(dataDir);
  const issuer = await openDevelopmentIssuer(join(dataDir, 'issuer'), env.NODE_ENV);
  const [database, temporal, payments] = await settled([
    startDatabase(options, started),
    startTemporal(options, ports, started),
    startPayments(dataDir, ports.payments, started),
  ]);
  const users = await provisionPeople(database.ownerUrl, issuer);

  const practice = !env.OPENAI_API_KEY && !env.OPENAI_BASE_URL;
  const config = options.config ?? env.WAYMARK_CONFIG;
  const shared = {
    ...definedOf(env),
    ...(config && { WAYMARK_CONFIG: resolve(config) }),
    TEMPORAL_ADDRESS: temporal.address,
    TEMPORAL_NAMESPACE: temporal.namespace,
    WAYMARK_TASK_QUEUE: env.WAYMARK_TASK_QUEUE ?? defaultTaskQueue,
    WAYMARK_CREDENTIAL_KEY: env.WAYMARK_CREDENTIAL_KEY || (await keptCredentialKey(dataDir)),
  };
  const apiUrl = `http://127.0.0.1:${ports.api}`;
  const worker = keepRunning(log, () =>
    startNode('worker', ['worker.ts'], dataDir, {
      ...shared,
      DATABASE_URL: database.workerUrl,
      // The same for every start, so that what waited while the code was edited goes on with what it is now.
      WAYMARK_BUILD_ID: env.WAYMARK_BUILD_ID ?? 'development',
      WAYMARK_API_URL: apiUrl,
      ...(!config && { WAYMARK_CONFIG: exampleConfig }),
      PAYMENTS_URL: payments.url,
    }),
  );
  started.push(worker);
  const api = keepRunning(log, () =>
    startNode('api', ['api/server.ts'], dataDir, {
      ...shared,
      DATABASE_URL: database.apiUrl,
      HOST: '127.0.0.1',
      PORT: String(ports.api),
      WAYMARK_DEVELOPMENT_ISSUER: join(dataDir, 'issuer'),
      WAYMARK_PRACTICE: String(practice),
      ...(temporal.uiUrl && { WAYMARK_WEB_UI_URL: temporal.uiUrl }),
    }),
  );
  started.push(api);

  await settled([
    api.child().ready(() => answers(`${apiUrl}/ready`), 60_000),
    worker.child().ready(() => polls(temporal, shared.WAYMARK_TASK_QUEUE, worker.child().pid), 60_000),
  ]);
  const facts: StackFacts = {
    apiUrl,
    openApiUrl: `${apiUrl}/docs`,
    ...(temporal.uiUrl && { webUiUrl: temporal.uiUrl }),
    temporalAddress: temporal.address,
    databaseUrl: database.ownerUrl,
    practice,
    dataDir,
    pid: process.pid,
    users,
  };
  await writeStackFacts(dataDir, facts);
  return {
    facts,
    processes: () => ({ worker: worker.child(), api: api.child(), payments: payments.child }),
    failed: Promise.race([database.lost, temporal.lost]),
    stop,
  };
}

/** Never resolves: a server that we did not start is not ours to watch. */
const never = new Promise<string>(() => undefined);

async function startDatabase(options: StackOptions, started: { stop(): Promise<void> }[]) {
  const { dataDir, env, log } = options;
  const given = env.DATABASE_URL;
  let ownerUrl = given;
  let lost = never;
  if (!ownerUrl) {
    log('Starting PostgreSQL');
    const postgres = await startEmbeddedPostgres({
      dataDir: join(dataDir, 'postgres'),
      startGuarded,
      logFile: join(dataDir, 'logs/postgres.log'),
    });
    started.push(postgres);
    ownerUrl = postgres.ownerUrl;
    lost = postgres.exited.then(() => `PostgreSQL ended; see ${join(dataDir, 'logs/postgres.log')}`);
  }
  const passwords = await keptPasswords(dataDir);
  // Of a database that is not ours, logins made by hand are left alone: the given one takes both roles.
  const logins = given
    ? undefined
    : {
        api: { user: 'waymark_api', password: passwords.api },
        worker: { user: 'waymark_worker', password: passwords.worker },
      };
  const { applied } = await migrate(ownerUrl, logins ? { logins } : {});
  if (applied.length > 0) log(`Migrated the database: ${applied.join(', ')}`);
  return {
    ownerUrl,
    apiUrl: logins ? asLogin(ownerUrl, logins.api) : ownerUrl,
    workerUrl: logins ? asLogin(ownerUrl, logins.worker) : ownerUrl,
    lost,
  };
}

async function startTemporal(
  { dataDir, env, log }: StackOptions,
  ports: Ports,
  started: { stop(): Promise<void> }[],
): Promise<{ address: string; namespace: string; uiUrl?: string; lost: Promise<string> }> {
  const namespace = env.TEMPORAL_NAMESPACE ?? 'default';
  if (env.TEMPORAL_ADDRESS) {
    const uiUrl = env.WAYMARK_WEB_UI_URL;
    return { address: env.TEMPORAL_ADDRESS, namespace, lost: never, ...(uiUrl && { uiUrl }) };
  }
  const binary = await findTemporal({ env, cacheDir: await defaultCacheDir(env), log });
  log('Starting Temporal');
  const logFile = join(dataDir, 'logs/temporal.log');
  const server = await startTemporalDevServer({
    binary,
    namespace,
    searchAttributes,
    dataFile: join(dataDir, 'temporal.db'),
    port: ports.temporal,
    uiPort: ports.webUi,
    logFile,
  });
  started.push(server);
  return {
    address: server.address,
    namespace,
    uiUrl: server.uiUrl,
    lost: server.exited.then(() => `Temporal ended; see ${logFile}`),
  };
}

async function startPayments(dataDir: string, port: number, started: { stop(): Promise<void> }[]) {
  const ledger = join(dataDir, 'payments.json');
  const child = startNode(
    'payments',
    ['examples/expense-approval/payments.ts', '--port', String(port), '--data', ledger],
    dataDir,
    {},
  );
  started.push(child);
  const url = `http://127.0.0.1:${port}`;
  await child.ready(() => answers(`${url}/payments`), 30_000);
  return { child, url };
}

function startNode(name: string, args: string[], dataDir: string, env: Record<string, string>): GuardedChild {
  const [script = '', ...rest] = args;
  return startGuarded({
    name,
    command: process.execPath,
    args: [join(root, script), ...rest],
    cwd: root,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, TZ: process.env.TZ, ...env },
    stopSignal: 'SIGTERM',
    logFile: join(dataDir, `logs/${name}.log`),
  });
}

interface Kept {
  child(): GuardedChild;
  stop(): Promise<void>;
}

/** Starts a process again when it ends by itself, a second later: in production a supervisor does that. */
function keepRunning(log: (line: string) => void, startOne: () => GuardedChild): Kept {
  let stopping = false;
  let child = startOne();
  const watch = (): void => {
    void child.exited.then(async ({ code, signal }) => {
      if (stopping) return;
      log(`The ${child.name} ended (${signal ?? `exit code ${code}`}); it is started again`);
      await delay(1_000);
      if (stopping) return;
      child = startOne();
      watch();
    });
  };
  watch();
  return {
    child: () => child,
    async stop() {
      stopping = true;
      await child.stop();
    },
  };
}

async function answers(url: string): Promise<true | undefined> {
  const response = await fetch(url, { signal: AbortSignal.timeout(2_000) });
  await response.arrayBuffer();
  return response.ok ? true : undefined;
}

/** Whether the worker of this pid has asked the server for work. */
async function polls(
  { address, namespace }: { address: string; namespace: string },
  taskQueue: string,
  pid: number,
): Promise<true | undefined> {
  const connection = await Connection.connect({ address, connectTimeout: '2s' });
  try {
    const { pollers } = await connection.workflowService.describeTaskQueue({
      namespace,
      taskQueue: { name: taskQueue },
      taskQueueType: 1,
    });
    return pollers?.some((poller) => poller.identity === `${pid}@${hostname()}`) ? true : undefined;
  } finally {
    await connection.close();
  }
}

function asLogin(ownerUrl: string, login: { user: string; password: string }): string {
  const url = new URL(ownerUrl);
  url.username = login.user;
  url.password = login.password;
  return url.href;
}

function definedOf(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined));
}

/** All of them, or the first failure once every one has ended: nothing is left starting behind our back. */
async function settled<const T extends readonly unknown[]>(
  promises: T,
): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  await Promise.allSettled(promises);
  return Promise.all(promises) as Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }>;
}
