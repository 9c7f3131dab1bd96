import type { Tx } from '../prisma/open.ts';
import { ask } from '../prisma/statements.ts';
import type { GateRow } from './gate-rows.ts';

/** Nobody has this person's vote at the gate any more. */
export async function endDelegations(tx: Tx, gate: GateRow, from: string, at: Date): Promise<void> {
  await ask(tx)`UPDATE gate_delegation SET withdrawn_at = ${at}
    WHERE tenant_id = ${gate.tenantId} AND gate_id = ${gate.id} AND from_user_id = ${from} AND withdrawn_at IS NULL`;
}
