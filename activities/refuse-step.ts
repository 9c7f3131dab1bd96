/** A step that people refused: it is over, and what follows it does not run. */
import type { Tx } from '../prisma/open.ts';
import { appendEvents } from '../prisma/run-log.ts';
import type { Claim } from './claim.ts';
import type { Dependencies } from './dependencies.ts';

/** Under the step's fence. `by`: the gate at which it was refused, or the run it called that was. */
export async function refuseStep(
  tx: Tx,
  deps: Dependencies,
  claim: Claim,
  by: { gate: string } | { run: string },
): Promise<{ status: 'refused' }> {
  await tx.stepExecution.update({
    where: { tenantId_id: { tenantId: claim.actor.tenant, id: claim.execution } },
    data: { status: 'refused', endedAt: deps.clock() },
  });
  await appendEvents(tx, [
    {
      run: claim.runId,
      type: 'step.refused',
      sourceKey: `refused:${claim.execution}`,
      node: claim.node.id,
      body: { execution: claim.execution, ...by },
    },
  ]);
  return { status: 'refused' };
}
