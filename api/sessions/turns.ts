/** What the owner of a session does about its turns: asks for one, stops it, asks again. */
import type { Actor, Tx } from '../../prisma/open.ts';
import type { MessageRow, TurnRow } from '../../prisma/sessions.ts';
import { appendMessage, askTurn, lastTurn, queueTurn } from '../../prisma/sessions.ts';
import { Problem } from '../errors.ts';
import { holdOpenSession, holdOwnSession } from './access.ts';

/** Stores the message and the turn that will answer it. @throws Problem not-found; not-permitted; proposal-closed */
export async function say(
  tx: Tx,
  actor: Actor,
  id: string,
  text: string,
): Promise<{ message: MessageRow; turn: TurnRow }> {
  await holdOpenSession(tx, actor, id);
  return askTurn(tx, actor, id, text);
}

/**
 * Ends the turns that wait, and tells the one under way to: what it has written stays, and it calls no tool after that.
 * Where none is, nothing happens. @throws Problem not-found; not-permitted
 */
export async function stop(tx: Tx, actor: Actor, id: string): Promise<void> {
  await holdOwnSession(tx, actor, id);
  const of = { tenantId: actor.tenant, sessionId: id };
  const waiting = await tx.sessionTurn.findMany({ where: { ...of, state: 'queued' }, orderBy: { number: 'asc' } });
  for (const { id: turn } of waiting) {
    await tx.sessionTurn.update({
      where: { tenantId_id: { tenantId: actor.tenant, id: turn } },
      data: { state: 'stopped', endedAt: new Date() },
    });
    const body = { state: 'stopped' };
    await appendMessage(tx, actor, id, { author: 'owner', kind: 'turn', turn, body });
  }
  await tx.sessionTurn.updateMany({ where: { ...of, state: 'running' }, data: { stopping: true } });
}

/**
 * Has the last turn answered again where it failed or was stopped. What it did is kept and not done twice.
 * @throws Problem not-found; not-permitted; proposal-closed; nothing-to-retry
 */
export async function retry(tx: Tx, actor: Actor, id: string): Promise<TurnRow> {
  await holdOpenSession(tx, actor, id);
  const turn = await lastTurn(tx, actor.tenant, id);
  if (turn?.state !== 'failed' && turn?.state !== 'stopped') throw new Problem('nothing-to-retry');
  const queued = await tx.sessionTurn.update({
    where: { tenantId_id: { tenantId: actor.tenant, id: turn.id } },
    data: { state: 'queued', stopping: false, failure: null, endedAt: null },
  });
  const body = { state: 'queued' };
  await appendMessage(tx, actor, id, { author: 'owner', kind: 'turn', turn: turn.id, body });
  await queueTurn(tx, actor, queued);
  return queued;
}
