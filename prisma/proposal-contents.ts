/** The contents of a proposal: read by its sections' digests, and written as a definition completed them. */
import type { Contents } from '../compiler/proposal-definition.ts';
import type { Json } from '../compiler/types.ts';
import type { Actor, Tx } from './act-as.ts';
import { putArtifact } from './artifacts.ts';
import type { ContentChange, HeldProposal, VersionSource } from './proposals.ts';
import { writeContents } from './proposals.ts';

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
export async function readContents(
  tx: Tx,
  tenant: string,
  sections: readonly { name: string; digest: string | null }[],
): Promise<Contents> {
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

/** Writes what a definition completed: the section's content as it comes `from` somebody, the rest as computed. */
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
