/** Graphs by hash. A graph never changes under its hash, so one that was read once need not be read again. */
import type { Graph, Node } from '../compiler/graph.ts';
import { graphSchema } from '../compiler/graph.ts';
import type { ViewPaths } from '../compiler/skeleton.ts';
import { skeletonOf, viewPathsOf } from '../compiler/skeleton.ts';
import { encodeSkeleton } from '../compiler/skeleton-code.ts';
import type { Tx } from '../prisma/open.ts';

export interface LoadedGraph {
  graph: Graph;
  nodes: ReadonlyMap<string, Node>;
  viewPaths: ViewPaths;
  /** As the workflow is given it. Made when it is first asked for: that takes as long as many steps of a large graph. */
  skeleton(): string;
}

export interface GraphCache {
  /** Throws when the tenant has no such graph. The row itself is read under row-level security, once per tenant. */
  load(tx: Tx, tenant: string, hash: string): Promise<LoadedGraph>;
}

/** Holds the `capacity` graphs used last. */
export function graphCache(capacity = 200): GraphCache {
  const held = new Map<string, LoadedGraph>();
  return {
    async load(tx, tenant, hash) {
      const key = JSON.stringify([tenant, hash]);
      const known = held.get(key);
      if (known) {
        held.delete(key);
        held.set(key, known);
        return known;
      }
      const row = await tx.graphVersion.findUnique({ where: { tenantId_hash: { tenantId: tenant, hash } } });
      if (!row) throw new Error(`Unexpected graph ${hash}, expected one that this tenant published`);
      const graph = graphSchema.parse(JSON.parse(row.graph));
      const loaded = {
        graph,
        nodes: new Map(graph.nodes.map((node) => [node.id, node])),
        viewPaths: viewPathsOf(graph),
        skeleton: once(() => encodeSkeleton(skeletonOf(graph))),
      };
      held.set(key, loaded);
      const oldest = held.keys().next();
      if (held.size > capacity && !oldest.done) held.delete(oldest.value);
      return loaded;
    },
  };
}

function once<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
