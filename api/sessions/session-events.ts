/** A transcript as a stream reads it, pieces of what is being written included: while the reader may. */
import type { Read } from '../../prisma/read-log.ts';
import type { SessionRow } from '../../prisma/sessions.ts';
import { Problem } from '../errors.ts';
import type { LogPage, ReadLog } from '../event-stream.ts';
import { eventText, logPageSize } from '../event-stream.ts';
import type { ReadNotes } from '../read-notes.ts';
import { seeSession } from './access.ts';
import { viewOfMessage } from './session-view.ts';

/** What is noted of whoever reads the transcript. */
export const readOfSession = ({ session }: { session: SessionRow }): Read => ({
  what: 'transcript.read',
  thing: session.proposalId,
  part: session.id,
});

interface TranscriptPage extends LogPage {
  session: SessionRow;
}

/** A page that holds nothing is nothing read. */
const shownOf = (page: TranscriptPage): Read | undefined =>
  page.events.length === 0 ? undefined : readOfSession(page);

export const transcriptReader =
  (reads: ReadNotes): ReadLog =>
  (store, { tenant, user }, id, after) => {
    const reading = reads.readAs(store, { tenant, user }, shownOf, async (tx) => {
      const { session, proposal } = await seeSession(tx, { tenant, user }, id);
      const rows = await tx.message.findMany({
        where: { tenantId: tenant, sessionId: id, seq: { gt: after } },
        orderBy: { seq: 'asc' },
        take: logPageSize,
      });
      return {
        session,
        ended: proposal.proposal.status === 'closed',
        events: rows.map((row) => ({ seq: row.seq, text: eventText(row.seq, row.kind, viewOfMessage(row)) })),
      };
    });
    return reading.catch((error: unknown) => {
      if (error instanceof Problem && error.slug === 'not-found') return undefined;
      throw error;
    });
  };
