/**
 * What a step costs the worker, in CPU time, in graphs of 10, 1,000 and 10,000 nodes: chains of steps that do nothing. What a run
 * costs without its steps is taken off: that of a graph of one node. Long chains go on as new, and decode their graph again.
 */
import { runDocumentWorkflow } from '../../workflows/messages.ts';
import type { Row } from '../report.ts';
import { median } from '../report.ts';
import { graphOf, withBenchWorker } from './bench-worker.ts';

/** `runs`: how many of a size make one measurement. Ten thousand steps take minutes: they are measured twice at most. */
const sizes = [
  { nodes: 1, runs: 100, most: Number.POSITIVE_INFINITY },
  { nodes: 10, runs: 100, most: Number.POSITIVE_INFINITY },
  { nodes: 1_000, runs: 1, most: Number.POSITIVE_INFINITY },
  { nodes: 10_000, runs: 1, most: 2 },
];
const bar = 1.1;

export function benchGraphSizes(rounds: number, progress: (line: string) => void): Promise<Row[]> {
  const nameOf = (nodes: number) => `chain of ${nodes}`;
  const graphs = new Map(sizes.map(({ nodes }) => [nameOf(nodes), graphOf(nodes)]));
  return withBenchWorker(graphs, {}, progress, async ({ start }) => {
    const cpuOf = async (nodes: number): Promise<number> => {
      const before = process.cpuUsage();
      await (await start(runDocumentWorkflow, { run: nameOf(nodes) })).result();
      const { user, system } = process.cpuUsage(before);
      return (user + system) / 1000;
    };
    const measured = new Map<number, number[]>(sizes.map(({ nodes }) => [nodes, []]));
    // Few rounds: each has a thousand runs' steps in it.
    const last = Math.min(rounds, 5);
    for (let round = 0; round <= last; round += 1) {
      for (const { nodes, runs, most } of sizes) {
        if (round > most || (round === 0 && most < last)) continue;
        progress(`${nodes} nodes: round ${round} of ${Math.min(last, most)}${round === 0 ? ' (warm-up)' : ''}`);
        let total = 0;
        for (let run = 0; run < runs; run += 1) total += await cpuOf(nodes);
        if (round > 0) measured.get(nodes)?.push(total / runs);
      }
    }
    const empty = median(measured.get(1) ?? []);
    const perStep = (nodes: number) => (measured.get(nodes) ?? []).map((cpu) => (cpu - empty) / (nodes - 1));
    const base = perStep(10);
    return [1_000, 10_000].map((nodes): Row => {
      const mine = perStep(nodes);
      const ratios = mine.map((one, round) => one / (base[round] ?? Number.NaN));
      return {
        what: `${nodes.toLocaleString('en')} nodes against 10: CPU of the worker for a step`,
        ours: `${median(mine).toFixed(2)} ms`,
        baseline: `${median(base).toFixed(2)} ms`,
        ratio: median(ratios),
        ...(nodes === 10_000 && { bar }),
        spread: [Math.min(...ratios), Math.max(...ratios)],
      };
    });
  });
}
