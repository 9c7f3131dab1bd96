/** A worker with the interpreter and the hand-written workflows in one bundle, over activities that do nothing. */
import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import type { WorkflowClient, WorkflowHandle } from '@temporalio/client';
import { Client, Connection } from '@temporalio/client';
import { IllegalStateError } from '@temporalio/common';
import type { WorkflowBundleWithSourceMap } from '@temporalio/worker';
import { bundleWorkflowCode, DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import type { RunActivities, StepInput, StepOutcome } from '../../activities/contract.ts';
import type { Edge, Graph } from '../../compiler/graph.ts';
import { skeletonOf } from '../../compiler/skeleton.ts';
import { encodeSkeleton } from '../../compiler/skeleton-code.ts';
import { defaultCacheDir, findTemporal, startTemporalDevServer } from '../../dev/temporal.ts';
import { searchAttributes } from '../../workflows/messages.ts';

const taskQueue = 'bench';

export interface BenchWorker {
  client: WorkflowClient;
  bundle: WorkflowBundleWithSourceMap;
  start(type: string, input: { run: string; steps?: number }): Promise<WorkflowHandle>;
}

/**
 * Does `work` beside a worker that polls, on a dev server of its own whose limiter is lifted.
 * @param graphs of runs, by what their input calls `run`
 * @param dynamicConfig of the server, besides
 * @param onStep told of each step when it is done
 */
export async function withBenchWorker<T>(
  graphs: ReadonlyMap<string, Graph>,
  dynamicConfig: Readonly<Record<string, number>>,
  progress: (line: string) => void,
  work: (bench: BenchWorker) => Promise<T>,
  onStep: (node: string) => void = () => undefined,
): Promise<T> {
  logOnlyErrors();
  const binary = await findTemporal({ env: process.env, cacheDir: await defaultCacheDir(process.env), log: progress });
  const server = await startTemporalDevServer({ binary, namespace: 'default', searchAttributes, dynamicConfig });
  const connection = await NativeConnection.connect({ address: server.address });
  const clientConnection = await Connection.connect({ address: server.address });
  try {
    const workflowsPath = fileURLToPath(new URL('./hand-written.ts', import.meta.url));
    const logger = new DefaultLogger('ERROR');
    const bundle = await bundleWorkflowCode({ workflowsPath, preloadModules: [workflowsPath], logger });
    const worker = await Worker.create({
      connection,
      taskQueue,
      workflowBundle: bundle,
      activities: activitiesThatDoNothing(graphs, onStep),
    });
    const { workflow: client } = new Client({ connection: clientConnection });
    const start = (type: string, input: { run: string; steps?: number }) =>
      client.start(type, { taskQueue, workflowId: `bench/${randomUUID()}`, args: [input] });
    return await worker.runUntil(() => work({ client, bundle, start }));
  } finally {
    await connection.close();
    await clientConnection.close();
    await server.stop();
  }
}

/** The runtime is one for the process: another benchmark of this run may have set it up. */
export function logOnlyErrors(): void {
  try {
    Runtime.install({ logger: new DefaultLogger('ERROR') });
  } catch (error) {
    if (!(error instanceof IllegalStateError)) throw error;
  }
}

/** Tool steps, each reading the steps it follows; a chain unless `predecessors` says otherwise. */
export function graphOf(
  steps: number,
  predecessors: (step: number) => number[] = (step) => (step > 1 ? [step - 1] : []),
): Graph {
  const edges: Edge[] = [];
  const nodes = Array.from({ length: steps }, (_, index): Graph['nodes'][number] => {
    const before = predecessors(index + 1).map((step) => `step_${step}`);
    for (const from of before) edges.push({ from, to: `step_${index + 1}` });
    return {
      id: `step_${index + 1}`,
      title: `Step ${index + 1}`,
      kind: 'tool',
      tool: 'bench.nothing',
      with: before.map((from) => ({ name: 'previous', expr: from })),
      gives: { kind: 'anything' },
      checks: [],
      retry: { times: 2, initialMs: 1000, factor: 2, maxMs: 60_000 },
      timeoutMs: 30_000,
    };
  });
  return {
    schemaVersion: 1,
    id: 'bench',
    title: 'Bench',
    inputs: [],
    types: [],
    agents: [],
    nodes,
    edges,
    result: [],
    externals: [],
  };
}

/** Answers as the real activities do: a digest of 43 characters for each step. */
function activitiesThatDoNothing(graphs: ReadonlyMap<string, Graph>, onStep: (node: string) => void): RunActivities {
  const committed = (input: StepInput): Promise<StepOutcome> => {
    onStep(input.node);
    return Promise.resolve({ status: 'committed', output: input.node.padEnd(43, 'x') });
  };
  /** As the worker's cache of graphs has them. */
  const skeletons = new Map<string, string>();
  const unexpected = () => Promise.reject(new Error('no step of the benchmark asks for this'));
  return {
    beginRun({ run }) {
      const graph = graphs.get(run);
      if (!graph) return Promise.reject(new Error(`no graph is called ${run}`));
      const skeleton = skeletons.get(run) ?? encodeSkeleton(skeletonOf(graph));
      skeletons.set(run, skeleton);
      return Promise.resolve({ skeleton });
    },
    finishRun: () => Promise.resolve({}),
    flushLog: () => Promise.resolve(),
    recallSteps: unexpected,
    keepState: unexpected,
    readState: unexpected,
    runAgentStep: committed,
    runToolStep: committed,
    runSetStep: committed,
    runMergeStep: unexpected,
    runSubflow: unexpected,
    supplyOutput: unexpected,
    listUndo: unexpected,
    undoWrite: unexpected,
    runCollect: unexpected,
    joinItems: unexpected,
    collectReads: unexpected,
    listItems: unexpected,
    evaluateWait: unexpected,
    evaluateConditions: unexpected,
    openGate: unexpected,
    closeOverdue: unexpected,
    remindGate: unexpected,
    hear: unexpected,
    readGates: unexpected,
  };
}
