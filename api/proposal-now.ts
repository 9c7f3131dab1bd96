/** What the steps of a lineage were given of its proposal, and what its gates showed of it, held against what stands there now. */
import { canonicalJson } from '../compiler/canonical.ts';
import type { Graph, Node } from '../compiler/graph.ts';
import { workOf } from '../compiler/node-expressions.ts';
import type { Contents } from '../compiler/proposal-definition.ts';
import { STATE } from '../compiler/proposal-definition.ts';
import {
  asItStands,
  contentAt,
  ownerOf,
  placeOf,
  proposalReads,
  proposalValue,
  writesProposal,
} from '../compiler/proposal-places.ts';
import type { Json } from '../compiler/types.ts';
import { artifactKey, digestOf } from '../prisma/artifacts.ts';
import type { Tx } from '../prisma/open.ts';
import { readContents, readDigests } from '../prisma/proposal-contents.ts';
import { proposalOf } from './gate-rows.ts';

export interface ProposalNow {
  /** Would the step, which was given this digest by this name, be given another by the proposal now? */
  gives(reader: Node, name: string, digest: string): boolean;
  /** Does the proposal hold something else of what the gate shows? */
  differsAt(gate: { bindings: string }): boolean;
  /** Steps that find something else where they wrote, and would write over it, with the place in words. */
  overwritten: { node: string; place: string }[];
}

/** `digests`: those that steps were given. Undefined where there is no proposal. */
export async function proposalNow(
  tx: Tx,
  run: { tenantId: string; rootRunId: string },
  graph: Graph,
  digests: readonly string[],
): Promise<ProposalNow | undefined> {
  if (graph.proposal === undefined) return undefined;
  const { tenantId, rootRunId: runId } = run;
  const proposal = await tx.proposal.findUnique({
    where: { tenantId_runId: { tenantId, runId } },
    include: { sections: true },
  });
  if (proposal === null) return undefined;
  const contents = await readContents(tx, tenantId, proposal.sections);
  const given = await readDigests(tx, tenantId, digests);
  const key = await artifactKey(tx, tenantId);
  const nodes = new Map(graph.nodes.map((node) => [node.id, node]));

  function digestNow(reader: Node, name: string, digest: string): string {
    const reads = name === 'proposal' ? proposalReads(workOf(reader)) : [];
    if (reads.length > 0) return digestOf(key, proposalValue(contents, reads));
    const owner = ownerOf(graph, nodes, name, reader.id);
    const output = given.get(digest);
    if (owner === undefined || output === undefined || !writesProposal(graph, owner)) return digest;
    // What it was given had the places as they stood then: they are put in anew.
    return digestOf(key, asItStands(graph, owner, output, contents));
  }
  return {
    gives: (reader, name, digest) => digestNow(reader, name, digest) !== digest,
    differsAt(gate) {
      const shown = proposalOf(gate);
      return shown !== undefined && digestOf(key, proposalValue(contents, shown.reads)) !== shown.digest;
    },
    overwritten: await overwrittenIn(tx, { tenantId, proposalId: proposal.id }, graph, contents),
  };
}

async function overwrittenIn(
  tx: Tx,
  at: { tenantId: string; proposalId: string },
  graph: Graph,
  contents: Contents,
): Promise<ProposalNow['overwritten']> {
  const versions = await tx.sectionVersion.findMany({
    where: { ...at, source: 'step' },
    orderBy: { version: 'asc' },
    select: { section: true, sourceId: true, digest: true },
  });
  const latest = new Map(versions.map((one) => [one.sourceId, one]));
  const written = await readDigests(
    tx,
    at.tenantId,
    [...latest.values()].map(({ digest }) => digest),
  );
  return graph.nodes.flatMap((node) => {
    const place = placeOf(node);
    const version = latest.get(node.id);
    if (place === undefined || version?.section !== place.section) return [];
    const own = contentAt({ [place.section]: written.get(version.digest) ?? null }, place);
    if (sameContent(own, contentAt(contents, place))) return [];
    const words = place.section === STATE ? ['state', ...place.path].join('.') : place.section;
    return [{ node: node.id, place: words }];
  });
}

function sameContent(one: Json | undefined, other: Json | undefined): boolean {
  if (one === undefined || other === undefined) return one === other;
  return canonicalJson(one) === canonicalJson(other);
}
