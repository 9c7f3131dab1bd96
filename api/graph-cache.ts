/** Graphs by hash, parsed. A graph never changes under its hash, so one that was read once need not be read again. */
import type { Graph } from '../compiler/graph.ts';
import { graphSchema } from '../compiler/graph.ts';
import type { ViewPaths } from '../compiler/skeleton.ts';
import { viewPathsOf } from '../compiler/skeleton.ts';
import type { ValueValidator } from '../compiler/validate-value.ts';
import { valueValidator } from '../compiler/validate-value.ts';
import type { Tx } from '../prisma/open.ts';

export interface LoadedGraph {
  graph: Graph;
  viewPaths: ViewPaths;
  /** Of a run's input. */
  inputs: ValueValidator;
}

export interface GraphCache {
  /** Undefined when the tenant has no such graph. */
  load(tx: Tx, tenant: string, hash: string): Promise<LoadedGraph | undefined>;
}

/** Holds the `capacity` graphs used last, each for its tenant alone. */
export function createGraphCache(capacity = 200): GraphCache {
  const held = new Map<string, LoadedGraph>();
  return {
    async load(tx, tenant, hash) {
      const key = JSON.stringify([tenant, hash]);
      const loaded = held.get(key) ?? (await read(tx, tenant, hash));
      if (loaded === undefined) return undefined;
      held.delete(key);
      held.set(key, loaded);
      const oldest = held.keys().next();
      if (held.size > capacity && !oldest.done) held.delete(oldest.value);
      return loaded;
    },
  };
}

async function read(tx: Tx, tenant: string, hash: string): Promise<LoadedGraph | undefined> {
  const row = await tx.graphVersion.findUnique({
    where: { tenantId_hash: { tenantId: tenant, hash } },
    select: { graph: true },
  });
  if (row === null) return undefined;
  const graph = graphSchema.parse(JSON.parse(row.graph));
  const inputs = valueValidator({ kind: 'record', fields: graph.inputs }, graph.types);
  return { graph, viewPaths: viewPathsOf(graph), inputs };
}
