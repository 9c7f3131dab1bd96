/**
 * Suggestions: what somebody who may not edit would change. One is made over the content its author saw (its base). When
 * that is gone it is stale, and is applied by nobody but who writes the content themselves after seeing all three: base,
 * current and proposed.
 */
import type { DefinitionCache } from '../../compiler/proposal-definition.ts';
import { STATE } from '../../compiler/proposal-definition.ts';
import type { Json } from '../../compiler/types.ts';
import { putArtifact } from '../../prisma/artifacts.ts';
import { notify } from '../../prisma/notifications.ts';
import type { Actor, Tx } from '../../prisma/open.ts';
import { readContents, readDigests, writeCompleted } from '../../prisma/proposal-contents.ts';
import type { SuggestionRow } from '../../prisma/suggestions.ts';
import { logSuggestion, putSuggestion, suggestionAddress } from '../../prisma/suggestions.ts';
import { notFound, Problem } from '../errors.ts';
import type { SectionRow, SeenProposal } from './access.ts';
import { holdOpen, mustBeAssignee, mustEdit, sectionOf, seeProposal } from './access.ts';
import { completeSection, mustBeAt } from './contents.ts';
import type { Patch } from './json-patch.ts';
import { patched } from './json-patch.ts';

export type { SuggestionRow } from '../../prisma/suggestions.ts';

export type NewSuggestion =
  | { kind: 'replace'; section: string; base: string | null; content: Json }
  | { kind: 'patch'; base: string | null; patch: Patch }
  /** On a section, on the state (STATE), or on the whole. */
  | { kind: 'comment'; section?: string; text: string };

/**
 * @returns the suggestion; stale already where its base has been left behind meanwhile.
 * @throws Problem not-found; proposal-closed; invalid-request, for a base that never was; invalid-content
 */
export async function suggest(
  tx: Tx,
  definitions: DefinitionCache,
  actor: Actor,
  id: string,
  made: NewSuggestion,
): Promise<SuggestionRow> {
  const seen = await holdOpen(tx, actor, id);
  const target = targetOf(made);
  const section = target === undefined ? undefined : sectionOf(seen, target);
  const body: Json = made.kind === 'replace' ? made.content : made.kind === 'patch' ? (made.patch as Json) : made.text;
  const base = made.kind === 'comment' ? (section?.digest ?? null) : made.base;
  if (made.kind !== 'comment' && section !== undefined) {
    await mustHaveBeen(tx, seen, section, base);
    const contents = await readContents(tx, actor.tenant, seen.proposal.sections);
    const before = base === null ? undefined : (await readDigests(tx, actor.tenant, [base])).get(base);
    const proposed = made.kind === 'replace' ? made.content : patched(before, made.patch);
    completeSection(definitions, seen.proposal, contents, section.name, proposed);
  }
  return putSuggestion(tx, actor, seen.proposal, { kind: made.kind, section, base, body });
}

export interface Acceptance {
  note?: string;
  /** Accepts with edits: writes this in the place of what was suggested. */
  content?: Json;
  /** The version that the content was written over: needed to accept a stale suggestion with edits. */
  version?: number;
}

/** @throws Problem not-found; proposal-closed; not-permitted; suggestion-decided; stale-suggestion; version-conflict; invalid-content */
export async function accept(
  tx: Tx,
  definitions: DefinitionCache,
  actor: Actor,
  id: string,
  suggestion: string,
  { note, content, version }: Acceptance,
): Promise<SuggestionRow> {
  const { seen, row } = await holdSuggestion(tx, actor, id, suggestion);
  if (row.kind === 'comment' || row.section === null) {
    mustDecideComment(seen, row);
    return decide(tx, actor, row, 'accepted', note);
  }
  const section = sectionOf(seen, row.section);
  mustEdit(seen, section);
  const moved = row.status === 'stale' || section.digest !== row.baseDigest;
  if (version !== undefined) mustBeAt(section, version);
  if (moved && (content === undefined || version === undefined)) {
    throw new Problem('stale-suggestion', {
      detail:
        'Read the suggestion for base, current and proposed content. To accept it with your own edits, send `content` under If-Match.',
    });
  }
  const current = await readContents(tx, actor.tenant, seen.proposal.sections);
  const proposed = content === undefined ? await proposedOf(tx, row, current[section.name]) : content;
  const contents = completeSection(definitions, seen.proposal, current, section.name, proposed);
  const applied = await putArtifact(tx, actor.tenant, contents[section.name] as Json);
  // First decided, then written: writing makes stale whatever is open over the old content.
  const decided = await decide(tx, actor, row, 'accepted', note, applied);
  const from = { source: 'suggestion', sourceId: row.id } as const;
  await writeCompleted(tx, actor, seen.proposal, contents, section.name, from);
  return decided;
}

/** @throws Problem not-found; proposal-closed; not-permitted; suggestion-decided */
export async function reject(
  tx: Tx,
  actor: Actor,
  id: string,
  suggestion: string,
  note?: string,
): Promise<SuggestionRow> {
  const { seen, row } = await holdSuggestion(tx, actor, id, suggestion);
  if (row.kind === 'comment' || row.section === null) mustDecideComment(seen, row);
  else mustEdit(seen, sectionOf(seen, row.section));
  return decide(tx, actor, row, 'rejected', note);
}

/** @throws Problem not-found; proposal-closed; not-permitted; suggestion-decided */
export async function withdraw(tx: Tx, actor: Actor, id: string, suggestion: string): Promise<SuggestionRow> {
  const { row } = await holdSuggestion(tx, actor, id, suggestion);
  if (row.authorId !== actor.user)
    throw new Problem('not-permitted', { detail: 'Only its author withdraws a suggestion.' });
  return decide(tx, actor, row, 'withdrawn');
}

/** The suggestion with its three contents; those that are not there are left out. @throws Problem not-found */
export async function readSuggestion(tx: Tx, actor: Actor, id: string, suggestion: string) {
  const seen = await seeProposal(tx, actor, id);
  const row = await findSuggestion(tx, actor.tenant, id, suggestion);
  const section = row.section === null ? undefined : sectionOf(seen, row.section);
  const known = await readDigests(tx, actor.tenant, [row.baseDigest, section?.digest ?? null, row.bodyDigest]);
  const at = (digest: string | null | undefined) => (digest == null ? undefined : known.get(digest));
  const body = at(row.bodyDigest);
  if (row.kind === 'comment') return { row, body };
  const base = at(row.baseDigest);
  const proposed = row.kind === 'patch' ? patched(base, body as unknown as Patch) : body;
  return { row, body, view: { base, current: at(section?.digest), proposed, version: section?.lockVersion ?? 0 } };
}

function targetOf(made: NewSuggestion): string | undefined {
  if (made.kind === 'patch') return STATE;
  return made.section;
}

async function holdSuggestion(tx: Tx, actor: Actor, id: string, suggestion: string) {
  const seen = await holdOpen(tx, actor, id);
  const row = await findSuggestion(tx, actor.tenant, id, suggestion);
  if (row.status !== 'open' && row.status !== 'stale') {
    throw new Problem('suggestion-decided', { detail: `It was ${row.status}.` });
  }
  return { seen, row };
}

async function findSuggestion(tx: Tx, tenant: string, proposal: string, id: string): Promise<SuggestionRow> {
  const row = await tx.suggestion.findUnique({ where: { tenantId_id: { tenantId: tenant, id } } });
  if (row === null || row.proposalId !== proposal) throw notFound('suggestion');
  return row;
}

/** What the suggestion makes of the content it was made for: `current`, since its base still stands. */
async function proposedOf(tx: Tx, row: SuggestionRow, current: Json | undefined): Promise<Json> {
  const body = (await readDigests(tx, row.tenantId, [row.bodyDigest])).get(row.bodyDigest);
  if (body === undefined) throw new Error(`the body of suggestion ${row.id} is gone`);
  // It was parsed as a patch when it came in.
  return row.kind === 'patch' ? patched(current, body as unknown as Patch) : body;
}

/** @throws Problem invalid-request */
async function mustHaveBeen(
  tx: Tx,
  { proposal }: SeenProposal,
  section: SectionRow,
  base: string | null,
): Promise<void> {
  if (base === section.digest || base === null) return;
  const of = { tenantId: proposal.tenantId, proposalId: proposal.id, section: section.name };
  if ((await tx.sectionVersion.count({ where: { ...of, digest: base } })) > 0) return;
  throw new Problem('invalid-request', {
    errors: [{ at: '/base', in: 'body', message: 'Expected the digest of a version that you read' }],
  });
}

/** A comment on a section is for who edits it, one on the whole for the assignee. @throws Problem not-permitted */
function mustDecideComment(seen: SeenProposal, row: SuggestionRow): void {
  if (row.section === null) mustBeAssignee(seen, 'settle this comment');
  else mustEdit(seen, sectionOf(seen, row.section));
}

async function decide(
  tx: Tx,
  actor: Actor,
  row: SuggestionRow,
  status: 'accepted' | 'rejected' | 'withdrawn',
  note?: string,
  applied?: string,
): Promise<SuggestionRow> {
  const decided = await tx.suggestion.update({
    where: keyOf(row),
    data: {
      status,
      decidedBy: actor.user,
      decidedAt: new Date(),
      note: note ?? null,
      appliedDigest: applied ?? null,
    },
  });
  await logSuggestion(tx, row, `suggestion.${status}`, { user: actor.user });
  if (actor.user !== row.authorId) {
    const body = { proposal: row.proposalId, suggestion: row.id, status, by: actor.user };
    const address = suggestionAddress(row);
    await notify(tx, actor.tenant, [
      { user: row.authorId, kind: 'decided', proposal: row.proposalId, address, body, sourceKey: `decided:${row.id}` },
    ]);
  }
  return decided;
}

const keyOf = (row: SuggestionRow) => ({ tenantId_id: { tenantId: row.tenantId, id: row.id } });
