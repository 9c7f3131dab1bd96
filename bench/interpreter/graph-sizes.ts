/**
 * What a step costs the worker, in CPU time, in graphs of 10, 1,000 and 10,000 nodes: chains of steps that do nothing. It is taken
 * between two steps of a run, so that what a run costs besides its steps is in none of the figures. In that stretch the
 * long ones go on as new once, and decode their graph again.
 */
import { runDocumentWorkflow } from '../../workflows/messages.ts';
import type { Row } from '../report.ts';
import { median } from '../report.ts';
import { graphOf, withBenchWorker } from './bench-worker.ts';

interface Size {
  nodes: number;
  /** The steps between which it is taken. */
  first: number;
  last: number;
  /** How many make one measurement. */
  runs: number;
}

const sizes: Size[] = [
  { nodes: 10, first: 1, last: 9, runs: 100 },
  { nodes: 1_000, first: 100, last: 900, runs: 1 },
  { nodes: 10_000, first: 100, last: 900, runs: 1 },
];
const bar = 1.1;
/** Each is of hundreds of steps: more rounds would tell nothing more. */
const mostRounds = 5;

export function benchGraphSizes(rounds: number, progress: (line: string) => void): Promise<Row[]> {
  const nameOf = (nodes: number) => `chain of ${nodes}`;
  const graphs = new Map(sizes.map(({ nodes }) => [nameOf(nodes), graphOf(nodes)]));
  let onStep: (node: string) => void = () => undefined;
  const work: Parameters<typeof withBenchWorker<Row[]>>[3] = async ({ start }) => {
    /** Of one step, in milliseconds. */
    const cpuOf = async ({ nodes, first, last }: Size): Promise<number> => {
      const done = new Promise<number>((resolve) => {
        let before: NodeJS.CpuUsage | undefined;
        onStep = (node) => {
          if (node === `step_${first}`) before = process.cpuUsage();
          if (node !== `step_${last}`) return;
          const { user, system } = process.cpuUsage(before);
          resolve((user + system) / 1000 / (last - first));
        };
      });
      const handle = await start(runDocumentWorkflow, { run: nameOf(nodes) });
      const cpu = await done;
      await (last < nodes - 1 ? handle.terminate() : handle.result());
      return cpu;
    };
    const measured = new Map<number, number[]>(sizes.map(({ nodes }) => [nodes, []]));
    const lastRound = Math.min(rounds, mostRounds);
    for (let round = 1; round <= lastRound; round += 1) {
      for (const size of sizes) {
        progress(`${size.nodes} nodes: round ${round} of ${lastRound}`);
        let total = 0;
        for (let run = 0; run < size.runs; run += 1) total += await cpuOf(size);
        measured.get(size.nodes)?.push(total / size.runs);
      }
    }
    const base = measured.get(10) ?? [];
    return [1_000, 10_000].map((nodes): Row => {
      const mine = measured.get(nodes) ?? [];
      const ratios = mine.map((one, round) => one / (base[round] ?? Number.NaN));
      return {
        what: `${nodes.toLocaleString('en')} nodes against 10: CPU of the worker for a step`,
        ours: `${median(mine).toFixed(2)} ms`,
        baseline: `${median(base).toFixed(2)} ms`,
        ratio: median(ratios),
        bar,
        spread: [Math.min(...ratios), Math.max(...ratios)],
      };
    });
  };
  return withBenchWorker(graphs, {}, progress, work, (node) => onStep(node));
}
