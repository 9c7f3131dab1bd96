/**
 * Who may see a proposal and who may write what in it. Asked in the transaction that acts on the answer, of the person's
 * rights as they are then.
 */
import type { Actor, Tx } from '../../prisma/open.ts';
import type { HeldProposal } from '../../prisma/proposals.ts';
import { holdProposal } from '../../prisma/proposals.ts';
import { notFound, Problem } from '../errors.ts';

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

/** As it stands now. @throws Problem not-found for whoever may not see it, as for a proposal that is not there */
export async function seeProposal(tx: Tx, actor: Actor, id: string): Promise<SeenProposal> {
  const proposal = await tx.proposal.findUnique({
    where: { tenantId_id: { tenantId: actor.tenant, id } },
    include: { sections: { orderBy: { position: 'asc' } } },
  });
  if (proposal === null) throw notFound('proposal');
  return seen(tx, actor, proposal);
}

/** The same, held until the transaction ends: for whatever writes. @throws Problem not-found */
export async function holdSeen(tx: Tx, actor: Actor, id: string): Promise<SeenProposal> {
  // Looked at before it is held: a stranger does not make others wait.
  await seeProposal(tx, actor, id);
  return seen(tx, actor, await holdProposal(tx, actor.tenant, id));
}

/** The same, and open. @throws Problem not-found; proposal-closed */
export async function holdOpen(tx: Tx, actor: Actor, id: string): Promise<SeenProposal> {
  const held = await holdSeen(tx, actor, id);
  if (held.proposal.status !== 'open') {
    throw new Problem('proposal-closed', { detail: 'Its assignee can open it again.' });
  }
  return held;
}

async function seen(tx: Tx, { tenant, user }: Actor, proposal: HeldProposal): Promise<SeenProposal> {
  const collaborators = await collaboratorsOf(tx, tenant, proposal.id);
  const person = await rightsOf(tx, tenant, user);
  const found = { proposal, user, roles: person ?? new Set<string>(), collaborators };
  if (person === undefined || reasonsOf(found, user, found.roles).length === 0) throw notFound('proposal');
  return found;
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

/** The conditions under which reasonsOf gives one, for lists. */
export function visibleTo(user: string, roles: readonly string[]) {
  return {
    OR: [
      { assigneeId: user },
      { assigneeRole: { in: [...roles] } },
      { collaborators: { some: { userId: user, revokedAt: null } } },
      { sections: { some: { OR: [{ ownerId: user }, { ownerRole: { in: [...roles] } }] } } },
    ],
  };
}

/** A section's owner edits it, and nobody else; the assignee edits whatever has no owner. */
export function mayEdit({ proposal, user, roles }: SeenProposal, section: SectionRow): boolean {
  if (section.ownerId !== null) return section.ownerId === user;
  if (section.ownerRole !== null) return roles.has(section.ownerRole);
  return proposal.assigneeId === user;
}

/** @throws Problem not-found */
export function sectionOf({ proposal }: Pick<SeenProposal, 'proposal'>, name: string): SectionRow {
  const wanted = name.normalize('NFC');
  const section = proposal.sections.find((one) => one.name.normalize('NFC') === wanted);
  if (section === undefined) throw notFound(name === '' ? 'state' : 'section');
  return section;
}

/** @throws Problem not-permitted */
export function mustEdit(seenBy: SeenProposal, section: SectionRow): void {
  if (mayEdit(seenBy, section)) return;
  throw new Problem('not-permitted', {
    detail:
      section.ownerId === null && section.ownerRole === null
        ? 'Only the assignee edits this. You may suggest a change.'
        : 'Only its owner edits this section. You may suggest a change.',
  });
}

/** @throws Problem not-permitted */
export function mustBeAssignee({ proposal, user }: SeenProposal, deed: string): void {
  if (proposal.assigneeId !== user) throw new Problem('not-permitted', { detail: `Only the assignee may ${deed}.` });
}
