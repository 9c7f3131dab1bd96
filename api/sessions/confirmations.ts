/**
 * What an agent asked its session's owner: done when they say yes, by them, with the rights they have then. Exactly what
 * they were shown is done.
 */
import type { DefinitionCache } from '../../compiler/proposal-definition.ts';
import type { Json } from '../../compiler/types.ts';
import { editOrSuggest } from '../../prisma/agent-edits.ts';
import type { Actor, Tx } from '../../prisma/open.ts';
import { appendProposalEvents } from '../../prisma/proposal-log.ts';
import type { Deed } from '../../prisma/session-deeds.ts';
import { deedSchema, editOf } from '../../prisma/session-deeds.ts';
import type { ConfirmationRow } from '../../prisma/sessions.ts';
import { appendMessage, askCall } from '../../prisma/sessions.ts';
import { notFound, Problem } from '../errors.ts';
import { share } from '../proposals/share.ts';
import { holdOpenSession } from './access.ts';

export interface Answered {
  row: ConfirmationRow;
  /** Of a yes. */
  outcome?: Json;
}

/**
 * The answer, the deed, and the log and the transcript that tell of both are one transaction: what cannot be done leaves the question open.
 * @throws Problem not-found; not-permitted; proposal-closed; confirmation-answered; as `share` does
 */
export async function answerConfirmation(
  tx: Tx,
  definitions: DefinitionCache,
  actor: Actor,
  { session: id, confirmation, answer }: { session: string; confirmation: string; answer: 'yes' | 'no' },
): Promise<Answered> {
  const { session } = await holdOpenSession(tx, actor, id);
  const key = { where: { tenantId_id: { tenantId: actor.tenant, id: confirmation } } };
  const asked = await tx.confirmation.findUnique(key);
  if (asked === null || asked.sessionId !== id) throw notFound('question');
  if (asked.state !== 'open') throw new Problem('confirmation-answered', { detail: `It was ${asked.state}.` });
  const state = answer === 'yes' ? 'confirmed' : 'declined';
  const row = await tx.confirmation.update({ ...key, data: { state, answeredAt: new Date() } });
  const deed = deedSchema.parse(JSON.parse(asked.body));
  const outcome = answer === 'no' ? undefined : await perform(tx, definitions, actor, session.proposalId, asked, deed);
  const on = deed.does === 'patch' ? { section: '' } : 'section' in deed ? { section: deed.section } : {};
  const said = { by: actor.user, session: id, confirmation, does: deed.does };
  await appendProposalEvents(tx, session.proposalId, [
    { type: `deed.${state}`, ...on, body: said, sourceKey: `deed:${confirmation}` },
  ]);
  const body = { confirmation, answer, ...(outcome === undefined ? {} : { outcome }) };
  await appendMessage(tx, actor, id, { author: 'owner', kind: 'answer', turn: asked.turnId, body });
  return { row, ...(outcome === undefined ? {} : { outcome }) };
}

async function perform(
  tx: Tx,
  definitions: DefinitionCache,
  actor: Actor,
  proposal: string,
  { id: confirmation, turnId: turn, sessionId: session }: ConfirmationRow,
  deed: Deed,
): Promise<Json> {
  switch (deed.does) {
    case 'edit':
    case 'patch':
    case 'suggest':
      return { ...(await editOrSuggest(tx, definitions, actor, { proposal, turn }, editOf(deed))) };
    case 'share': {
      const wanted = { person: deed.person, mode: 'reviewer', transcript: false } as const;
      return { did: (await share(tx, actor, proposal, wanted)) ? 'shared' : 'nothing' };
    }
    case 'hand over': {
      const { person, sections } = deed;
      const wanted = {
        person,
        mode: 'handoff',
        transcript: false,
        ...(sections === undefined ? {} : { sections }),
      } as const;
      return { did: (await share(tx, actor, proposal, wanted)) ? 'handed over' : 'nothing' };
    }
    case 'call': {
      // The worker has the tools, and keeps the ledger of what they did.
      const { id } = await askCall(tx, actor, session, confirmation);
      return { did: 'begun', turn: id };
    }
  }
}
