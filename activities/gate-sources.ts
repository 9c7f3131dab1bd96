/** What people may have written of the values a gate shows: by these digests its contributors are found. */
import type { Node } from '../compiler/graph.ts';
import type { Tx } from '../prisma/open.ts';
import type { Digest } from './contract.ts';
import { handoffSchema } from './handoff.ts';
import type { RunInHand } from './run-row.ts';

/** Kinds whose output is made by code of what others wrote. What an agent or a tool makes is theirs. */
const computing: ReadonlySet<Node['kind']> = new Set(['set', 'merge', 'repeat', 'for each', 'steps']);

/** The digests, and those that computed ones among them were computed from. Sorted, each once. */
export async function writtenSources(tx: Tx, run: RunInHand, shown: readonly Digest[]): Promise<Digest[]> {
  const found = new Set<Digest>();
  let looking = [...shown];
  while (looking.length > 0) {
    const unseen = looking.filter((digest) => !found.has(digest));
    for (const digest of unseen) found.add(digest);
    const rows = await tx.stepExecution.findMany({
      where: { tenantId: run.actor.tenant, rootRunId: run.rootRun, outputDigest: { in: unseen }, status: 'committed' },
      select: { node: true, handoff: true },
    });
    looking = rows.flatMap(({ node, handoff }) => {
      const kind = run.loaded.nodes.get(node)?.kind;
      if (kind === undefined || !computing.has(kind) || handoff === null) return [];
      return Object.values(handoffSchema.parse(JSON.parse(handoff)).inputDigests);
    });
  }
  return [...found].sort();
}
