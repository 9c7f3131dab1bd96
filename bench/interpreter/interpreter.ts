/**
 * The interpreter against hand-written workflows that call the same 100 activities: one chain and one fan-out.
 *
 * Both run on the same dev server (its limiter lifted), the same worker and the same bundle, in turn within each round, so
 * that a drift of the machine meets both. The activities do nothing: what is measured is the cost of deciding what runs next.
 */
import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import type { WorkflowClient, WorkflowHandle } from '@temporalio/client';
import { Client, Connection } from '@temporalio/client';
import proto from '@temporalio/proto';
import { bundleWorkflowCode, DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import type { RunActivities, StepInput, StepOutcome } from '../../activities/contract.ts';
import type { Edge, Graph } from '../../compiler/graph.ts';
import { skeletonOf } from '../../compiler/skeleton.ts';
import { encodeSkeleton } from '../../compiler/skeleton-code.ts';
import { defaultCacheDir, findTemporal, startTemporalDevServer } from '../../dev/temporal.ts';
import { runDocumentWorkflow, searchAttributes } from '../../workflows/messages.ts';
import type { Row } from '../report.ts';
import { median } from '../report.ts';

const steps = 100;
const taskQueue = 'bench';

interface Measured {
  wallMs: number;
  events: number;
  bytes: number;
}

interface Shape {
  name: string;
  baseline: string;
  graph: Graph;
}

/** @param rounds how many times each pair is measured, after one that is not counted */
export async function benchInterpreter(rounds: number, progress: (line: string) => void): Promise<Row[]> {
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  const binary = await findTemporal({ env: process.env, cacheDir: await defaultCacheDir(process.env), log: progress });
  const server = await startTemporalDevServer({ binary, namespace: 'default', searchAttributes });
  const shapes: Shape[] = [
    { name: `chain of ${steps}`, baseline: 'handWrittenChain', graph: graphOf((step) => (step > 1 ? [step - 1] : [])) },
    { name: `fan-out of ${steps}`, baseline: 'handWrittenFanOut', graph: graphOf(() => []) },
  ];
  const graphs = new Map(shapes.map((shape) => [shape.name, shape.graph]));
  const connection = await NativeConnection.connect({ address: server.address });
  const clientConnection = await Connection.connect({ address: server.address });
  try {
    const worker = await Worker.create({
      connection,
      taskQueue,
      workflowBundle: await bundleWorkflowCode({
        workflowsPath: fileURLToPath(new URL('./hand-written.ts', import.meta.url)),
        logger: new DefaultLogger('ERROR'),
      }),
      activities: activitiesThatDoNothing(graphs),
    });
    const client = new Client({ connection: clientConnection }).workflow;
    return await worker.runUntil(async () => {
      const rows: Row[] = [];
      for (const shape of shapes) rows.push(...(await measureShape(client, shape, rounds, progress)));
      return rows;
    });
  } finally {
    await connection.close();
    await clientConnection.close();
    await server.stop();
  }
}

async function measureShape(
  client: WorkflowClient,
  shape: Shape,
  rounds: number,
  progress: (line: string) => void,
): Promise<Row[]> {
  const interpreted: Measured[] = [];
  const baseline: Measured[] = [];
  for (let round = 0; round <= rounds; round += 1) {
    progress(`${shape.name}: round ${round} of ${rounds}${round === 0 ? ' (warm-up)' : ''}`);
    const hand = () => measure(client, shape.baseline, { run: shape.name, steps });
    const ours = () => measure(client, runDocumentWorkflow, { run: shape.name });
    // Turn about, so that neither always goes first.
    const pair = round % 2 === 0 ? [await hand(), await ours()] : [await ours(), await hand()].reverse();
    if (round === 0) continue;
    baseline.push(pair[0] as Measured);
    interpreted.push(pair[1] as Measured);
  }
  const ratios = interpreted.map((one, index) => one.wallMs / (baseline[index] as Measured).wallMs);
  const of = (measured: Measured[], key: keyof Measured) => median(measured.map((one) => one[key]));
  const extra = of(interpreted, 'events') - of(baseline, 'events');
  return [
    {
      what: `${shape.name}: wall time`,
      ours: `${of(interpreted, 'wallMs').toFixed(0)} ms`,
      baseline: `${of(baseline, 'wallMs').toFixed(0)} ms`,
      ratio: median(ratios),
      bar: 1.02,
      spread: [Math.min(...ratios), Math.max(...ratios)],
    },
    {
      what: `${shape.name}: history events, less 12 a run`,
      ours: `${of(interpreted, 'events')}`,
      baseline: `${of(baseline, 'events')}`,
      ratio: (of(baseline, 'events') + Math.max(extra - 12, 0)) / of(baseline, 'events'),
      bar: 1,
      note: `${extra >= 0 ? '+' : ''}${extra} events a run`,
    },
    {
      what: `${shape.name}: history bytes`,
      ours: `${of(interpreted, 'bytes')}`,
      baseline: `${of(baseline, 'bytes')}`,
      ratio: of(interpreted, 'bytes') / of(baseline, 'bytes'),
      bar: 1.05,
    },
  ];
}

/** Wall time from the start's answer being asked for to the result being known, as a client sees it. */
async function measure(
  client: WorkflowClient,
  type: string,
  input: { run: string; steps?: number },
): Promise<Measured> {
  const started = performance.now();
  const handle: WorkflowHandle = await client.start(type, {
    taskQueue,
    workflowId: `bench/${randomUUID()}`,
    args: [input],
  });
  await handle.result();
  const wallMs = performance.now() - started;
  const history = await handle.fetchHistory();
  const bytes = proto.temporal.api.history.v1.History.encode(history).finish().length;
  return { wallMs, events: history.events?.length ?? 0, bytes };
}

/** Answers as the real activities do: a digest of 43 characters for each step. */
function activitiesThatDoNothing(graphs: ReadonlyMap<string, Graph>): RunActivities {
  const committed = (input: StepInput): Promise<StepOutcome> =>
    Promise.resolve({ status: 'committed', output: input.node.padEnd(43, 'x') });
  const unexpected = () => Promise.reject(new Error('no step of the benchmark asks for this'));
  return {
    beginRun({ run }) {
      const graph = graphs.get(run);
      if (!graph) return Promise.reject(new Error(`no graph is called ${run}`));
      return Promise.resolve({ skeleton: encodeSkeleton(skeletonOf(graph)) });
    },
    finishRun: () => Promise.resolve({}),
    flushLog: () => Promise.resolve(),
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

/** Tool steps, each reading the steps it follows. */
function graphOf(predecessors: (step: number) => number[]): Graph {
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
