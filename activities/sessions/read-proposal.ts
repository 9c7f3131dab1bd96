/**
 * The proposal as the agent of a session reads it: what of it is its owner's own, and how much is shown at once. The digest that
 * an edit needs is given with content that was shown whole, at once or page by page.
 */
import { bytesPerToken } from '../../compiler/token-estimate.ts';
import type { Json } from '../../compiler/types.ts';
import { digestOf } from '../../prisma/artifacts.ts';
import type { Actor, Tx } from '../../prisma/open.ts';
import { readContents } from '../../prisma/proposal-contents.ts';
import type { SectionRow } from '../../prisma/proposal-rights.ts';
import { findProposal, mayEdit, sectionNamed, sightOf } from '../../prisma/proposal-rights.ts';
import { noteRead } from '../../prisma/read-log.ts';
import type { Block } from '../models/context-blocks.ts';
import { renderBlocks, textOf } from '../models/context-blocks.ts';
import type { Around, Done } from './tool-call.ts';
import { windowTokens } from './tool-call.ts';

interface Part {
  row: SectionRow;
  mayEdit: boolean;
  trusted: boolean;
  /** Undefined where nothing was written. */
  value: Json | undefined;
}

/**
 * `section`: this one alone, the state by the empty name; without it all of them. `from`: as the page before it said, to go on
 * behind that one.
 */
export async function readProposal(
  { tx, deps, claim }: Around,
  { section, from }: { section?: string | undefined; from?: string | undefined },
): Promise<Done> {
  const { actor } = claim;
  const proposal = await findProposal(tx, actor.tenant, claim.proposal);
  const seen = proposal && (await sightOf(tx, actor, proposal));
  if (!seen) return { response: 'You have no access to the proposal any more.' };
  const alone = section === undefined ? undefined : sectionNamed(seen.proposal, section);
  if (section !== undefined && alone === undefined) {
    return { response: 'There is no such section. Read the proposal without one for its sections.' };
  }
  await noteRead(tx, { what: 'proposal.read', thing: claim.proposal });
  const rows = alone === undefined ? seen.proposal.sections : [alone];
  const contents = await readContents(tx, actor.tenant, rows);
  const definition = deps.definitions.load(seen.proposal.definition);
  const trusted = await trustedOf(tx, actor, claim.proposal);
  const parts = rows.map(
    (row): Part => ({
      row,
      mayEdit: mayEdit(seen, row) && definition.field(row.name)?.computed === undefined,
      trusted: trusted(row),
      value: contents[row.name],
    }),
  );
  const [first] = parts;
  const page = alone === undefined || first === undefined ? undefined : pageOf(first, from, claim.artifactKey);
  return { response: page ?? allOf(parts), untrusted: parts.some((part) => !part.trusted) };
}

/** They share the window. */
function allOf(parts: Part[]): string {
  const filled = parts.flatMap((part) => (part.value === undefined ? [] : [{ part, value: part.value }]));
  const { text, records } = renderBlocks(
    filled.map(({ part, value }) => blockOf(part, value)),
    windowTokens,
  );
  const cut = new Set(filled.filter((_, at) => records[at]?.cut !== 0).map(({ part }) => part));
  const index = parts.map((part) => headOf(part, cut.has(part) ? { cut: true } : { digest: part.row.digest }));
  return `${JSON.stringify(index)}\n\n${text}`;
}

/**
 * Of a part that the window does not hold, as much as it holds; undefined for one that is shown whole. Where to go on is named with a
 * code that nobody can make up: who comes to the end has been shown all that is before it, of this same content.
 */
function pageOf(part: Part, from: string | undefined, key: Uint8Array): string | undefined {
  const { row, value } = part;
  if (value === undefined) return undefined;
  if (from === undefined && renderBlocks([blockOf(part, value)], windowTokens).records[0]?.cut === 0) return undefined;
  const placeAt = (at: number): string =>
    `${at}-${digestOf(key, { goesOnAt: at, section: row.name, digest: row.digest })}`;
  const start = Number.parseInt(from ?? '0', 10);
  if (from !== undefined && from !== placeAt(start)) {
    return 'There is nothing to go on from there: it has changed since, or you were not told so. Read it from its beginning.';
  }
  const all = textOf(value);
  // Cleaning may make text longer than it is.
  for (let length = windowTokens * bytesPerToken; ; length = Math.ceil(length / 2)) {
    const end = endOfPage(all, start + length);
    const { text, records } = renderBlocks([blockOf(part, all.slice(start, end))], windowTokens);
    if (records[0]?.cut !== 0) continue;
    const head = headOf(part, end < all.length ? { cut: true, more: placeAt(end) } : { digest: row.digest });
    return `${JSON.stringify([head])}\n\n${text}`;
  }
}

/** No character is cut into halves. */
function endOfPage(text: string, end: number): number {
  if (end >= text.length) return text.length;
  return /[\uD800-\uDBFF]/.test(text.charAt(end - 1)) ? end + 1 : end;
}

const headOf = ({ row: { name }, mayEdit }: Part, more: { [name: string]: Json }): Json => ({
  ...(name === '' ? { state: true } : { section: name }),
  ...more,
  mayEdit,
});

const blockOf = ({ row: { name }, trusted }: Part, value: Json): Block => ({
  name: name === '' ? 'state' : name,
  source: 'proposal',
  trusted,
  value,
});

/**
 * Which parts hold nothing but what this person wrote: by every version there has been, since a later one may keep the words of
 * an earlier one. Defaults are the document's. What is computed may be of any part, so it is trusted where all of them are.
 */
async function trustedOf(tx: Tx, { tenant, user }: Actor, proposalId: string): Promise<(part: SectionRow) => boolean> {
  const writings = await tx.sectionVersion.groupBy({
    by: ['section', 'userId', 'source'],
    where: { tenantId: tenant, proposalId, source: { not: 'default' } },
  });
  const computed = new Set<string>();
  const foreign = new Set<string>();
  for (const { section, userId, source } of writings) {
    if (source === 'computed') computed.add(section);
    else if (userId !== user || !isOfOwner(source)) foreign.add(section);
  }
  return ({ name }) => !foreign.has(name) && (!computed.has(name) || foreign.size === 0);
}

/** What a session of theirs wrote was written in their name after they had said so, or before anybody else's text was seen. */
const isOfOwner = (source: string): boolean => source === 'person' || source === 'session';
