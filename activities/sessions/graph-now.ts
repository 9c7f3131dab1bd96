/** The document that a talk about a proposal goes by. */
import type { Graph } from '../../compiler/graph.ts';
import { lastOfLineage } from '../../prisma/lineages.ts';
import type { Tx } from '../../prisma/open.ts';
import type { HeldProposal } from '../../prisma/proposals.ts';
import type { Dependencies } from '../dependencies.ts';

/** As the run goes by it now, which a resume may have had go on by another; undefined of a proposal of no document. */
export async function graphNow(
  tx: Tx,
  deps: Dependencies,
  { tenantId, runId, graphHash }: HeldProposal,
): Promise<Graph | undefined> {
  if (graphHash === null) return undefined;
  const run = runId === null ? null : await lastOfLineage(tx, tenantId, runId);
  return (await deps.graphs.load(tx, tenantId, run?.graphHash ?? graphHash)).graph;
}
