/**
 * Who may see a proposal and who may write what in it. Asked in the transaction that acts on the answer, of the person's
 * rights as they are then.
 */
import type { Actor, Tx } from '../../prisma/open.ts';
import type { SectionRow, SeenProposal } from '../../prisma/proposal-rights.ts';
import { findProposal, mayEdit, sectionNamed, sightOf } from '../../prisma/proposal-rights.ts';
import { holdProposal } from '../../prisma/proposals.ts';
import { notFound, Problem } from '../errors.ts';

export type { AccessReason, CollaboratorRow, SectionRow, SeenProposal } from '../../prisma/proposal-rights.ts';
export { mayEdit, reasonsOf } from '../../prisma/proposal-rights.ts';

/** As it stands now. @throws Problem not-found for whoever may not see it, as for a proposal that is not there */
export async function seeProposal(tx: Tx, actor: Actor, id: string): Promise<SeenProposal> {
  const proposal = await findProposal(tx, actor.tenant, id);
  return found(proposal && (await sightOf(tx, actor, proposal)));
}

/** The same, held until the transaction ends: for whatever writes. @throws Problem not-found */
export async function holdSeen(tx: Tx, actor: Actor, id: string): Promise<SeenProposal> {
  // Looked at before it is held: a stranger does not make others wait.
  await seeProposal(tx, actor, id);
  return found(await sightOf(tx, actor, await holdProposal(tx, actor.tenant, id)));
}

function found(seen: SeenProposal | undefined): SeenProposal {
  if (seen === undefined) throw notFound('proposal');
  return seen;
}

/** The same, and open. @throws Problem not-found; proposal-closed */
export async function holdOpen(tx: Tx, actor: Actor, id: string): Promise<SeenProposal> {
  const held = await holdSeen(tx, actor, id);
  if (held.proposal.status !== 'open') {
    throw new Problem('proposal-closed', { detail: 'Its assignee can open it again.' });
  }
  return held;
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

/** @throws Problem not-found */
export function sectionOf({ proposal }: Pick<SeenProposal, 'proposal'>, name: string): SectionRow {
  const section = sectionNamed(proposal, name);
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
