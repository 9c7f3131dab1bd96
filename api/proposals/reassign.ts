/**
 * Proposals whose assignee cannot act: who started one, and any admin, gives it to somebody else, and so does an operator where
 * the assignee is a service. Nobody else is left to do it, since only an assignee hands over.
 */

import type { Identity, Tx } from '../../prisma/open.ts';
import { adminRole } from '../../prisma/people.ts';
import { findProposal, sightOf } from '../../prisma/proposal-rights.ts';
import type { HeldProposal } from '../../prisma/proposals.ts';
import { holdProposal } from '../../prisma/proposals.ts';
import { notFound, Problem } from '../errors.ts';
import { operatingRoles } from '../operators.ts';
import { assign, mustBePerson, tell } from './share.ts';

/**
 * Makes `person` the assignee, in a new epoch, also of a proposal that is closed. An admin or operator who is not among its people
 * gets no access by it. @throws Problem not-found; not-permitted; has-assignee; unknown-person
 */
export async function reassign(tx: Tx, caller: Identity, id: string, person: string): Promise<HeldProposal> {
  const { tenant } = caller;
  const seen = await findProposal(tx, tenant, id);
  if (seen === undefined) throw notFound('proposal');
  const ofService = seen.assigneeId !== null && (await isService(tx, tenant, seen.assigneeId));
  const roles = ofService ? operatingRoles : [adminRole];
  if (!caller.roles.some((role) => roles.includes(role))) {
    if ((await sightOf(tx, caller, seen)) === undefined) throw notFound('proposal');
    if (seen.startedBy !== caller.user) {
      throw new Problem('not-permitted', {
        detail: `This is for who started the proposal, and for the role ${roles.join(' or ')}.`,
      });
    }
  }
  const proposal = await holdProposal(tx, tenant, id);
  const because = await whyItCannotAct(tx, tenant, proposal.assigneeId);
  if (because === undefined) throw new Problem('has-assignee', { detail: waitingWords(proposal) });
  await mustBePerson(tx, tenant, person);
  await assign(tx, caller, { proposal }, person, { because });
  if (person !== caller.user) await tell(tx, caller, id, person, 'assigned', { mode: 'handoff' });
  return holdProposal(tx, tenant, id);
}

/** What is added to a condition on proposals to find those that are open and have nobody who could finish them. */
export const unattended = { status: 'open', assignee: { OR: [{ active: false }, { kind: 'service' }] } };

export async function isService(tx: Tx, tenant: string, user: string): Promise<boolean> {
  return (await tx.user.count({ where: { tenantId: tenant, id: user, kind: 'service' } })) > 0;
}

/** Undefined where they can, and of nobody. */
async function whyItCannotAct(tx: Tx, tenant: string, assignee: string | null): Promise<string | undefined> {
  if (assignee === null) return undefined;
  const where = { tenantId_id: { tenantId: tenant, id: assignee } };
  const { active, kind } = await tx.user.findUniqueOrThrow({ where, select: { active: true, kind: true } });
  if (kind === 'service') return 'service';
  return active ? undefined : 'inactive';
}

const waitingWords = ({ assigneeId, assigneeRole }: HeldProposal): string =>
  assigneeId === null
    ? `It waits for somebody with the role ${assigneeRole} to claim it.`
    : 'Its assignee is active: they hand it over.';
