/** Many runs at once: the interpreter against hand-written workflows of the same ten steps. */
import { runDocumentWorkflow } from '../../workflows/messages.ts';
import type { Row } from '../report.ts';
import { median } from '../report.ts';
import { graphOf, withBenchWorker } from './bench-worker.ts';

const steps = 10;
const graph = `chain of ${steps}`;
/** Starts under way at a time: a server that is asked for a thousand in one moment refuses some. */
const starters = 50;
/** A thousand runs take most of a minute on a small machine: more rounds of them would tell nothing more. */
const sizes = [
  { runs: 1, most: Number.POSITIVE_INFINITY },
  { runs: 100, most: 5 },
  { runs: 1000, most: 2 },
];

export function benchRunsAtOnce(rounds: number, progress: (line: string) => void): Promise<Row[]> {
  return withBenchWorker(new Map([[graph, graphOf(steps)]]), {}, progress, async ({ start }) => {
    const burst = async (runs: number, type: string): Promise<number> => {
      const started = performance.now();
      const results: Promise<unknown>[] = [];
      const rest = Array.from({ length: runs }).keys();
      const starter = async () => {
        for (const _ of rest) results.push((await start(type, { run: graph, steps })).result());
      };
      await Promise.all(Array.from({ length: Math.min(runs, starters) }, starter));
      await Promise.all(results);
      return performance.now() - started;
    };
    const rows: Row[] = [];
    for (const { runs, most } of sizes) {
      const last = Math.min(rounds, most);
      const ours: number[] = [];
      const theirs: number[] = [];
      for (let round = 0; round <= last; round += 1) {
        progress(`${runs} at once: round ${round} of ${last}${round === 0 ? ' (warm-up)' : ''}`);
        const mine = () => burst(runs, runDocumentWorkflow);
        const hand = () => burst(runs, 'handWrittenChain');
        const pair = round % 2 === 0 ? [await hand(), await mine()] : [await mine(), await hand()].reverse();
        if (round === 0) continue;
        theirs.push(pair[0] as number);
        ours.push(pair[1] as number);
      }
      const ratios = ours.map((one, round) => one / (theirs[round] ?? Number.NaN));
      const rate = (times: number[]) => `${((runs * steps * 1000) / median(times)).toFixed(0)} steps / s`;
      rows.push({
        what: `${runs} ${runs === 1 ? 'run' : 'runs'} of ${steps} steps at once: wall time`,
        ours: rate(ours),
        baseline: rate(theirs),
        ratio: median(ratios),
        spread: [Math.min(...ratios), Math.max(...ratios)],
      });
    }
    return rows;
  });
}
