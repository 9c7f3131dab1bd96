/** Sessions, turns and messages as the API shows them. */
import type { z } from 'zod';
import type { Json } from '../../compiler/types.ts';
import type { Tx } from '../../prisma/open.ts';
import { callSlotPrefix } from '../../prisma/session-deeds.ts';
import type { ConfirmationRow, MessageRow, SessionRow, TurnRow } from '../../prisma/sessions.ts';
import { lastTurn } from '../../prisma/sessions.ts';
import type { confirmationView, messageView, sessionView, turnView } from '../routes/sessions/schemas.ts';

/** Of what its agent asks only the owner is told; to others the transcript says that it asked. */
export async function viewOfSession(tx: Tx, row: SessionRow, user: string): Promise<z.infer<typeof sessionView>> {
  const own = row.ownerId === user;
  const turn = await lastTurn(tx, row.tenantId, row.id);
  const asks = own
    ? await tx.confirmation.findMany({
        where: { tenantId: row.tenantId, sessionId: row.id, state: 'open' },
        orderBy: [{ askedAt: 'asc' }, { id: 'asc' }],
      })
    : [];
  return {
    id: row.id,
    proposal: row.proposalId,
    owner: row.ownerId,
    mayWrite: own,
    messages: row.seq,
    createdAt: row.createdAt.toISOString(),
    ...(turn === undefined ? {} : { turn: { ...viewOfTurn(turn), ...(own ? await answerAbout(tx, turn) : {}) } }),
    asks: asks.map(viewOfConfirmation),
  };
}

/** Of a turn that failed since nobody knew what became of its write: what somebody has answered about that. */
async function answerAbout(tx: Tx, { tenantId, id, failure }: TurnRow): Promise<Pick<TurnView, 'answered'>> {
  if (failure !== 'outcome-unknown') return {};
  const write = await tx.effect.findFirst({
    where: { tenantId, turnId: id, slot: { startsWith: callSlotPrefix } },
    orderBy: [{ firstIntentAt: 'desc' }, { effectKey: 'desc' }],
    select: { answer: true },
  });
  // The database knows one more, which is given about writes of steps only.
  return write === null || write.answer === null ? {} : { answered: write.answer as NonNullable<TurnView['answered']> };
}

type TurnView = z.infer<typeof turnView>;

export function viewOfTurn(row: TurnRow): TurnView {
  return {
    id: row.id,
    number: row.number,
    // The database knows no other.
    state: row.state as TurnView['state'],
    stopping: row.stopping,
    untrusted: row.untrusted,
    ...(row.failure === null ? {} : { failure: row.failure }),
    tokens: row.tokens,
    costUsd: row.costUsd,
    askedAt: row.askedAt.toISOString(),
    ...(row.endedAt === null ? {} : { endedAt: row.endedAt.toISOString() }),
  };
}

export function viewOfMessage(row: MessageRow): z.infer<typeof messageView> {
  const isText = row.kind === 'text' || row.kind === 'piece';
  return {
    seq: row.seq,
    author: row.author === 'agent' ? 'agent' : 'owner',
    kind: row.kind as z.infer<typeof messageView>['kind'],
    ...(row.turnId === null ? {} : { turn: row.turnId }),
    ...(isText ? { text: row.body } : { data: JSON.parse(row.body) as Json }),
    at: row.at.toISOString(),
  };
}

export function viewOfConfirmation(row: ConfirmationRow): z.infer<typeof confirmationView> {
  return {
    id: row.id,
    turn: row.turnId,
    deed: JSON.parse(row.body) as Json,
    state: row.state as z.infer<typeof confirmationView>['state'],
    askedAt: row.askedAt.toISOString(),
    ...(row.answeredAt === null ? {} : { answeredAt: row.answeredAt.toISOString() }),
  };
}
