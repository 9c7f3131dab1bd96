/** A history of a thousand steps, replayed as a worker does that has the run not in its cache. */
import type { History } from '@temporalio/common/lib/proto-utils.js';
import type { WorkflowBundle } from '@temporalio/worker';
import { Worker } from '@temporalio/worker';
import { runDocumentWorkflow } from '../../workflows/messages.ts';
import { graphOf, withBenchWorker } from '../interpreter/bench-worker.ts';
import type { Row } from '../report.ts';
import { median } from '../report.ts';

const steps = 1_000;
const graph = `chain of ${steps}`;
/** So that it is one history: otherwise the run would go on as new before its end. */
const oneHistory = { 'limit.historyCount.suggestContinueAsNew': 1_000_000 };

export function benchReplay(rounds: number, progress: (line: string) => void): Promise<Row[]> {
  return withBenchWorker(new Map([[graph, graphOf(steps)]]), oneHistory, progress, async ({ start, bundle }) => {
    const historyOf = async (type: string) => {
      progress(`replay: making a history of ${steps} steps by ${type}`);
      const handle = await start(type, { run: graph, steps });
      await handle.result();
      return handle.fetchHistory();
    };
    const [ours, theirs] = [await historyOf(runDocumentWorkflow), await historyOf('handWrittenChain')];
    const times: [number, number][] = [];
    for (let round = 0; round <= rounds; round += 1) {
      progress(`replay: round ${round} of ${rounds}${round === 0 ? ' (warm-up)' : ''}`);
      const [mine, hand] = [() => replayMs(bundle, ours), () => replayMs(bundle, theirs)];
      const pair: [number, number] =
        round % 2 === 0 ? [await mine(), await hand()] : ([await hand(), await mine()].reverse() as [number, number]);
      if (round > 0) times.push(pair);
    }
    const ratios = times.map(([mine, hand]) => mine / hand);
    const row: Row = {
      what: `cold replay of ${steps.toLocaleString('en')} steps, against a hand-written workflow`,
      ours: `${median(times.map(([mine]) => mine)).toFixed(0)} ms`,
      baseline: `${median(times.map(([, hand]) => hand)).toFixed(0)} ms`,
      ratio: median(ratios),
      spread: [Math.min(...ratios), Math.max(...ratios)],
      note: `${ours.events?.length ?? 0} events against ${theirs.events?.length ?? 0}`,
    };
    return [row];
  });
}

async function replayMs(workflowBundle: WorkflowBundle, history: History): Promise<number> {
  const started = performance.now();
  const histories = [{ workflowId: 'replayed', history }];
  for await (const { error } of Worker.runReplayHistories({ workflowBundle }, histories)) {
    if (error) throw error;
  }
  return performance.now() - started;
}
