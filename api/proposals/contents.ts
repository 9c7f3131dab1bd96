/** Reading the contents of a proposal, and writing them: only under the version that the writer saw, and only what is valid. */

import type { Contents, DefinitionCache } from '../../compiler/proposal-definition.ts';
import type { Json } from '../../compiler/types.ts';
import type { Violation } from '../../compiler/validate-value.ts';
import { putArtifact } from '../../prisma/artifacts.ts';
import type { Actor, Tx } from '../../prisma/open.ts';
import type { ContentChange, HeldProposal, VersionSource } from '../../prisma/proposals.ts';
import { writeContents } from '../../prisma/proposals.ts';
import { Problem } from '../errors.ts';
import type { SectionRow } from './access.ts';
import { holdOpen, mustEdit, sectionOf } from './access.ts';

/** By digest. A digest that is null, or of nothing that is there, has no entry. */
export async function readDigests(
  tx: Tx,
  tenant: string,
  digests: readonly (string | null)[],
): Promise<ReadonlyMap<string, Json>> {
  const wanted = digests.filter((digest) => digest !== null);
  const rows = await tx.artifact.findMany({
    where: { tenantId: tenant, digest: { in: wanted } },
    select: { digest: true, content: true },
  });
  return new Map(rows.map(({ digest, content }) => [digest, JSON.parse(content) as Json]));
}

/** The contents of the sections that were written. */
export async function readContents(tx: Tx, tenant: string, sections: readonly SectionRow[]): Promise<Contents> {
  const byDigest = await readDigests(
    tx,
    tenant,
    sections.map(({ digest }) => digest),
  );
  return Object.fromEntries(
    sections.flatMap(({ name, digest }) => {
      const content = digest === null ? undefined : byDigest.get(digest);
      return content === undefined ? [] : [[name, content]];
    }),
  );
}

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

/** Writes what completeSection gave: the section's content as it comes `from` somebody, the rest as computed. */
export async function writeCompleted(
  tx: Tx,
  actor: Actor,
  proposal: HeldProposal,
  contents: Contents,
  section: string,
  from: { source: VersionSource; sourceId?: string },
): Promise<HeldProposal> {
  const changes: ContentChange[] = [];
  for (const [name, content] of Object.entries(contents)) {
    const digest = await putArtifact(tx, actor.tenant, content);
    changes.push({ section: name, digest, ...(name === section ? from : { source: 'computed' }) });
  }
  return writeContents(tx, actor, proposal, changes);
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
