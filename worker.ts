/**
 * The worker process: reads the environment, opens the store and Temporal, and puts the activities together.
 *
 * `node worker.ts` runs until SIGTERM or SIGINT. The development stack starts the same worker by `startWorker`.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type proto from '@temporalio/proto';
import type { WorkerOptions as TemporalWorkerOptions } from '@temporalio/worker';
import { bundleWorkflowCode, DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { z } from 'zod';
import type { Breakers } from './activities/breakers.ts';
import { createBreakers } from './activities/breakers.ts';
import type { Configuration } from './activities/configuration.ts';
import { emptyConfiguration, missingValues, readConfiguration } from './activities/configuration.ts';
import { graphCache } from './activities/graph-cache.ts';
import { createActivities } from './activities/index.ts';
import { isModelUnavailable } from './activities/models/client.ts';
import type { PracticeServer } from './activities/practice/server.ts';
import { startPracticeServer } from './activities/practice/server.ts';
import type { StepLog } from './activities/step-log.ts';
import { jsonLinesLog } from './activities/step-log.ts';
import { isToolUnavailable } from './activities/tools/tool-problem.ts';
import { createDefinitionCache } from './compiler/proposal-definition.ts';
import type { Store } from './prisma/open.ts';
import { openStore } from './prisma/open.ts';
import type { CredentialKey } from './prisma/sealing.ts';
import { readCredentialKey } from './prisma/sealing.ts';
import type { WorkerVersion } from './worker-version.ts';
import { becomeCurrentIfNone, deploymentOptions } from './worker-version.ts';
import { defaultTaskQueue, searchAttributes } from './workflows/messages.ts';

export interface WorkerOptions {
  /** Of a login that may take the role `worker_user`. */
  databaseUrl: string;
  temporal: { address: string; namespace: string; taskQueue: string };
  /** Neither given: the practice model answers. */
  model: { apiKey?: string; baseUrl?: string };
  configuration: Configuration;
  /** What a `${NAME}` in the configuration stands for. */
  values: Readonly<Record<string, string>>;
  /** Opens people's own credentials for tools that act as a person. */
  credentialKey?: CredentialKey;
  /** Where people reach the API: boards of runs link to it. */
  apiUrl?: string;
  /** Takes each line of the log, without its newline. */
  sink: (line: string) => void;
  /** Absent: runs go to whatever worker there is, so each deploy must replay what is under way. */
  version?: WorkerVersion;
  /** From `bundleWorkflows`, where several workers share one; made at start otherwise. */
  workflowBundle?: WorkflowBundle;
}

export type WorkflowBundle = NonNullable<TemporalWorkerOptions['workflowBundle']>;

export interface RunningWorker {
  /** Whether steps are answered by the practice model. */
  practice: boolean;
  /** Settles when the worker has ended: rejects when it ended by a fault. */
  ended: Promise<void>;
  /** Lets running activities finish or hands them back, then closes what was opened. */
  stop(): Promise<void>;
}

/** The workflows' modules hold nothing of a run, so a worker loads them once, not anew for each run it takes up. */
export function bundleWorkflows(): Promise<WorkflowBundle> {
  const workflowsPath = fileURLToPath(new URL('./workflows/index.ts', import.meta.url));
  return bundleWorkflowCode({ workflowsPath, preloadModules: [workflowsPath], logger: new DefaultLogger('WARN') });
}

/** Resolves when the worker takes tasks. Throws, with everything closed again, when the store or Temporal is not to be had. */
export async function startWorker(options: WorkerOptions): Promise<RunningWorker> {
  installRuntime(options.sink);
  const closing: (() => Promise<void>)[] = [];
  const close = async () => {
    for (const one of closing.splice(0).reverse()) await one();
  };
  try {
    requireValues(options);
    const store = await openStore({ url: options.databaseUrl, role: 'worker' });
    closing.push(() => store.close());
    await store.ready();
    const { address, namespace, taskQueue } = options.temporal;
    const connection = await NativeConnection.connect({ address });
    closing.push(() => connection.close());
    await registerSearchAttributes(connection, namespace);

    const practice = isPractice(options)
      ? await startPracticeServer({ loadScript: (run) => scriptOf(store, run) })
      : undefined;
    if (practice) closing.push(() => practice.close());
    const notice = noticesTo(options.sink);
    notice(practice ? 'worker.practice-model' : 'worker.model', { practice: practice !== undefined });

    const worker = await Worker.create({
      connection,
      namespace,
      taskQueue,
      ...(options.version === undefined ? {} : { workerDeploymentOptions: deploymentOptions(options.version) }),
      workflowBundle: options.workflowBundle ?? (await bundleWorkflows()),
      activities: createActivities({
        store,
        configuration: options.configuration,
        values: options.values,
        breakers: breakersWith(notice),
        model: modelEndpoint(options, practice),
        ...(practice ? { practiceUrl: practice.url } : {}),
        ...(options.apiUrl === undefined ? {} : { apiUrl: options.apiUrl }),
        log: logTo(options.sink),
        graphs: graphCache(),
        definitions: createDefinitionCache(),
        ...(options.credentialKey === undefined ? {} : { credentialKey: options.credentialKey }),
        clock: () => new Date(),
      }),
      // Found missing soon, a worker that died holds nobody up; a cancel reaches an activity within a heartbeat or two.
      stickyQueueScheduleToStartTimeout: '1 second',
      maxHeartbeatThrottleInterval: '500 milliseconds',
      shutdownGraceTime: '10 seconds',
      shutdownForceTime: '20 seconds',
    });
    const running = worker.run();
    const ended = closeAfter(running, close);
    // Whoever wants to know awaits `ended`; nobody having asked yet is no unhandled rejection.
    ended.catch(() => undefined);
    notice('worker.started', { taskQueue, namespace });
    if (options.version !== undefined) {
      const { version } = options;
      const current = await Promise.race([becomeCurrentIfNone(connection, namespace, version), ended.then(() => '')]);
      notice('worker.version', { ...version, current });
    }
    return {
      practice: practice !== undefined,
      ended,
      async stop() {
        if (worker.getState() === 'RUNNING') worker.shutdown();
        await ended;
        notice('worker.stopped', { taskQueue, namespace });
      },
    };
  } catch (problem) {
    await close();
    throw problem;
  }
}

async function closeAfter(running: Promise<void>, close: () => Promise<void>): Promise<void> {
  try {
    await running;
  } finally {
    await close();
  }
}

function isPractice({ model }: WorkerOptions): boolean {
  return model.apiKey === undefined && model.baseUrl === undefined;
}

function modelEndpoint({ model }: WorkerOptions, practice: PracticeServer | undefined) {
  if (practice) return { baseUrl: practice.baseUrl, apiKey: 'practice', practice: true };
  return {
    baseUrl: model.baseUrl ?? 'https://api.openai.com/v1',
    // Servers of one's own often want none, but the client insists on something.
    apiKey: model.apiKey ?? 'none',
    practice: false,
  };
}

/** The script of the practice model that a run was started with. */
async function scriptOf(store: Store, run: string): Promise<string | undefined> {
  const scope = await store.before.runScope(run);
  if (!scope) return undefined;
  const row = await store.actAs({ tenant: scope.tenant, user: scope.requester }, (tx) =>
    tx.run.findUnique({ where: { tenantId_id: { tenantId: scope.tenant, id: run } }, select: { practice: true } }),
  );
  return row?.practice ?? undefined;
}

function breakersWith(notice: Notice): Breakers {
  return createBreakers({
    counts: (error) => isToolUnavailable(error) || isModelUnavailable(error),
    onChange: (key, state) => notice('breaker.changed', { breaker: key, state }),
  });
}

function logTo(sink: (line: string) => void): StepLog {
  return jsonLinesLog(sink);
}

type Notice = (event: string, facts: Record<string, string | boolean>) => void;

/** Lines about the process itself, which belong to no run. */
function noticesTo(sink: (line: string) => void): Notice {
  return (event, facts) => sink(JSON.stringify({ at: new Date().toISOString(), level: 'info', event, ...facts }));
}

/** One runtime for each process. Its own handling of signals would race ours; its log becomes lines like ours. */
function installRuntime(sink: (line: string) => void): void {
  if (Runtime._instance) return;
  const logger = new DefaultLogger('WARN', ({ level, message }) =>
    sink(JSON.stringify({ at: new Date().toISOString(), level: level.toLowerCase(), event: 'temporal', message })),
  );
  Runtime.install({ shutdownSignals: [], logger });
}

/** A secret that is missing is found now, not when a step needs it. */
function requireValues({ configuration, values }: WorkerOptions): void {
  const missing = missingValues(configuration, values);
  if (missing.length > 0) {
    throw new Error(
      `Unexpected absence of ${missing.join(', ')}, expected values for them: the tools' configuration names them`,
    );
  }
}

/** A workflow that sets an attribute which is not registered hangs, so a worker sees to it before it takes any. */
async function registerSearchAttributes(connection: NativeConnection, namespace: string): Promise<void> {
  const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
  const missing = Object.entries(searchAttributes).filter(([name]) => !Object.hasOwn(customAttributes ?? {}, name));
  if (missing.length === 0) return;
  const types = { Keyword: 2, KeywordList: 7 } as const satisfies Record<
    string,
    proto.temporal.api.enums.v1.IndexedValueType
  >;
  try {
    await connection.operatorService.addSearchAttributes({
      namespace,
      searchAttributes: Object.fromEntries(missing.map(([name, type]) => [name, types[type]])),
    });
  } catch (problem) {
    // Another worker that started just now may have been first.
    if (!isAlreadyExists(problem)) throw problem;
  }
}

function isAlreadyExists(problem: unknown): boolean {
  return problem instanceof Error && 'code' in problem && problem.code === 6;
}

/** Compose hands on an empty text for what is not set. */
const optional = z
  .string()
  .optional()
  .transform((text) => (text === '' ? undefined : text));

const environmentSchema = z.object({
  DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/, error: 'expected postgresql://USER:PASSWORD@HOST:PORT/DATABASE' }),
  TEMPORAL_ADDRESS: z
    .string()
    .regex(/^.+:\d+$/, 'expected HOST:PORT')
    .default('127.0.0.1:7233'),
  TEMPORAL_NAMESPACE: z.string().min(1).default('default'),
  WAYMARK_TASK_QUEUE: z.string().min(1).default(defaultTaskQueue),
  OPENAI_API_KEY: optional,
  OPENAI_BASE_URL: optional.pipe(z.url({ protocol: /^https?$/, error: 'expected an http address' }).optional()),
  WAYMARK_CONFIG: optional,
  WAYMARK_CREDENTIAL_KEY: optional,
  WAYMARK_BUILD_ID: optional,
  WAYMARK_API_URL: optional.pipe(z.url({ protocol: /^https?$/, error: 'expected an http address' }).optional()),
});

/** @throws Error that names each variable that is wrong, and ConfigurationProblem */
export async function workerOptionsFrom(
  environment: Readonly<Record<string, string | undefined>>,
): Promise<Omit<WorkerOptions, 'sink'>> {
  const parsed = environmentSchema.safeParse(environment);
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => `  ${issue.path.join('.')}: ${issue.message}`);
    throw new Error(['The environment of the worker is not complete:', ...problems].join('\n'));
  }
  const set = parsed.data;
  const credentialKey = credentialKeyFrom(set.WAYMARK_CREDENTIAL_KEY);
  const file = set.WAYMARK_CONFIG ?? (existsSync('waymark.config.json') ? 'waymark.config.json' : undefined);
  const buildId = set.WAYMARK_BUILD_ID;
  return {
    ...(buildId === undefined ? {} : { version: { deployment: set.WAYMARK_TASK_QUEUE, buildId } }),
    databaseUrl: set.DATABASE_URL,
    ...(credentialKey === undefined ? {} : { credentialKey }),
    ...(set.WAYMARK_API_URL === undefined ? {} : { apiUrl: set.WAYMARK_API_URL.replace(/\/+$/, '') }),
    temporal: { address: set.TEMPORAL_ADDRESS, namespace: set.TEMPORAL_NAMESPACE, taskQueue: set.WAYMARK_TASK_QUEUE },
    model: {
      ...(set.OPENAI_API_KEY === undefined ? {} : { apiKey: set.OPENAI_API_KEY }),
      ...(set.OPENAI_BASE_URL === undefined ? {} : { baseUrl: set.OPENAI_BASE_URL }),
    },
    configuration: file === undefined ? emptyConfiguration : await readConfiguration(file),
    values: Object.fromEntries(
      Object.entries(environment).flatMap(([name, value]) => (value ? [[name, value] as const] : [])),
    ),
  };
}

function credentialKeyFrom(text: string | undefined): CredentialKey | undefined {
  const key = text === undefined ? undefined : readCredentialKey(text);
  if (text !== undefined && key === undefined) {
    throw new Error(
      'The environment of the worker is not complete:\n  WAYMARK_CREDENTIAL_KEY: expected base64 of 32 bytes',
    );
  }
  return key;
}

async function main(): Promise<void> {
  const options = await workerOptionsFrom(process.env);
  const worker = await startWorker({ ...options, sink: (line) => process.stdout.write(`${line}\n`) });
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void worker.stop());
  await worker.ended;
}

if (import.meta.main) {
  try {
    await main();
  } catch (problem) {
    process.stderr.write(`${problem instanceof Error ? problem.message : String(problem)}\n`);
    process.exitCode = 1;
  }
}
