/** A proposal as people see it: its contents and where they come from, the steps of its run, who has access. */
import type { z } from 'zod';
import { typeInWords } from '../../compiler/json-schema.ts';
import type { DefinitionCache } from '../../compiler/proposal-definition.ts';
import { STATE } from '../../compiler/proposal-definition.ts';
import { lastOfLineage } from '../../prisma/lineages.ts';
import type { Tx } from '../../prisma/open.ts';
import { readContents } from '../../prisma/proposal-contents.ts';
import type { GraphCache } from '../graph-cache.ts';
import type { proposalSummary, proposalView, versionView } from '../routes/proposals/schemas.ts';
import { viewOfRun } from '../run-view.ts';
import type { SectionRow, SeenProposal } from './access.ts';
import { mayEdit } from './access.ts';
import { accessOf } from './access-view.ts';
import type { VersionRow } from './versions.ts';

type ProposalRow = NonNullable<Awaited<ReturnType<Tx['proposal']['findUnique']>>>;

export function summaryOfProposal(row: ProposalRow): z.infer<typeof proposalSummary> {
  return {
    id: row.id,
    title: row.title,
    status: row.status === 'open' ? 'open' : 'closed',
    ...(row.runId === null ? {} : { run: row.runId }),
    ...(row.graphHash === null ? {} : { graphHash: row.graphHash }),
    startedBy: row.startedBy,
    ...(row.assigneeId === null ? {} : { assignee: row.assigneeId }),
    ...(row.assigneeRole === null ? {} : { assigneeRole: row.assigneeRole }),
    assigneeEpoch: row.assigneeEpoch,
    version: row.lockVersion,
    createdAt: row.createdAt.toISOString(),
  };
}

export async function viewOfProposal(
  tx: Tx,
  caches: { graphs: GraphCache; definitions: DefinitionCache },
  seen: SeenProposal,
): Promise<z.infer<typeof proposalView>> {
  const { proposal } = seen;
  const { tenantId } = proposal;
  const definition = caches.definitions.load(proposal.definition);
  const contents = await readContents(tx, tenantId, proposal.sections);
  const written = await tx.sectionVersion.findMany({
    where: {
      tenantId,
      proposalId: proposal.id,
      OR: proposal.sections.map(({ name, lockVersion }) => ({ section: name, version: lockVersion })),
    },
  });
  const partOf = (section: SectionRow) => {
    const content = contents[section.name];
    const last = written.find((row) => row.section === section.name);
    return {
      version: section.lockVersion,
      ...(section.digest === null ? {} : { digest: section.digest }),
      ...(content === undefined ? {} : { content }),
      ...(last === undefined ? {} : { provenance: provenanceOf(last) }),
      mayEdit: proposal.status === 'open' && mayEdit(seen, section),
    };
  };
  const state = proposal.sections.find(({ name }) => name === STATE);
  const last = proposal.runId === null ? null : await lastOfLineage(tx, tenantId, proposal.runId);
  const run = last && (await viewOfRun(tx, caches.graphs, last, undefined));
  return {
    ...summaryOfProposal(proposal),
    ...(state === undefined ? {} : { state: partOf(state) }),
    sections: proposal.sections
      .filter(({ name }) => name !== STATE)
      .map((section) => {
        const field = definition.field(section.name);
        return {
          name: section.name,
          type: field === undefined ? '' : typeInWords(field.type),
          ...(field?.meaning === undefined ? {} : { meaning: field.meaning }),
          computed: field?.computed !== undefined,
          ...(section.ownerId === null ? {} : { owner: { person: section.ownerId } }),
          ...(section.ownerRole === null ? {} : { owner: { role: section.ownerRole } }),
          ...partOf(section),
          ...(field?.computed === undefined ? {} : { mayEdit: false }),
        };
      }),
    steps: run?.steps ?? [],
    ...(await accessOf(tx, tenantId, seen)),
    mayShare: proposal.status === 'open' && proposal.assigneeId === seen.user,
  };
}

export function provenanceOf(row: VersionRow) {
  return {
    by: row.userId,
    source: row.source,
    ...(row.sourceId === null ? {} : { of: row.sourceId }),
    at: row.at.toISOString(),
  };
}

export function viewOfVersion(row: VersionRow): z.infer<typeof versionView> {
  return {
    version: row.version,
    digest: row.digest,
    ...(row.baseDigest === null ? {} : { base: row.baseDigest }),
    ...provenanceOf(row),
  };
}
