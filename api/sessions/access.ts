/** Who may read a session and who may write in it: its owner both, whom they granted the transcript the first, nobody else either. */
import type { Actor, Tx } from '../../prisma/open.ts';
import type { SessionRow } from '../../prisma/sessions.ts';
import { holdSession } from '../../prisma/sessions.ts';
import { notFound, Problem } from '../errors.ts';
import type { SeenProposal } from '../proposals/access.ts';
import { seeProposal } from '../proposals/access.ts';

export interface SeenSession {
  session: SessionRow;
  proposal: SeenProposal;
}

/** @throws Problem not-found for whoever may not read it, as for a session that is not there */
export async function seeSession(tx: Tx, actor: Actor, id: string): Promise<SeenSession> {
  const session = await tx.session.findUnique({ where: { tenantId_id: { tenantId: actor.tenant, id } } });
  if (session === null) throw notFound('session');
  const proposal = await seeProposal(tx, actor, session.proposalId);
  if (session.ownerId === actor.user) return { session, proposal };
  const granted = await tx.transcriptGrant.count({
    where: {
      tenantId: actor.tenant,
      proposalId: session.proposalId,
      ownerId: session.ownerId,
      granteeId: actor.user,
      revokedAt: null,
    },
  });
  if (granted === 0) throw notFound('session');
  return { session, proposal };
}

/** The actor's own session, held until the transaction ends. @throws Problem not-found; not-permitted */
export async function holdOwnSession(tx: Tx, actor: Actor, id: string): Promise<SeenSession> {
  const seen = await seeSession(tx, actor, id);
  if (seen.session.ownerId !== actor.user) {
    throw new Problem('not-permitted', { detail: 'You may read this session. Continue opens one of your own.' });
  }
  await holdSession(tx, actor, id);
  return seen;
}

/** The same, of a proposal that is open. @throws Problem not-found; not-permitted; proposal-closed */
export async function holdOpenSession(tx: Tx, actor: Actor, id: string): Promise<SeenSession> {
  const seen = await holdOwnSession(tx, actor, id);
  if (seen.proposal.proposal.status !== 'open') {
    throw new Problem('proposal-closed', { detail: 'Its assignee can open it again.' });
  }
  return seen;
}
