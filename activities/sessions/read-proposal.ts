/** The proposal as the agent of a session reads it: what of it is its owner's own, and what somebody else may be behind. */
import type { Actor, Tx } from '../../prisma/open.ts';
import { readContents } from '../../prisma/proposal-contents.ts';
import type { SectionRow } from '../../prisma/proposal-rights.ts';
import { findProposal, mayEdit, sightOf } from '../../prisma/proposal-rights.ts';
import { noteRead } from '../../prisma/read-log.ts';
import { renderBlocks } from '../models/context-blocks.ts';
import type { Around, Done } from './tool-call.ts';
import { windowTokens } from './tool-call.ts';

export async function readProposal({ tx, deps, claim }: Around): Promise<Done> {
  const { actor } = claim;
  const proposal = await findProposal(tx, actor.tenant, claim.proposal);
  const seen = proposal && (await sightOf(tx, actor, proposal));
  if (!seen) return { response: 'You have no access to the proposal any more.' };
  await noteRead(tx, { what: 'proposal.read', thing: claim.proposal });
  const { sections } = seen.proposal;
  const contents = await readContents(tx, actor.tenant, sections);
  const definition = deps.definitions.load(seen.proposal.definition);
  const trusted = await trustedOf(tx, actor, claim.proposal);
  const index = sections.map((one) => ({
    ...(one.name === '' ? { state: true } : { section: one.name }),
    digest: one.digest,
    mayEdit: mayEdit(seen, one) && definition.field(one.name)?.computed === undefined,
  }));
  const blocks = sections.flatMap((one) => {
    const value = contents[one.name];
    const name = one.name === '' ? 'state' : one.name;
    return value === undefined ? [] : [{ name, source: 'proposal', trusted: trusted(one), value }];
  });
  return {
    response: `${JSON.stringify(index)}\n\n${renderBlocks(blocks, windowTokens).text}`,
    untrusted: !sections.every(trusted),
  };
}

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
