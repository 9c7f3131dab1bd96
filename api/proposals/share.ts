/**
 * Sharing: one call adds the collaborator, sets the mode, grants the caller's own transcript where the call says so, and
 * tells the recipient. Asked again for what is so already, it changes nothing and tells nobody.
 */
import { randomUUID } from 'node:crypto';
import { notify } from '../../prisma/notifications.ts';
import type { Actor, Tx } from '../../prisma/open.ts';
import { appendProposalEvents } from '../../prisma/proposal-log.ts';
import { sightOf } from '../../prisma/proposal-rights.ts';
import type { HeldProposal } from '../../prisma/proposals.ts';
import { addressOf, holdProposal } from '../../prisma/proposals.ts';
import { notFound, Problem } from '../errors.ts';
import type { SeenProposal } from './access.ts';
import { holdOpen, holdSeen, mustBeAssignee, mustEdit, sectionOf } from './access.ts';

export type Mode = 'handoff' | 'reviewer';

export interface ShareRequest {
  /** A person's id. */
  person: string;
  mode: Mode;
  /** With handoff: hands over these sections alone, and not the proposal. */
  sections?: string[];
  /** Lets the recipient read the caller's own transcript. */
  transcript: boolean;
}

/** @returns whether anything changed. @throws Problem not-found; not-permitted; proposal-closed; unknown-person; assignee-needed */
export async function share(tx: Tx, actor: Actor, id: string, request: ShareRequest): Promise<boolean> {
  const seen = await holdOpen(tx, actor, id);
  const { person, mode, sections, transcript } = request;
  if (person === actor.user) {
    throw new Problem('invalid-request', {
      errors: [{ at: '/person', in: 'body', message: 'Expected somebody other than yourself' }],
    });
  }
  await mustBePerson(tx, actor.tenant, person);
  let changed: boolean;
  if (mode === 'reviewer') changed = await addReviewer(tx, actor, seen, person);
  else if (sections === undefined) changed = await handOver(tx, actor, seen, person);
  else changed = await handOverSections(tx, actor, seen, person, sections);
  if (!transcript) return changed;
  return (await grantTranscript(tx, actor, seen.proposal, person, { told: changed })) || changed;
}

/**
 * Changes the mode, and whether this person may read the caller's transcript. Nothing but taking the caller's own transcript back
 * is done of a closed proposal too. @throws Problem as `share` does
 */
export async function changeCollaborator(
  tx: Tx,
  actor: Actor,
  id: string,
  person: string,
  change: { mode?: Mode; transcript?: boolean },
): Promise<void> {
  const takesBack = change.mode === undefined && change.transcript === false;
  const seen = await (takesBack ? holdSeen : holdOpen)(tx, actor, id);
  const row = seen.collaborators.find(({ userId }) => userId === person);
  if (row === undefined) throw notFound('collaborator');
  const told = change.mode === 'handoff' && (await handOver(tx, actor, seen, person));
  if (change.mode === 'reviewer' && row.mode !== 'reviewer') throw needsAssignee();
  if (change.transcript === true) await grantTranscript(tx, actor, seen.proposal, person, { told });
  if (change.transcript === false) await revokeTranscripts(tx, actor, id, { ownerId: actor.user, granteeId: person });
}

/**
 * Takes back what the caller granted this person of a proposal that the caller sees no more, as after the loss of a role. False where
 * they never granted it, and where they still see the proposal.
 */
export async function takeBackUnseen(tx: Tx, actor: Actor, id: string, person: string): Promise<boolean> {
  const grant = { ownerId: actor.user, granteeId: person };
  if ((await tx.transcriptGrant.count({ where: { tenantId: actor.tenant, proposalId: id, ...grant } })) === 0)
    return false;
  if ((await sightOf(tx, actor, await holdProposal(tx, actor.tenant, id))) !== undefined) return false;
  await revokeTranscripts(tx, actor, id, grant);
  return true;
}

/**
 * Takes somebody's access away: their collaboration, the sections they own in person, which are the assignee's again, and
 * every transcript of this proposal that they were granted or that they granted others. The assignee does it, and everyone to themselves;
 * of a closed proposal too.
 * @throws Problem not-found; not-permitted; assignee-needed
 */
export async function revoke(tx: Tx, actor: Actor, id: string, person: string): Promise<void> {
  const seen = await holdSeen(tx, actor, id);
  const { proposal } = seen;
  if (person !== actor.user) mustBeAssignee(seen, 'revoke access');
  if (proposal.assigneeId === person) throw needsAssignee();
  const row = seen.collaborators.find(({ userId }) => userId === person);
  const owned = proposal.sections.filter(({ ownerId }) => ownerId === person);
  if (row === undefined && owned.length === 0) throw notFound('collaborator');
  const of = { tenantId: actor.tenant, proposalId: id };
  await tx.collaborator.updateMany({
    where: { ...of, userId: person, revokedAt: null },
    data: { revokedAt: new Date() },
  });
  await tx.section.updateMany({ where: { ...of, ownerId: person }, data: { ownerId: null } });
  await revokeTranscripts(tx, actor, id, { OR: [{ ownerId: person }, { granteeId: person }] });
  await appendProposalEvents(tx, id, [
    ...owned.map(({ name }) => ({ type: 'section.owner-changed' as const, section: name, body: { by: actor.user } })),
    { type: 'collaborator.revoked', body: { user: person, by: actor.user } },
  ]);
}

/** Makes the caller the assignee of a proposal that waits for somebody of a role they have. @throws Problem not-found; not-permitted */
export async function claim(tx: Tx, actor: Actor, id: string): Promise<void> {
  const seen = await holdOpen(tx, actor, id);
  const { assigneeId, assigneeRole } = seen.proposal;
  if (assigneeId === actor.user) return;
  if (assigneeRole === null) throw new Problem('not-permitted', { detail: 'It has an assignee.' });
  if (!seen.roles.has(assigneeRole))
    throw new Problem('not-permitted', { detail: `It waits for somebody with the role ${assigneeRole}.` });
  await assign(tx, actor, seen, actor.user);
}

/** @throws Problem unknown-person */
export async function mustBePerson(tx: Tx, tenant: string, person: string): Promise<void> {
  const row = await tx.user.findUnique({
    where: { tenantId_id: { tenantId: tenant, id: person } },
    select: { active: true, kind: true },
  });
  if (row?.active !== true || row.kind !== 'person') {
    throw new Problem('unknown-person', { detail: 'A proposal is shared with active people of your tenant only.' });
  }
}

async function addReviewer(tx: Tx, actor: Actor, seen: SeenProposal, person: string): Promise<boolean> {
  const known = seen.collaborators.find(({ userId }) => userId === person);
  if (known?.mode === 'handoff') throw needsAssignee();
  if (known !== undefined) return false;
  mustBeAssignee(seen, 'share it for review');
  await putCollaborator(tx, actor, seen.proposal.id, person, 'reviewer');
  await appendProposalEvents(tx, seen.proposal.id, [
    { type: 'proposal.shared', body: { user: person, by: actor.user, mode: 'reviewer' } },
  ]);
  await tell(tx, actor, seen.proposal.id, person, 'shared', { mode: 'reviewer' });
  return true;
}

async function handOver(tx: Tx, actor: Actor, seen: SeenProposal, person: string): Promise<boolean> {
  if (seen.proposal.assigneeId === person) return false;
  mustBeAssignee(seen, 'hand it over');
  await assign(tx, actor, seen, person);
  await tell(tx, actor, seen.proposal.id, person, 'assigned', { mode: 'handoff' });
  return true;
}

/** Makes who claimed a gate that hands the proposal over its assignee; they have access by the gate. A closed one stays as it is. */
export async function assignToClaimer(tx: Tx, claimer: Actor, id: string): Promise<void> {
  const proposal = await holdProposal(tx, claimer.tenant, id);
  if (proposal.status !== 'open' || proposal.assigneeId === claimer.user) return;
  await assign(tx, claimer, { proposal }, claimer.user);
}

/** In a new epoch; the assignee before keeps reading, as a reviewer. `why` goes into the log. */
export async function assign(
  tx: Tx,
  actor: Actor,
  { proposal }: Pick<SeenProposal, 'proposal'>,
  person: string,
  why: { because?: string } = {},
): Promise<void> {
  const of = { tenantId: actor.tenant, id: proposal.id };
  const epoch = proposal.assigneeEpoch + 1;
  await tx.proposal.updateMany({ where: of, data: { assigneeId: person, assigneeRole: null, assigneeEpoch: epoch } });
  if (proposal.assigneeId !== null) {
    await tx.collaborator.updateMany({
      where: { tenantId: actor.tenant, proposalId: proposal.id, userId: proposal.assigneeId },
      data: { mode: 'reviewer' },
    });
  }
  await putCollaborator(tx, actor, proposal.id, person, 'handoff');
  await appendProposalEvents(tx, proposal.id, [
    { type: 'proposal.assigned', body: { user: person, from: proposal.assigneeId, by: actor.user, epoch, ...why } },
  ]);
}

async function handOverSections(
  tx: Tx,
  actor: Actor,
  seen: SeenProposal,
  person: string,
  names: string[],
): Promise<boolean> {
  const { proposal } = seen;
  const moving = names.map((name) => sectionOf(seen, name)).filter(({ ownerId }) => ownerId !== person);
  for (const section of moving) mustEdit(seen, section);
  if (moving.length === 0) return false;
  await tx.section.updateMany({
    where: { tenantId: actor.tenant, proposalId: proposal.id, name: { in: moving.map(({ name }) => name) } },
    data: { ownerId: person, ownerRole: null },
  });
  if (!seen.collaborators.some(({ userId }) => userId === person)) {
    await putCollaborator(tx, actor, proposal.id, person, 'reviewer');
  }
  await appendProposalEvents(
    tx,
    proposal.id,
    moving.map(({ name }) => ({
      type: 'section.owner-changed',
      section: name,
      body: { user: person, by: actor.user },
    })),
  );
  await tell(tx, actor, proposal.id, person, 'assigned', { mode: 'handoff', sections: moving.map(({ name }) => name) });
  return true;
}

async function putCollaborator(tx: Tx, actor: Actor, proposal: string, person: string, mode: Mode): Promise<void> {
  const key = { tenantId: actor.tenant, proposalId: proposal, userId: person };
  const row = { mode, addedBy: actor.user, addedAt: new Date() };
  const { count } = await tx.collaborator.createMany({ data: [{ ...key, ...row }], skipDuplicates: true });
  if (count > 0) return;
  const back = await tx.collaborator.updateMany({
    where: { ...key, revokedAt: { not: null } },
    data: { ...row, revokedAt: null },
  });
  // Who is there already keeps how they came.
  if (back.count === 0) await tx.collaborator.updateMany({ where: key, data: { mode } });
}

/**
 * The caller's own transcript and no other's: the database refuses the rest. The person is told, unless this call `told` them of
 * the proposal already. False where they have the grant.
 */
async function grantTranscript(
  tx: Tx,
  actor: Actor,
  proposal: HeldProposal,
  person: string,
  { told }: { told: boolean },
): Promise<boolean> {
  const of = { tenantId: actor.tenant, proposalId: proposal.id, ownerId: actor.user, granteeId: person };
  if ((await tx.transcriptGrant.count({ where: { ...of, revokedAt: null } })) > 0) return false;
  const id = randomUUID();
  await tx.transcriptGrant.createMany({ data: [{ ...of, id, grantedAt: new Date() }] });
  await appendProposalEvents(tx, proposal.id, [
    { type: 'transcript.granted', body: { owner: actor.user, user: person }, sourceKey: `transcript.granted:${id}` },
  ]);
  if (!told) {
    const mode = proposal.assigneeId === person ? 'handoff' : 'reviewer';
    await tell(tx, actor, proposal.id, person, 'shared', { mode });
  }
  return true;
}

async function revokeTranscripts(
  tx: Tx,
  actor: Actor,
  proposal: string,
  whose: { ownerId: string; granteeId: string } | { OR: [{ ownerId: string }, { granteeId: string }] },
): Promise<void> {
  const where = { tenantId: actor.tenant, proposalId: proposal, ...whose, revokedAt: null };
  const grants = await tx.transcriptGrant.findMany({ where, select: { id: true, ownerId: true, granteeId: true } });
  await tx.transcriptGrant.updateMany({ where, data: { revokedAt: new Date() } });
  await appendProposalEvents(
    tx,
    proposal,
    grants.map(({ id, ownerId, granteeId }) => ({
      type: 'transcript.revoked',
      body: { owner: ownerId, user: granteeId, by: actor.user },
      sourceKey: `transcript.revoked:${id}`,
    })),
  );
}

/** Once for each call. */
export async function tell(
  tx: Tx,
  actor: Actor,
  proposal: string,
  person: string,
  kind: 'shared' | 'assigned',
  more: { mode: Mode; sections?: string[] },
): Promise<void> {
  const body = { proposal, by: actor.user, mode: more.mode };
  // Named by its transaction: shared again after a revocation, somebody is told again.
  const sourceKey = `${kind}:${randomUUID()}`;
  await notify(tx, actor.tenant, [{ user: person, kind, proposal, address: addressOf(proposal), body, sourceKey }]);
}

const needsAssignee = (): Problem =>
  new Problem('assignee-needed', { detail: 'Hand the proposal over to somebody else first.' });
