/** A run that people had ended, and whose workflow goes on nevertheless: a Reset made it forget that it was told. */
import { isOrdered } from '../prisma/commands.ts';
import type { Tx } from '../prisma/open.ts';
import { applicationFailure } from './failures.ts';
import type { RunRow } from './run-row.ts';

/**
 * Refuses to begin `node` in a run that has ended as cancelled or aborted; the workflow ends it as it had ended. One that was
 * closed because its workflow had been terminated may go on: nobody wanted it to end.
 */
export async function refuseOfEnded(tx: Tx, run: RunRow, node: string): Promise<void> {
  if (run.endedAt === null) return;
  if (run.status === 'cancelled') throw applicationFailure(node, 'cancelled', { retry: false });
  if (run.status !== 'failed' || !(await isOrdered(tx, { tenant: run.tenantId, run: run.id }, ['abort']))) return;
  throw applicationFailure(node, 'aborted', { retry: false });
}
