/** The log of a proposal: append-only, gapless, hash-chained like the log of a run. */
import { randomUUID } from 'node:crypto';
import canonicalize from 'canonicalize';
import type { Json } from '../compiler/types.ts';
import type { Tx } from './act-as.ts';
import type { ProposalEvent } from './generated/client.ts';
import type { ChainHead, ChainVerdict, HashChain } from './hash-chain.ts';
import { verifyHashChain } from './hash-chain.ts';
import { noteGrown } from './run-log.ts';

/** Everything that is logged of a proposal. */
export const proposalEventTypes = [
  'proposal.opened',
  'proposal.written',
  'proposal.shared',
  'proposal.assigned',
  'proposal.renamed',
  'proposal.closed',
  'proposal.reopened',
  'section.owner-changed',
  'collaborator.mode-changed',
  'collaborator.revoked',
  'transcript.granted',
  'transcript.revoked',
  'suggestion.made',
  'suggestion.accepted',
  'suggestion.rejected',
  'suggestion.withdrawn',
  'suggestion.stale',
  'deed.confirmed',
  'deed.declined',
] as const;
export type ProposalEventType = (typeof proposalEventTypes)[number];

export interface NewProposalEvent {
  type: ProposalEventType;
  /** Empty for the state. */
  section?: string;
  /** Ids, digests and numbers. Never content. */
  body: Record<string, Json>;
  /** Names what happened, once in its proposal: a repeated delivery appends nothing. Unsaid, each call is another. */
  sourceKey?: string;
}

export type ProposalEventRow = ProposalEvent;

/** Appends in order. Holds the proposal's row until the transaction ends. Throws when it is not of the actor's tenant. */
export async function appendProposalEvents(tx: Tx, proposal: string, events: NewProposalEvent[]): Promise<void> {
  if (events.length === 0) return;
  const batch = JSON.stringify(
    events.map(({ type, section, body, sourceKey }) => ({
      type,
      section: section ?? null,
      body: canonicalize(body),
      sourceKey: sourceKey ?? `${type}:${randomUUID()}`,
    })),
  );
  await tx.$queryRaw`
    SELECT append_proposal_event(${proposal}, e.event->>'type', e.event->>'sourceKey', e.event->>'section', e.event->>'body')
    FROM json_array_elements(${batch}::json) WITH ORDINALITY AS e(event, position) ORDER BY e.position`;
  noteGrown(tx, proposal);
}

/** Whether `events` are as they were appended; `head`, the proposal's own seq and headHash, reveals a cut-off end. */
export function verifyProposalChain(events: ProposalEventRow[], head?: ChainHead): ChainVerdict {
  return verifyHashChain(events, proposalLogChain, head);
}

/** As append_proposal_event computes it, field by field. */
export const proposalLogChain: HashChain<ProposalEventRow> = {
  chainOf: (event) => `${event.tenantId} ${event.proposalId}`,
  hashedFields: (event) => [
    event.prevHash,
    event.tenantId,
    event.proposalId,
    String(event.seq),
    event.type,
    event.sourceKey,
    event.section,
    event.body,
    event.at.toISOString(),
  ],
};
