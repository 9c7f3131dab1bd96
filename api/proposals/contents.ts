/** Reading the contents of a proposal, and writing them: only under the version that the writer saw, and only what is valid. */

import type { Contents, DefinitionCache } from '../../compiler/proposal-definition.ts';
import type { Json } from '../../compiler/types.ts';
import type { Violation } from '../../compiler/validate-value.ts';
import type { Actor, Tx } from '../../prisma/open.ts';
import { readContents, writeCompleted } from '../../prisma/proposal-contents.ts';
import type { HeldProposal } from '../../prisma/proposals.ts';
import { Problem } from '../errors.ts';
import type { SectionRow } from './access.ts';
import { holdOpen, mustEdit, sectionOf } from './access.ts';

export interface Edit {
  proposal: string;
  /** STATE for the state. */
  section: string;
  /** The version that the writer saw: 0 where there was none. */
  version: number;
  /** The new content, from the one there is. */
  change(current: Json | undefined): Json;
}

export interface Edited {
  section: string;
  version: number;
  digest: string | null;
  lockVersion: number;
  content: Json;
}

/** @throws Problem not-found; proposal-closed; not-permitted; version-conflict; invalid-content; whatever `change` throws */
export async function editSection(tx: Tx, definitions: DefinitionCache, actor: Actor, edit: Edit): Promise<Edited> {
  const seen = await holdOpen(tx, actor, edit.proposal);
  const section = sectionOf(seen, edit.section);
  mustEdit(seen, section);
  mustBeAt(section, edit.version);
  const current = await readContents(tx, actor.tenant, seen.proposal.sections);
  const value = edit.change(current[section.name]);
  const contents = completeSection(definitions, seen.proposal, current, section.name, value);
  const held = await writeCompleted(tx, actor, seen.proposal, contents, section.name, { source: 'person' });
  const { lockVersion: version, digest } = sectionOf({ proposal: held }, section.name);
  return {
    section: section.name,
    version,
    digest,
    lockVersion: held.lockVersion,
    content: contents[section.name] as Json,
  };
}

/** @throws Problem version-conflict */
export function mustBeAt(section: SectionRow, version: number): void {
  if (section.lockVersion === version) return;
  throw new Problem('version-conflict', {
    detail: `It is at version ${section.lockVersion}, not ${version}. Read it again and decide what becomes of your change.`,
  });
}

/** What would be written, by section, the one named among them. @throws Problem invalid-content */
export function completeSection(
  definitions: DefinitionCache,
  proposal: HeldProposal,
  current: Contents,
  section: string,
  value: Json,
): Contents {
  const definition = definitions.load(proposal.definition);
  if (definition.field(section)?.computed !== undefined) {
    throw invalidContent([{ path: section, message: 'Unexpected content, expected none: this section is computed' }]);
  }
  const completed = definition.complete(section, value, current);
  if (!completed.ok) throw invalidContent(completed.violations);
  // Contents that were not looked at have not changed.
  return completed.contents;
}

export const invalidContent = (violations: Violation[]): Problem =>
  new Problem('invalid-content', {
    errors: violations.map(({ path, message }) => ({ at: path, in: 'body' as const, message })),
  });
