/** `share` of a gate: those who decide it are given the run's proposal to read. Never a transcript: that is its owner's to grant. */
import { notify } from '../prisma/notifications.ts';
import type { Tx } from '../prisma/open.ts';
import { appendProposalEvents } from '../prisma/proposal-log.ts';
import { addressOf } from '../prisma/proposals.ts';
import type { Dependencies } from './dependencies.ts';
import type { AskedPeople } from './gate-people.ts';
import type { GateRow } from './gate-rows.ts';
import { contentsOf } from './run-proposal.ts';
import type { RunInHand } from './run-row.ts';
import { whoMayDecide } from './tell-approvers.ts';

/**
 * Adds those who are asked as reviewers, each once; with `share: handoff`, who claims the gate becomes the assignee later.
 * Does nothing at a gate that shares nothing.
 * @throws NotMade not-allowed where the document names an owner who is not there
 */
export async function shareWithApprovers(
  tx: Tx,
  deps: Dependencies,
  run: RunInHand,
  gate: GateRow,
  asked: readonly AskedPeople[],
): Promise<void> {
  const node = run.loaded.nodes.get(gate.node);
  if (node?.kind !== 'approve' || node.share === undefined) return;
  const { tenant, user } = run.actor;
  // Opens it, if no step has yet.
  await contentsOf(tx, deps, run.row, run.loaded);
  const where = { tenantId_runId: { tenantId: tenant, runId: run.rootRun } };
  const { id, assigneeId } = await tx.proposal.findUniqueOrThrow({ where });
  const of = { tenantId: tenant, proposalId: id };
  const known = await tx.collaborator.findMany({ where: { ...of, revokedAt: null }, select: { userId: true } });
  const have = new Set([assigneeId, ...known.map(({ userId }) => userId)]);
  const added = (await whoMayDecide(tx, gate, asked)).filter((person) => !have.has(person));
  if (added.length === 0) return;
  const row = { mode: 'reviewer', addedBy: user, addedAt: deps.clock() };
  await tx.collaborator.createMany({
    data: added.map((userId) => ({ ...of, userId, ...row })),
    skipDuplicates: true,
  });
  // Whose access was taken away before is asked anew.
  await tx.collaborator.updateMany({
    where: { ...of, userId: { in: added }, revokedAt: { not: null } },
    data: { ...row, revokedAt: null },
  });
  await notify(
    tx,
    tenant,
    added.map((person) => ({
      user: person,
      kind: 'shared',
      proposal: id,
      address: addressOf(id),
      body: { proposal: id, by: user, mode: 'reviewer', gate: gate.id },
      sourceKey: `shared:${gate.id}`,
    })),
  );
  await appendProposalEvents(
    tx,
    id,
    added.map((person) => ({
      type: 'proposal.shared',
      body: { user: person, by: user, mode: 'reviewer', gate: gate.id },
      sourceKey: `shared:${gate.id}:${person}`,
    })),
  );
}
