/** Asking for information before deciding: a thread on the gate, which stays open. */
import { randomUUID } from 'node:crypto';
import type { NewNotification } from '../prisma/notifications.ts';
import { notify } from '../prisma/notifications.ts';
import type { Identity, Tx } from '../prisma/open.ts';
import { appendEvents } from '../prisma/run-log.ts';
import { notFound, Problem } from './errors.ts';
import { gateProblem } from './gate-problems.ts';
import { readRights, voteOf } from './gate-rights.ts';
import type { Held } from './gate-work.ts';
import { holdOpenGate } from './gate-work.ts';

export interface GateMessage {
  id: string;
  kind: 'question' | 'answer';
  by: string;
  to?: string;
  answers?: string;
  text: string;
  at: Date;
}

/**
 * For those who may decide the gate. Asks the person named, or else who started the run.
 * @throws Problem not-found, already-decided, not-open, not-an-approver, separation-of-duties, unknown-person
 */
export async function askAtGate(
  tx: Tx,
  person: Identity,
  id: string,
  said: { text: string; to?: string },
): Promise<GateMessage> {
  const held = await holdOpenGate(tx, person.tenant, id);
  const to = said.to ?? held.run.requesterId;
  const rights = await readRights(tx, held.gate, held.run, [person.user, to]);
  const right = voteOf(rights, person.user, undefined);
  if ('refused' in right) throw gateProblem(right.refused);
  if (said.to !== undefined && !rights.voters.has(to)) {
    throw new Problem('unknown-person', {
      detail: 'Name an active person of your tenant. `GET /people?q=` finds them.',
    });
  }
  return write(tx, held, { kind: 'question', by: person.user, to, text: said.text }, to);
}

/**
 * For the person who was asked, and who started the run.
 * @throws Problem not-found, already-decided, not-open, not-permitted
 */
export async function answerAtGate(
  tx: Tx,
  person: Identity,
  id: string,
  said: { question: string; text: string },
): Promise<GateMessage> {
  const held = await holdOpenGate(tx, person.tenant, id);
  const where = { tenantId: person.tenant, gateId: id, id: said.question, kind: 'question' };
  const question = await tx.gateMessage.findFirst({ where });
  if (question === null) throw notFound('question');
  if (question.toUserId !== person.user && held.run.requesterId !== person.user) {
    throw new Problem('not-permitted', { detail: 'The person who was asked answers, or who started the run.' });
  }
  const message = { kind: 'answer', by: person.user, answers: question.id, text: said.text } as const;
  return write(tx, held, message, question.userId);
}

async function write(
  tx: Tx,
  { gate, run }: Held,
  message: Omit<GateMessage, 'id' | 'at'>,
  told: string,
): Promise<GateMessage> {
  const { kind, by, to, answers, text } = message;
  const [id, at] = [randomUUID(), new Date()];
  await tx.gateMessage.create({
    data: {
      tenantId: gate.tenantId,
      id,
      gateId: gate.id,
      userId: by,
      kind,
      toUserId: to ?? null,
      answers: answers ?? null,
      text,
      at,
    },
  });
  const sourceKey = `gate.${kind}:${id}`;
  const notification: NewNotification = {
    user: told,
    kind,
    address: `/gates/${gate.id}`,
    body: { gate: gate.id, run: run.id, message: id, by },
    sourceKey,
  };
  await notify(tx, gate.tenantId, [notification]);
  await appendEvents(tx, [
    {
      run: run.id,
      type: `gate.${kind}`,
      sourceKey,
      node: gate.node,
      body: { gate: gate.id, message: id, user: by, ...(to === undefined ? {} : { to }) },
    },
  ]);
  return { ...message, id, at };
}
