/** A transcript as a stream reads it, pieces of what is being written included: while the reader may. */
import { Problem } from '../errors.ts';
import type { ReadLog } from '../event-stream.ts';
import { eventText, logPageSize } from '../event-stream.ts';
import { seeSession } from './access.ts';
import { viewOfMessage } from './session-view.ts';

export const readTranscript: ReadLog = async (store, { tenant, user }, session, after) => {
  const reading = store.actAs({ tenant, user }, async (tx) => {
    const { proposal } = await seeSession(tx, { tenant, user }, session);
    const rows = await tx.message.findMany({
      where: { tenantId: tenant, sessionId: session, seq: { gt: after } },
      orderBy: { seq: 'asc' },
      take: logPageSize,
    });
    return {
      ended: proposal.proposal.status === 'closed',
      events: rows.map((row) => ({ seq: row.seq, text: eventText(row.seq, row.kind, viewOfMessage(row)) })),
    };
  });
  return reading.catch((error: unknown) => {
    if (error instanceof Problem && error.slug === 'not-found') return undefined;
    throw error;
  });
};
