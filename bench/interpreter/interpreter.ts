/**
 * The interpreter against hand-written workflows that call the same activities: one chain and one fan-out of a hundred steps,
 * many runs at once, and what a step costs in a graph of ten thousand nodes against one of ten.
 *
 * Both run on the same dev server (its limiter lifted), the same worker and the same bundle, in turn within each round, so
 * that a drift of the machine meets both. The activities do nothing: what is measured is the cost of deciding what runs next.
 */
import proto from '@temporalio/proto';
import type { Graph } from '../../compiler/graph.ts';
import { runDocumentWorkflow } from '../../workflows/messages.ts';
import type { Row } from '../report.ts';
import { median } from '../report.ts';
import { benchRunsAtOnce } from './at-once.ts';
import type { BenchWorker } from './bench-worker.ts';
import { graphOf, withBenchWorker } from './bench-worker.ts';
import { benchGraphSizes } from './graph-sizes.ts';

const steps = 100;

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

/** @param rounds how many times each pair is measured, after one that is not counted; fewer of what takes minutes */
export async function benchInterpreter(rounds: number, progress: (line: string) => void): Promise<Row[]> {
  const shapes: Shape[] = [
    { name: `chain of ${steps}`, baseline: 'handWrittenChain', graph: graphOf(steps) },
    { name: `fan-out of ${steps}`, baseline: 'handWrittenFanOut', graph: graphOf(steps, () => []) },
  ];
  const graphs = new Map(shapes.map((shape) => [shape.name, shape.graph]));
  const rows = await withBenchWorker(graphs, {}, progress, async (bench) => {
    const measured: Row[] = [];
    for (const shape of shapes) measured.push(...(await measureShape(bench, shape, rounds, progress)));
    return measured;
  });
  return [...rows, ...(await benchRunsAtOnce(rounds, progress)), ...(await benchGraphSizes(rounds, progress))];
}

async function measureShape(
  bench: BenchWorker,
  shape: Shape,
  rounds: number,
  progress: (line: string) => void,
): Promise<Row[]> {
  const interpreted: Measured[] = [];
  const baseline: Measured[] = [];
  for (let round = 0; round <= rounds; round += 1) {
    progress(`${shape.name}: round ${round} of ${rounds}${round === 0 ? ' (warm-up)' : ''}`);
    const hand = () => measure(bench, shape.baseline, { run: shape.name, steps });
    const ours = () => measure(bench, runDocumentWorkflow, { run: shape.name });
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
async function measure(bench: BenchWorker, type: string, input: { run: string; steps?: number }): Promise<Measured> {
  const started = performance.now();
  const handle = await bench.start(type, input);
  await handle.result();
  const wallMs = performance.now() - started;
  const history = await handle.fetchHistory();
  const bytes = proto.temporal.api.history.v1.History.encode(history).finish().length;
  return { wallMs, events: history.events?.length ?? 0, bytes };
}
