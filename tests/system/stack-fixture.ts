/**
 * The system as production has it: a worker and an API, each a process of its own, against a Temporal server and a
 * PostgreSQL that run elsewhere, and models and tools behind HTTP. A test may kill either process and start it again.
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { expect, inject, vi } from 'vitest';
import { openDevelopmentIssuer } from '../../api/development-issuer.ts';
import type { GuardedChild } from '../../dev/children.ts';
import { startGuarded } from '../../dev/children.ts';
import { provisionPeople } from '../../dev/people.ts';
import { findFreePorts } from '../../dev/ports.ts';
import type { TestDatabase } from '../../dev/test-postgres.ts';
import { createTestDatabase } from '../../dev/test-postgres.ts';
import type { ApiClient, GateView, Journal, RunView } from './api-client.ts';
import { apiClient } from './api-client.ts';
import type { ScriptedModel } from './scripted-model.ts';
import { startScriptedModel } from './scripted-model.ts';
import type { ScriptedTools } from './scripted-tools.ts';
import { configurationFor, startScriptedTools } from './scripted-tools.ts';

/** An employee, two managers, a finance director, an operator, and a manager of another tenant. */
export type PersonName = 'An Nguyen' | 'Mai Tran' | 'Minh Pham' | 'Finn Olsen' | 'Olga Petrova' | 'Gus Grant';

export interface System {
  models: ScriptedModel;
  tools: ScriptedTools;
  database: TestDatabase;
  temporal: Client;
  namespace: string;
  taskQueue: string;
  worker: SystemProcess;
  api: SystemProcess;
  /** With the first, all there are. */
  workers: SystemProcess[];
  apis: SystemProcess[];
  apiUrl: string;
  /** The API as this person asks it; the first unless said. */
  as(person: PersonName, api?: number): ApiClient;
  /** The model that an alias stands for, from the worker's next start on. */
  configureModels(models: Record<string, string>): void;
  /** All that any process has logged so far. */
  logs(): string;
  /** Resolves when the run has this status; rejects after a minute with how it stands instead. */
  until(run: string, status: RunView['status']): Promise<RunView>;
  /** The gate that the run waits at, once it does. */
  openGateOf(run: string): Promise<GateView>;
  close(): Promise<void>;
}

export interface SystemProcess {
  /** `worker` and `api`; the second of each `worker-2`, `api-2`. */
  readonly name: string;
  readonly pid: number;
  /** Resolves when it is ready for work. `more` is added to its environment. */
  start(more?: Record<string, string>): Promise<void>;
  /** kill -9. Resolves when it is gone. */
  kill(): Promise<void>;
  /** Asks it to end in good order, and waits for that. */
  stop(): Promise<void>;
}

export interface SystemOptions {
  /** A PostgreSQL with a template and a Temporal server of the test's own. Unsaid, those that all tests share. */
  ownerUrl?: string;
  temporal?: { address: string; namespace: string };
  /** Where models answer. Unsaid, where `models` does, which streams nothing. */
  modelUrl?: string;
  /** Workers, and APIs, that share the work; 1 of each unless said. */
  copies?: number;
  /** The way that a process takes to its database. Unsaid, the straight one. */
  wayTo?: (databaseUrl: string, name: string) => Promise<string>;
}

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Everything up and the workers polling. `close` it in afterAll. */
export async function startSystem(options: SystemOptions = {}): Promise<System> {
  const { copies = 1, wayTo = async (url) => url } = options;
  const { address, namespace } = options.temporal ?? {
    address: inject('temporalAddress'),
    namespace: inject('temporalNamespace'),
  };
  const dir = mkdtempSync(join(tmpdir(), 'waymark-system-'));
  const [models, tools, database, connection, ports] = await Promise.all([
    startScriptedModel(),
    startScriptedTools(),
    createTestDatabase(options.ownerUrl ?? inject('ownerUrl')),
    Connection.connect({ address }),
    findFreePorts(copies),
  ]);
  const taskQueue = `system-${ports[0]}`;
  const issuer = await openDevelopmentIssuer(join(dir, 'issuer'), undefined);
  const users = await provisionPeople(database.ownerUrl, issuer);
  const configureModels = (named: Record<string, string>) =>
    writeFileSync(join(dir, 'waymark.config.json'), JSON.stringify(configurationFor(tools, named)));
  configureModels({ small: 'scripted-small' });

  const shared = {
    PATH: process.env.PATH ?? '',
    TEMPORAL_ADDRESS: address,
    TEMPORAL_NAMESPACE: namespace,
    WAYMARK_TASK_QUEUE: taskQueue,
    WAYMARK_CREDENTIAL_KEY: randomBytes(32).toString('base64'),
  };
  const workers = await Promise.all(
    ports.map(async (_, index) =>
      systemProcess(dir, nameOf('worker', index), 'worker.ts', {
        env: {
          ...shared,
          DATABASE_URL: await wayTo(database.workerUrl, nameOf('worker', index)),
          WAYMARK_CONFIG: join(dir, 'waymark.config.json'),
          OPENAI_API_KEY: 'not-a-secret',
          OPENAI_BASE_URL: options.modelUrl ?? models.url,
        },
        isReady: (pid) => polls(connection, namespace, taskQueue, pid),
      }),
    ),
  );
  const urlOf = (index: number) => `http://127.0.0.1:${ports[index]}`;
  const apis = await Promise.all(
    ports.map(async (port, index) =>
      systemProcess(dir, nameOf('api', index), 'api/server.ts', {
        env: {
          ...shared,
          DATABASE_URL: await wayTo(database.apiUrl, nameOf('api', index)),
          PORT: String(port),
          WAYMARK_DEVELOPMENT_ISSUER: join(dir, 'issuer'),
        },
        isReady: async () => ((await fetch(`${urlOf(index)}/health`)).ok ? true : undefined),
      }),
    ),
  );
  const processes = [...workers, ...apis];

  const as = (name: PersonName, api = 0): ApiClient => {
    const user = users.find((one) => one.name === name);
    if (!user) throw new Error(`no person ${name}`);
    return apiClient(urlOf(api), user.token);
  };
  const reader = as('An Nguyen');
  const system: System = {
    models,
    tools,
    database,
    temporal: new Client({ connection, namespace }),
    namespace,
    taskQueue,
    worker: workers[0] as SystemProcess,
    api: apis[0] as SystemProcess,
    workers,
    apis,
    apiUrl: urlOf(0),
    as,
    configureModels,
    logs: () =>
      readdirSync(join(dir, 'logs'))
        .map((file) => readFileSync(join(dir, 'logs', file), 'utf8'))
        .join('\n'),
    until: (run, status) => untilStatus(reader, run, status),
    async openGateOf(run) {
      const { waiting } = await untilStatus(reader, run, 'waiting');
      return reader.gate(waiting[0]?.gate ?? '');
    },
    async close() {
      await Promise.all(processes.map((one) => one.stop()));
      await Promise.all([models.close(), tools.close(), connection.close()]);
      await database.drop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
  try {
    await Promise.all(processes.map((one) => one.start()));
  } catch (problem) {
    await system.close();
    throw problem;
  }
  return system;
}

async function untilStatus(reader: ApiClient, run: string, status: RunView['status']): Promise<RunView> {
  return vi.waitFor(
    async () => {
      const view = await reader.run(run);
      // Where it stands instead is what a person needs to know of a failed wait.
      const stands = { status: view.status, failures: view.steps.flatMap(({ failure }) => failure ?? []) };
      expect(stands, `run ${run}`).toMatchObject({ status });
      return view;
    },
    { timeout: 60_000, interval: 100 },
  );
}

/** What happened to one step, in order: `event` or `event kind-or-class`, each with its attempt. */
export function eventsOf(journal: Journal, step: string): string[] {
  return journal.rows
    .filter((row) => row.step === step)
    .map((row) => [row.event, row.class, row.attempt === undefined ? undefined : `#${row.attempt}`])
    .map((words) => words.filter((word) => word !== undefined).join(' '));
}

const nameOf = (kind: 'worker' | 'api', index: number): string => (index === 0 ? kind : `${kind}-${index + 1}`);

interface Start {
  env: Record<string, string>;
  isReady: (pid: number) => Promise<true | undefined>;
}

function systemProcess(dir: string, name: string, script: string, { env, isReady }: Start): SystemProcess {
  let child: GuardedChild | undefined;
  mkdirSync(join(dir, 'logs'), { recursive: true });
  return {
    name,
    get pid() {
      if (!child) throw new Error(`the ${name} has not been started`);
      return child.pid;
    },
    async start(more = {}) {
      const started = startGuarded({
        name,
        command: process.execPath,
        args: [join(root, script)],
        // A folder without a configuration of its own.
        cwd: dir,
        env: { ...env, ...more },
        stopSignal: 'SIGTERM',
        logFile: join(dir, `logs/${name}.log`),
      });
      child = started;
      await started.ready(() => isReady(started.pid), 60_000);
    },
    async kill() {
      if (!child) return;
      process.kill(child.pid, 'SIGKILL');
      await child.exited;
    },
    stop: async () => child?.stop(),
  };
}

/** Whether the worker of this pid has asked the server for work. */
async function polls(
  connection: Connection,
  namespace: string,
  taskQueue: string,
  pid: number,
): Promise<true | undefined> {
  const { pollers } = await connection.workflowService.describeTaskQueue({
    namespace,
    taskQueue: { name: taskQueue },
    taskQueueType: 1,
  });
  return pollers?.some((poller) => poller.identity === `${pid}@${hostname()}`) ? true : undefined;
}
