/** A gate held for the transaction: whatever is done to it is done one after the other. */
import type { Tx } from '../prisma/open.ts';
import type { GateRow } from './gate-rows.ts';
import type { RunRow } from './run-view.ts';

/** Undefined where the tenant has no such gate. */
export async function holdGate(
  tx: Tx,
  tenant: string,
  id: string,
): Promise<{ gate: GateRow; run: RunRow } | undefined> {
  await tx.$queryRaw`SELECT 1 FROM gate WHERE tenant_id = ${tenant} AND id = ${id} FOR UPDATE`;
  const gate = await tx.gate.findUnique({ where: { tenantId_id: { tenantId: tenant, id } } });
  if (gate === null) return undefined;
  const run = await tx.run.findUniqueOrThrow({ where: { tenantId_id: { tenantId: tenant, id: gate.runId } } });
  return { gate, run };
}
