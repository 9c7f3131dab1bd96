/**
 * Proposals whose assignee may not act any more: who started one, and any admin, gives it to somebody else. Nobody else is
 * left to do it, since only an assignee hands over.
 */

import type { Identity, Tx } from '../../prisma/open.ts';
import { adminRole } from '../../prisma/people.ts';
import { findProposal, sightOf } from '../../prisma/proposal-rights.ts';
import type { HeldProposal } from '../../prisma/proposals.ts';
import { holdProposal } from '../../prisma/proposals.ts';
import { notFound, Problem } from '../errors.ts';
import { assign, mustBePerson, tell } from './share.ts';

/**
 * Makes `person` the assignee, in a new epoch, also of a proposal that is closed. An admin who is not among its people gets no
 * access by it. @throws Problem not-found; not-permitted; has-assignee; unknown-person
 */
export async function reassign(tx: Tx, caller: Identity, id: string, person: string): Promise<HeldProposal> {
  const isAdmin = caller.roles.includes(adminRole);
  const seen = await findProposal(tx, caller.tenant, id);
  const isAmongIt = seen !== undefined && (await sightOf(tx, caller, seen)) !== undefined;
  if (seen === undefined || !(isAdmin || isAmongIt)) throw notFound('proposal');
  if (!isAdmin && seen.startedBy !== caller.user) {
    throw new Problem('not-permitted', {
      detail: `This is for who started the proposal, and for the role ${adminRole}.`,
    });
  }
  const proposal = await holdProposal(tx, caller.tenant, id);
  if (proposal.assigneeId === null || (await isActive(tx, caller.tenant, proposal.assigneeId))) {
    throw new Problem('has-assignee', { detail: waitingWords(proposal) });
  }
  await mustBePerson(tx, caller.tenant, person);
  await assign(tx, caller, { proposal }, person, { because: 'inactive' });
  if (person !== caller.user) await tell(tx, caller, id, person, 'assigned', { mode: 'handoff' });
  return holdProposal(tx, caller.tenant, id);
}

/** What is added to a condition on proposals to find those that are open and have nobody who could finish them. */
export const unattended = { status: 'open', assignee: { active: false } } as const;

async function isActive(tx: Tx, tenant: string, user: string): Promise<boolean> {
  const row = await tx.user.findUnique({
    where: { tenantId_id: { tenantId: tenant, id: user } },
    select: { active: true },
  });
  return row?.active === true;
}

const waitingWords = ({ assigneeId, assigneeRole }: HeldProposal): string =>
  assigneeId === null
    ? `It waits for somebody with the role ${assigneeRole} to claim it.`
    : 'Its assignee is active: they hand it over.';
