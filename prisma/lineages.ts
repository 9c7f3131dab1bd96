/** Runs that go on with each other's work, by resumes. */
import type { Tx } from './act-as.ts';

/** The run that the work is at now; null where no run has this root. */
export function lastOfLineage(tx: Tx, tenantId: string, rootRunId: string) {
  return tx.run.findFirst({ where: { tenantId, rootRunId, resumedBy: null }, orderBy: { createdAt: 'desc' } });
}
