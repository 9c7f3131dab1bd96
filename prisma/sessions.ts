/**
 * Sessions in the store: a person's own conversation on a proposal. Every row of one is written in its owner's name, which
 * the database holds to: a session of somebody else can be read where they granted it, and never be written.
 */
import { randomUUID } from 'node:crypto';
import canonicalize from 'canonicalize';
import type { Json } from '../compiler/types.ts';
import type { Actor, Tx } from './act-as.ts';
import { noteGrown } from './run-log.ts';

export type SessionRow = NonNullable<Awaited<ReturnType<Tx['session']['findUnique']>>>;
export type TurnRow = NonNullable<Awaited<ReturnType<Tx['sessionTurn']['findUnique']>>>;
export type MessageRow = NonNullable<Awaited<ReturnType<Tx['message']['findUnique']>>>;
export type ConfirmationRow = NonNullable<Awaited<ReturnType<Tx['confirmation']['findUnique']>>>;

/** What is appended to a transcript. */
export type NewMessage = { author: 'owner' | 'agent'; turn?: string } & (
  | {
      /** `piece`: of a text that is being written; the whole text follows it. */
      kind: 'text' | 'piece';
      body: string;
    }
  | {
      /** `action`: what was done to the proposal. `turn`: the state of one. `asks` and `answer`: of a confirmation. */
      kind: 'action' | 'asks' | 'answer' | 'turn';
      body: Record<string, Json>;
    }
);

/** The workflow that answers a session's messages, one turn after the other. */
export const sessionWorkflowId = (session: string): string => `session/${session}`;

/** The actor's own session on the proposal, opened unless it is there: one, however many ask at once. */
export async function continueSession(
  tx: Tx,
  { tenant, user }: Actor,
  proposal: string,
): Promise<{ session: SessionRow; isNew: boolean }> {
  const key = { tenantId: tenant, proposalId: proposal, ownerId: user };
  const { count } = await tx.session.createMany({
    data: [{ ...key, id: randomUUID(), createdAt: new Date() }],
    skipDuplicates: true,
  });
  const session = await tx.session.findUniqueOrThrow({ where: { tenantId_proposalId_ownerId: key } });
  return { session, isNew: count === 1 };
}

/**
 * Appends to the transcript and returns the message. Holds the session until the transaction ends. Throws when the session is not the
 * actor's own.
 */
export async function appendMessage(
  tx: Tx,
  { tenant, user }: Actor,
  session: string,
  { author, kind, turn, body }: NewMessage,
): Promise<MessageRow> {
  const { count } = await tx.session.updateMany({
    where: { tenantId: tenant, id: session, ownerId: user },
    data: { seq: { increment: 1 } },
  });
  if (count !== 1) throw new Error(`session ${session} is not of the person who would write it`);
  const { seq } = await tx.session.findUniqueOrThrow({
    where: { tenantId_id: { tenantId: tenant, id: session } },
    select: { seq: true },
  });
  noteGrown(tx, session);
  return tx.message.create({
    data: {
      tenantId: tenant,
      sessionId: session,
      seq,
      ownerId: user,
      author,
      kind,
      turnId: turn ?? null,
      // Text of Postgres holds no zero character; models write what they like.
      body: typeof body === 'string' ? body.replaceAll('\0', '') : (canonicalize(body) ?? '{}'),
      at: new Date(),
    },
  });
}

/** A turn to come, and the message that it answers. */
export async function askTurn(
  tx: Tx,
  actor: Actor,
  session: string,
  text: string,
): Promise<{ message: MessageRow; turn: TurnRow }> {
  const turn = await nextTurn(tx, actor, session);
  const message = await appendMessage(tx, actor, session, { author: 'owner', kind: 'text', turn: turn.id, body: text });
  await queueTurn(tx, actor, turn);
  return { message, turn };
}

/** A turn to come, which first makes the call that was confirmed and then goes on from what came of it. */
export async function askCall(tx: Tx, actor: Actor, session: string, confirmation: string): Promise<TurnRow> {
  const turn = await nextTurn(tx, actor, session, confirmation);
  await queueTurn(tx, actor, turn);
  return turn;
}

async function nextTurn(tx: Tx, actor: Actor, session: string, performs?: string): Promise<TurnRow> {
  await holdSession(tx, actor, session);
  const of = { tenantId: actor.tenant, sessionId: session };
  const number = 1 + (await tx.sessionTurn.count({ where: of }));
  return tx.sessionTurn.create({
    data: {
      ...of,
      id: randomUUID(),
      ownerId: actor.user,
      number,
      askedAt: new Date(),
      ...(performs === undefined ? {} : { performs }),
    },
  });
}

/** Has the relay see to it that the session's workflow takes the turn up. */
export async function queueTurn(tx: Tx, { tenant }: Actor, turn: TurnRow): Promise<void> {
  await tx.outbox.create({
    data: {
      tenantId: tenant,
      id: randomUUID(),
      workflowId: sessionWorkflowId(turn.sessionId),
      kind: 'session',
      payload: JSON.stringify({ session: turn.sessionId, turn: turn.id }),
      nextAt: new Date(),
    },
  });
}

/**
 * Nobody else writes to the session until the transaction ends. Of somebody else's session, nothing is held.
 *
 * Whoever changes anything of a session, the API as the worker, holds it before all else: its turns, questions and messages
 * are changed under this lock and have none of their own; then a proposal is held (holdProposal), then a write of the ledger
 * and the log of its run. Nobody who holds one of those goes back to hold a session, so no two wait for each other.
 */
export async function holdSession(tx: Tx, { tenant, user }: Actor, session: string): Promise<void> {
  await tx.$queryRaw`SELECT 1 FROM session WHERE tenant_id = ${tenant} AND id = ${session} AND owner_id = ${user} FOR NO KEY UPDATE`;
}

/** The turn asked for last; undefined where nobody has said anything. */
export async function lastTurn(tx: Tx, tenant: string, session: string): Promise<TurnRow | undefined> {
  const row = await tx.sessionTurn.findFirst({
    where: { tenantId: tenant, sessionId: session },
    orderBy: { number: 'desc' },
  });
  return row ?? undefined;
}
