/** The fence of a step execution: whoever claimed last holds it, and only the holder may record turns, intents and commits. */
import type { Tx } from '../prisma/open.ts';
import { ask } from '../prisma/statements.ts';
import type { Claim } from './claim.ts';

export interface FencedRow {
  charged: number;
  status: string;
  startedAt: Date | null;
}

/**
 * Locks the step's row until the transaction ends and gives it, if this claim still holds the fence and the step is
 * still under way; otherwise undefined.
 */
export async function holdsFence(
  tx: Tx,
  claim: Pick<Claim, 'actor' | 'execution' | 'fence'>,
): Promise<FencedRow | undefined> {
  const [row] = await ask<FencedRow & { fence: number }>(tx)`
    SELECT fence, charged, status, started_at FROM step_execution
    WHERE tenant_id = ${claim.actor.tenant} AND id = ${claim.execution} FOR UPDATE`;
  if (!row || row.fence !== claim.fence || (row.status !== 'running' && row.status !== 'validated')) return undefined;
  return row;
}
