/** The task of a `session` step that the talk is about: while it is open, and this person may do it, writes may be asked for. */
import type { Graph, NodeOf } from '../../compiler/graph.ts';
import type { Actor, Tx } from '../../prisma/open.ts';
import type { HeldProposal } from '../../prisma/proposals.ts';
import type { GateRow } from '../gate-rows.ts';
import { askedNow, whoMayDecide } from '../tell-approvers.ts';

export interface OpenTask {
  gate: GateRow;
  step: NodeOf<'session'>;
}

/** The one opened first of those that wait; undefined where none does. `at`: no other than this. */
export async function openTaskOf(
  tx: Tx,
  { nodes }: Graph,
  { tenantId, runId }: HeldProposal,
  at?: { step: string; path: string },
): Promise<OpenTask | undefined> {
  const steps = new Map(nodes.flatMap((node) => (node.kind === 'session' ? [[node.id, node] as const] : [])));
  if (runId === null || steps.size === 0) return undefined;
  const gate = await tx.gate.findFirst({
    where: {
      tenantId,
      rootRunId: runId,
      purpose: 'task',
      status: 'open',
      node: at === undefined ? { in: [...steps.keys()] } : at.step,
      ...(at === undefined ? {} : { path: at.path }),
    },
    orderBy: [{ openedAt: 'asc' }, { id: 'asc' }],
  });
  const step = gate === null ? undefined : steps.get(gate.node);
  return gate === null || step === undefined ? undefined : { gate, step };
}

/** Whether it is this person's to do, who sees the proposal, as things are in this transaction. */
export async function mayDo(
  tx: Tx,
  { user }: Actor,
  { gate, step }: OpenTask,
  { assigneeId }: HeldProposal,
): Promise<boolean> {
  if (step.who === 'assignee') return assigneeId === user;
  return (await whoMayDecide(tx, gate, askedNow(gate))).includes(user);
}
