/**
 * What somebody answered about a write of a session of which nobody knew: told in its transcript when its owner has the turn
 * go on. Who answered writes nothing there.
 */
import { z } from 'zod';
import type { Actor, Tx } from '../../prisma/open.ts';
import { appendMessage } from '../../prisma/sessions.ts';

interface TurnWithCall {
  id: string;
  sessionId: string;
  performs: string | null;
}

const told = z.object({ effect: z.string() });

/** Each answer once, the earliest first. As the owner of the session, in the transaction that takes the turn up. */
export async function tellAnswers(
  tx: Tx,
  actor: Actor,
  { id: turn, sessionId, performs }: TurnWithCall,
): Promise<void> {
  if (performs === null) return;
  const tenantId = actor.tenant;
  const rows = await tx.effect.findMany({
    where: { tenantId, turnId: turn, answer: { not: null } },
    orderBy: [{ firstIntentAt: 'asc' }, { effectKey: 'asc' }],
    select: { effectKey: true, tool: true, answer: true, rootRunId: true, node: true },
  });
  if (rows.length === 0) return;
  const actions = await tx.message.findMany({
    where: { tenantId, sessionId, turnId: turn, kind: 'action' },
    select: { body: true },
  });
  const before = new Set(actions.map(({ body }) => told.safeParse(JSON.parse(body)).data?.effect));
  for (const { effectKey: effect, tool, answer, rootRunId, node } of rows) {
    if (before.has(effect)) continue;
    const order = await tx.command.findFirst({
      where: { tenantId, kind: 'settle', node, applied: true, run: { rootRunId }, body: { contains: effect } },
      select: { userId: true },
    });
    await appendMessage(tx, actor, sessionId, {
      author: 'agent',
      kind: 'action',
      turn,
      body: { did: 'learned', tool, confirmation: performs, effect, answer, by: order?.userId ?? null },
    });
  }
}
