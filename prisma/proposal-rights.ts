/** The rights of people on a proposal: who sees it, why, and who edits what in it. As they are in the transaction that asks. */
import type { Actor, Tx } from './act-as.ts';
import type { HeldProposal } from './proposals.ts';

export type SectionRow = HeldProposal['sections'][number];

export interface SeenProposal {
  proposal: HeldProposal;
  user: string;
  roles: ReadonlySet<string>;
  collaborators: CollaboratorRow[];
}
export type CollaboratorRow = Awaited<ReturnType<typeof collaboratorsOf>>[number];

/** Why somebody sees a proposal. */
export type AccessReason =
  | { why: 'assignee' }
  | { why: 'may-claim'; role: string }
  | { why: 'shared'; mode: 'handoff' | 'reviewer'; by: string; at: Date }
  | { why: 'section-owner'; section: string; role?: string };

/** With its sections in order; undefined when the tenant has none of that id. */
export async function findProposal(tx: Tx, tenant: string, id: string): Promise<HeldProposal | undefined> {
  const proposal = await tx.proposal.findUnique({
    where: { tenantId_id: { tenantId: tenant, id } },
    include: { sections: { orderBy: { position: 'asc' } } },
  });
  return proposal ?? undefined;
}

/** What the person sees of it; undefined when they may not. */
export async function sightOf(
  tx: Tx,
  { tenant, user }: Actor,
  proposal: HeldProposal,
): Promise<SeenProposal | undefined> {
  const collaborators = await collaboratorsOf(tx, tenant, proposal.id);
  const person = await rightsOf(tx, tenant, user);
  const found = { proposal, user, roles: person ?? new Set<string>(), collaborators };
  return person === undefined || reasonsOf(found, user, found.roles).length === 0 ? undefined : found;
}

/** The roles of an active member; undefined for anybody else. */
async function rightsOf(tx: Tx, tenant: string, user: string): Promise<Set<string> | undefined> {
  const row = await tx.user.findUnique({
    where: { tenantId_id: { tenantId: tenant, id: user } },
    select: { active: true, memberships: { select: { role: true } } },
  });
  return row?.active === true ? new Set(row.memberships.map(({ role }) => role)) : undefined;
}

/** Those who were not revoked, in the order in which they came. */
function collaboratorsOf(tx: Tx, tenant: string, proposal: string) {
  return tx.collaborator.findMany({
    where: { tenantId: tenant, proposalId: proposal, revokedAt: null },
    orderBy: [{ addedAt: 'asc' }, { userId: 'asc' }],
    include: { user: { select: { name: true, active: true, memberships: { select: { role: true } } } } },
  });
}

/** Every reason for which this person sees the proposal; none when they do not. */
export function reasonsOf(
  { proposal, collaborators }: Pick<SeenProposal, 'proposal' | 'collaborators'>,
  user: string,
  roles: ReadonlySet<string>,
): AccessReason[] {
  const { assigneeId, assigneeRole } = proposal;
  const shared = collaborators.find((row) => row.userId === user);
  return [
    ...(assigneeId === user ? [{ why: 'assignee' } as const] : []),
    ...(assigneeRole !== null && roles.has(assigneeRole) ? [{ why: 'may-claim', role: assigneeRole } as const] : []),
    ...(shared === undefined
      ? []
      : [
          {
            why: 'shared',
            mode: shared.mode === 'handoff' ? 'handoff' : 'reviewer',
            by: shared.addedBy,
            at: shared.addedAt,
          } as const,
        ]),
    ...proposal.sections.flatMap(({ name, ownerId, ownerRole }): AccessReason[] => {
      if (ownerId === user) return [{ why: 'section-owner', section: name }];
      if (ownerRole !== null && roles.has(ownerRole)) return [{ why: 'section-owner', section: name, role: ownerRole }];
      return [];
    }),
  ];
}

/** A section's owner edits it, and nobody else; the assignee edits whatever has no owner. */
export function mayEdit({ proposal, user, roles }: SeenProposal, section: SectionRow): boolean {
  if (section.ownerId !== null) return section.ownerId === user;
  if (section.ownerRole !== null) return roles.has(section.ownerRole);
  return proposal.assigneeId === user;
}

/** Whatever form of Unicode its name is in. */
export function sectionNamed(proposal: HeldProposal, name: string): SectionRow | undefined {
  const wanted = name.normalize('NFC');
  return proposal.sections.find((one) => one.name.normalize('NFC') === wanted);
}
