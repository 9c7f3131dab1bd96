/** A `session` step as its run sees it: a task that whoever talks it over says to be done. What it gives is in the proposal. */
import type { NodeOf } from '../compiler/graph.ts';
import type { Tx } from '../prisma/open.ts';
import type { Dependencies } from './dependencies.ts';
import { openRunProposal } from './run-proposal.ts';
import type { RunInHand } from './run-row.ts';

/** @throws ApplicationFailure not-allowed where the proposal cannot be opened */
export async function taskOfSession(
  tx: Tx,
  deps: Dependencies,
  run: RunInHand,
  session: NodeOf<'session'>,
): Promise<NodeOf<'person'>> {
  await openRunProposal(tx, deps, run, session.id);
  const { who, agent: _agent, tools: _tools, budget: _budget, uses, ...said } = session;
  return {
    ...said,
    kind: 'person',
    approvers: who === 'assignee' ? await assigneeOf(tx, run) : who,
    notBy: [],
    show: uses,
  };
}

/** Who it is when the task opens. */
async function assigneeOf(tx: Tx, { actor, rootRun }: RunInHand): Promise<NodeOf<'person'>['approvers']> {
  const { assigneeId, assigneeRole } = await tx.proposal.findUniqueOrThrow({
    where: { tenantId_runId: { tenantId: actor.tenant, runId: rootRun } },
    select: { assigneeId: true, assigneeRole: true },
  });
  // The store holds that it is one of the two.
  const one = assigneeId === null ? { role: assigneeRole ?? '' } : { person: JSON.stringify(assigneeId) };
  return { need: 'any', of: [one] };
}
