/** What integration tests of the interpreter stand on: one bundle, a worker on a queue of its own, runs started in a scripted world. */
import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import type { Client, WorkflowHandleWithFirstExecutionRunId } from '@temporalio/client';
import type { History } from '@temporalio/common/lib/proto-utils.js';
import type { WorkerOptions, WorkflowBundle } from '@temporalio/worker';
import { bundleWorkflowCode, DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import type { RunDocumentResult } from '../messages.ts';
import { ringSignal, runDocumentWorkflow } from '../messages.ts';
import type { DrivenRun } from './scenarios.ts';
import type { Script, ScriptedWorld } from './scripted-run.ts';
import { scriptedWorld } from './scripted-run.ts';

/** The workflows of this room, as a worker loads them. */
export function bundleInterpreter(): Promise<WorkflowBundle> {
  const workflowsPath = fileURLToPath(new URL('../index.ts', import.meta.url));
  return bundleWorkflowCode({ workflowsPath, preloadModules: [workflowsPath], logger: quiet });
}

/** Once in a process, before anything of a worker: activities that fail on purpose are not worth a line each. */
export function quietRuntime(): void {
  const logging = { logger: new DefaultLogger('ERROR'), telemetryOptions: { logging: { filter: 'ERROR' } } };
  Runtime.install({ ...logging, shutdownSignals: [] });
}

export function connectQuietly(address: string): Promise<NativeConnection> {
  quietRuntime();
  return NativeConnection.connect({ address });
}

const ignore = () => undefined;
const quiet = { log: ignore, trace: ignore, debug: ignore, info: ignore, warn: console.warn, error: console.error };

export interface StartedRun extends DrivenRun {
  readonly handle: WorkflowHandleWithFirstExecutionRunId;
  result(): Promise<RunDocumentResult>;
}

export interface Trial {
  readonly client: Client;
  readonly taskQueue: string;
  start(script: Script, workflowId?: string): Promise<StartedRun>;
  stop(): Promise<void>;
}

export interface TrialOptions {
  client: Client;
  connection: NativeConnection;
  bundle: WorkflowBundle;
  worker?: Partial<WorkerOptions>;
  /** Of its own unless said. */
  taskQueue?: string;
  /** Temporal's 10 seconds unless said. */
  workflowTaskTimeout?: '2 minutes';
  /** Several workers may share one. */
  world?: ScriptedWorld;
}

/** A worker that runs until `stop`. Activities are scripted per run. */
export async function tryInterpreter(options: TrialOptions): Promise<Trial> {
  const { client, connection, bundle, worker: more, taskQueue = `trial-${randomUUID()}` } = options;
  const { world = scriptedWorld() } = options;
  const worker = await Worker.create({
    connection,
    namespace: client.options.namespace,
    taskQueue,
    workflowBundle: bundle,
    activities: { ...world.activities },
    maxHeartbeatThrottleInterval: '100ms',
    defaultHeartbeatThrottleInterval: '100ms',
    ...more,
  });
  const running = worker.run();
  return {
    client,
    taskQueue,
    async start(script, workflowId = `run-${randomUUID()}`) {
      const run = world.add(workflowId, script);
      const handle = await client.workflow.start(runDocumentWorkflow, {
        taskQueue,
        workflowId,
        args: [{ run: workflowId }],
        workflowTaskTimeout: options.workflowTaskTimeout ?? '10s',
      });
      const started: StartedRun = Object.assign(run, {
        handle,
        result: (): Promise<RunDocumentResult> => handle.result(),
        ring: (rung: unknown) => handle.signal(ringSignal, rung),
        cancelWorkflow: async () => {
          await handle.cancel();
        },
      });
      return started;
    },
    async stop() {
      worker.shutdown();
      await running;
    },
  };
}

/** Histories of all executions of the run, the first one first. */
export async function executionsOf(trial: Trial, { handle }: StartedRun): Promise<History[]> {
  const histories: History[] = [];
  for (let runId = handle.firstExecutionRunId; runId !== ''; ) {
    const history = await trial.client.workflow.getHandle(handle.workflowId, runId).fetchHistory();
    histories.push(history);
    runId = history.events?.at(-1)?.workflowExecutionContinuedAsNewEventAttributes?.newExecutionRunId ?? '';
  }
  return histories;
}
