import { notify } from '../prisma/notifications.ts';
import type { Tx } from '../prisma/open.ts';
import { ask } from '../prisma/statements.ts';
import type { GateRow } from './gate-rows.ts';

export interface EndedDelegation {
  id: string;
  fromUserId: string;
  toUserId: string;
}

/** Nobody has this person's vote at the gate any more. Gives what ended by it. */
export async function endDelegations(tx: Tx, gate: GateRow, from: string, at: Date): Promise<EndedDelegation[]> {
  return ask<EndedDelegation>(tx)`UPDATE gate_delegation SET withdrawn_at = ${at}
    WHERE tenant_id = ${gate.tenantId} AND gate_id = ${gate.id} AND from_user_id = ${from} AND withdrawn_at IS NULL
    RETURNING id, from_user_id, to_user_id`;
}

/** Who had the vote is told that it is theirs to cast no more, while the gate still waits. */
export async function tellFormerDelegates(tx: Tx, gate: GateRow, ended: readonly EndedDelegation[]): Promise<void> {
  await notify(
    tx,
    gate.tenantId,
    ended.map(({ id, fromUserId, toUserId }) => ({
      user: toUserId,
      kind: 'delegation-withdrawn',
      address: `/gates/${gate.id}`,
      body: { gate: gate.id, run: gate.runId, from: fromUserId },
      sourceKey: `gate.delegation-withdrawn:${id}`,
    })),
  );
}
