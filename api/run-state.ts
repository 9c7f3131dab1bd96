/** The whole state of a run with the number of the event it stands after, folded from the run's log. */
import { Fold } from '../prisma/fold-run.ts';
import type { Tx } from '../prisma/open.ts';
import { loggedEvent } from './parked-steps.ts';
import type { RunRow } from './run-view.ts';

/** Events read at once. */
const page = 1_000;

/** As of `run.seq`: an event that is appended while it is read is not in it. */
export async function stateOf(tx: Tx, run: RunRow) {
  const fold = new Fold();
  for (let from = 0; from < run.seq; from += page) {
    const rows = await tx.runEvent.findMany({
      where: { tenantId: run.tenantId, runId: run.id, seq: { gt: from, lte: Math.min(from + page, run.seq) } },
      orderBy: { seq: 'asc' },
    });
    for (const row of rows) fold.take(loggedEvent(row));
  }
  return { run: run.id, ...fold.run };
}
