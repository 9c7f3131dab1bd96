/** A run that people had ended, and whose workflow goes on nevertheless: a Reset made it forget that it was told. */
import type { Tx } from '../prisma/open.ts';
import { ask } from '../prisma/statements.ts';
import { applicationFailure } from './failures.ts';
import type { RunRow } from './run-row.ts';

/**
 * Refuses to begin `node` in a run that has ended as cancelled or aborted; the workflow ends it as it had ended. One that was
 * closed because its workflow had been terminated may go on: nobody wanted it to end.
 */
export async function refuseOfEnded(tx: Tx, run: RunRow, node: string): Promise<void> {
  if (run.endedAt === null || (run.status !== 'cancelled' && run.status !== 'failed')) return;
  if (run.status === 'cancelled') throw applicationFailure(node, 'cancelled', { retry: false });
  const aborts = await ask(tx)`SELECT id FROM command
    WHERE tenant_id = ${run.tenantId} AND run_id = ${run.id} AND kind = 'abort' LIMIT 1`;
  if (aborts.length > 0) throw applicationFailure(node, 'aborted', { retry: false });
}
