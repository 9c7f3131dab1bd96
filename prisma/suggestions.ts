/** Making a suggestion: its row, the log, and who is told. What may be suggested is for the caller to decide while it holds the proposal. */
import { randomUUID } from 'node:crypto';
import type { Json } from '../compiler/types.ts';
import type { Actor, Tx } from './act-as.ts';
import { putArtifact } from './artifacts.ts';
import { holdersOf, notify } from './notifications.ts';
import type { ProposalEventType } from './proposal-log.ts';
import { appendProposalEvents } from './proposal-log.ts';
import type { HeldProposal } from './proposals.ts';
import { addressOf } from './proposals.ts';

export type SuggestionRow = NonNullable<Awaited<ReturnType<Tx['suggestion']['findUnique']>>>;

export interface MadeSuggestion {
  kind: 'replace' | 'patch' | 'comment';
  /** As it is now; absent of a comment on the whole. */
  section: HeldProposal['sections'][number] | undefined;
  /** Digest of what its author saw. */
  base: string | null;
  /** The new content, the patch, or the comment's text. */
  body: Json;
}

/** @returns the suggestion; stale already where its base has been left behind meanwhile. */
export async function putSuggestion(
  tx: Tx,
  actor: Actor,
  proposal: HeldProposal,
  { kind, section, base, body }: MadeSuggestion,
): Promise<SuggestionRow> {
  const row = await tx.suggestion.create({
    data: {
      tenantId: actor.tenant,
      id: randomUUID(),
      proposalId: proposal.id,
      authorId: actor.user,
      kind,
      section: section?.name ?? null,
      baseDigest: base,
      bodyDigest: await putArtifact(tx, actor.tenant, body),
      status: base === (section?.digest ?? null) ? 'open' : 'stale',
      madeAt: new Date(),
    },
  });
  await logSuggestion(tx, row, 'suggestion.made', { user: actor.user, kind, base, status: row.status });
  await tellDecider(tx, actor, proposal, row, section);
  return row;
}

/** Tells who may decide it: the section's owner, else the assignee; of a role, everybody who holds it. */
async function tellDecider(
  tx: Tx,
  actor: Actor,
  proposal: HeldProposal,
  row: SuggestionRow,
  section: MadeSuggestion['section'],
): Promise<void> {
  const owned = section !== undefined && (section.ownerId !== null || section.ownerRole !== null);
  const [person, role] = owned ? [section.ownerId, section.ownerRole] : [proposal.assigneeId, proposal.assigneeRole];
  const body = { proposal: proposal.id, suggestion: row.id, by: actor.user };
  const told = { kind: 'suggested', proposal: proposal.id, address: suggestionAddress(row), body } as const;
  const users = person === null && role !== null ? await holdersOf(tx, actor.tenant, role) : [person];
  await notify(
    tx,
    actor.tenant,
    users.flatMap((user) =>
      user === null || user === actor.user ? [] : [{ ...told, user, sourceKey: `suggested:${row.id}` }],
    ),
  );
}

/** Path in the API of a suggestion. */
export const suggestionAddress = (row: SuggestionRow): string => `${addressOf(row.proposalId)}/suggestions/${row.id}`;

export async function logSuggestion(
  tx: Tx,
  row: SuggestionRow,
  type: ProposalEventType,
  body: Record<string, Json>,
): Promise<void> {
  await appendProposalEvents(tx, row.proposalId, [
    {
      type,
      ...(row.section === null ? {} : { section: row.section }),
      body: { suggestion: row.id, ...body },
      sourceKey: `${type}:${row.id}`,
    },
  ]);
}
