/** Who has access to a proposal, and why. */
import type { Tx } from '../../prisma/open.ts';
import type { SeenProposal } from './access.ts';
import { reasonsOf } from './access.ts';

/** Everyone who sees the proposal, and why. People whom only a role lets in are named by the role. */
export async function accessOf(tx: Tx, tenant: string, seen: SeenProposal) {
  const { proposal, collaborators } = seen;
  const grants = await tx.transcriptGrant.findMany({
    where: { tenantId: tenant, proposalId: proposal.id, revokedAt: null },
    orderBy: [{ grantedAt: 'asc' }, { id: 'asc' }],
  });
  const people = collaborators.map((row) => ({
    user: row.userId,
    name: row.user.name,
    active: row.user.active,
    mode: row.mode === 'handoff' ? ('handoff' as const) : ('reviewer' as const),
    reasons: reasonsOf(seen, row.userId, new Set(row.user.memberships.map(({ role }) => role))).map((reason) =>
      reason.why === 'shared' ? { ...reason, at: reason.at.toISOString() } : reason,
    ),
    readsTranscriptsOf: grants.filter(({ granteeId }) => granteeId === row.userId).map(({ ownerId }) => ownerId),
  }));
  const roles = [
    ...(proposal.assigneeRole === null ? [] : [{ role: proposal.assigneeRole, why: 'may-claim' as const }]),
    ...proposal.sections.flatMap(({ name, ownerRole }) =>
      ownerRole === null ? [] : [{ role: ownerRole, why: 'section-owner' as const, section: name }],
    ),
  ];
  return { people, roles };
}
