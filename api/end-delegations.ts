import type { Tx } from '../prisma/open.ts';
import type { GateRow } from './gate-rows.ts';

/** Nobody has this person's vote at the gate any more. */
export async function endDelegations(tx: Tx, gate: GateRow, from: string, at: Date): Promise<void> {
  await tx.gateDelegation.updateMany({
    where: { tenantId: gate.tenantId, gateId: gate.id, fromUserId: from, withdrawnAt: null },
    data: { withdrawnAt: at },
  });
}
