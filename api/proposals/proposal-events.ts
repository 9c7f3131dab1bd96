/** The log of a proposal, as a stream reads it: while the reader has access, and until it is closed. */
import { Problem } from '../errors.ts';
import type { ReadLog } from '../event-stream.ts';
import { eventText, logPageSize } from '../event-stream.ts';
import { seeProposal } from './access.ts';

export const readProposalLog: ReadLog = async (store, { tenant, user }, proposal, after) => {
  const reading = store.actAs({ tenant, user }, async (tx) => {
    const seen = await seeProposal(tx, { tenant, user }, proposal);
    const events = await tx.proposalEvent.findMany({
      where: { tenantId: tenant, proposalId: proposal, seq: { gt: after } },
      orderBy: { seq: 'asc' },
      take: logPageSize,
    });
    // Their access may have ended between the two: what was appended after its end is not theirs to read.
    if (events.length > 0) await seeProposal(tx, { tenant, user }, proposal);
    return {
      ended: seen.proposal.status === 'closed',
      events: events.map(({ seq, type, section, body, at }) => {
        const data = { seq, at: at.toISOString(), type, section: section ?? undefined, body: JSON.parse(body) };
        return { seq, text: eventText(seq, type, data) };
      }),
    };
  });
  return reading.catch((error: unknown) => {
    if (error instanceof Problem && error.slug === 'not-found') return undefined;
    throw error;
  });
};
