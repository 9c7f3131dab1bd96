/** A `session` step as its run sees it: a task that whoever talks it over says to be done. What it gives is in the proposal. */
import type { NodeOf } from '../compiler/graph.ts';
import type { Tx } from '../prisma/open.ts';
import { holdProposal } from '../prisma/proposals.ts';
import type { NewEvent } from '../prisma/run-log.ts';
import type { Dependencies } from './dependencies.ts';
import { bindingsOf, lapseGate } from './gate-rows.ts';
import { contentsOf } from './run-proposal.ts';
import type { RunInHand } from './run-row.ts';

export interface SessionTask {
  node: NodeOf<'person'>;
  /** Where the task is the proposal's assignee's: the epoch of who that is now. */
  assigneeEpoch?: number;
}

/** @throws NotMade not-allowed where the proposal cannot be opened */
export async function taskOfSession(
  tx: Tx,
  deps: Dependencies,
  run: RunInHand,
  session: NodeOf<'session'>,
  path: string,
): Promise<SessionTask> {
  await contentsOf(tx, deps, run.row, run.loaded);
  const { who, agent: _agent, tools: _tools, budget: _budget, undo: _undo, uses, ...said } = session;
  const task = (approvers: NodeOf<'person'>['approvers']): NodeOf<'person'> => ({
    ...said,
    kind: 'person',
    approvers,
    notBy: [],
    show: uses,
  });
  if (who !== 'assignee') return { node: task(who) };
  const { approvers, epoch } = await assigneeNow(tx, run, session.id, path);
  return { node: task(approvers), assigneeEpoch: epoch };
}

/** Nobody hands the proposal over until the transaction ends: whoever does it then finds the task that is opened over this. */
async function assigneeNow(
  tx: Tx,
  { actor: { tenant }, rootRun }: RunInHand,
  node: string,
  path: string,
): Promise<{ approvers: NodeOf<'person'>['approvers']; epoch: number }> {
  // In the order in which a decision holds them: the gate, then the proposal.
  await tx.$queryRaw`
    SELECT 1 FROM gate WHERE tenant_id = ${tenant} AND root_run_id = ${rootRun} AND node = ${node} AND path = ${path}
      AND status = 'open' FOR UPDATE`;
  const { id } = await tx.proposal.findUniqueOrThrow({
    where: { tenantId_runId: { tenantId: tenant, runId: rootRun } },
    select: { id: true },
  });
  const { assigneeId, assigneeRole, assigneeEpoch } = await holdProposal(tx, tenant, id);
  // The store holds that it is one of the two.
  const one = assigneeId === null ? { role: assigneeRole ?? '' } : { person: JSON.stringify(assigneeId) };
  return { approvers: { need: 'any', of: [one] }, epoch: assigneeEpoch };
}

/**
 * Lapses those of these open tasks that were asked of who was the proposal's assignee before: the run asks who it is now.
 * The events are for the caller to append last.
 */
export async function lapseTasksOfFormer(tx: Tx, run: RunInHand, gates: readonly string[]): Promise<NewEvent[]> {
  const { tenant } = run.actor;
  const open = await tx.gate.findMany({
    where: { tenantId: tenant, rootRunId: run.rootRun, id: { in: [...gates] }, purpose: 'task', status: 'open' },
    orderBy: { id: 'asc' },
  });
  const asked = open.flatMap((gate) => {
    const { assigneeEpoch } = bindingsOf(gate);
    return assigneeEpoch === undefined ? [] : [{ gate, assigneeEpoch }];
  });
  if (asked.length === 0) return [];
  const proposal = await tx.proposal.findUnique({
    where: { tenantId_runId: { tenantId: tenant, runId: run.rootRun } },
    select: { assigneeEpoch: true },
  });
  const events: NewEvent[] = [];
  for (const { gate, assigneeEpoch } of asked) {
    if (assigneeEpoch !== proposal?.assigneeEpoch) events.push(...(await lapseGate(tx, gate, run.row.id)));
  }
  return events;
}
