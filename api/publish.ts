/** Graph versions: what a document compiles to, or a graph that came as JSON, stored under its hash. */
import { canonicalJson, sha256Hex } from '../compiler/canonical.ts';
import { compile } from '../compiler/compile.ts';
import type { Declared } from '../compiler/declared-tools.ts';
import type { Graph } from '../compiler/graph.ts';
import { graphSchema } from '../compiler/graph.ts';
import { render } from '../compiler/render.ts';
import type { Surroundings } from '../compiler/surroundings.ts';
import type { Actor, Tx } from '../prisma/open.ts';
import { checkReferences } from './check-references.ts';
import type { Fault } from './errors.ts';
import { Problem } from './errors.ts';

export interface Published {
  document: string;
  title: string;
  graphHash: string;
  /** False when this tenant had the very graph already. */
  isNew: boolean;
}

interface Version {
  graph: Graph;
  hash: string;
  receipt: unknown;
  markdown: string;
}

/** @throws Problem document-has-mistakes with all diagnostics */
export function versionOfMarkdown(markdown: string, surroundings: Surroundings = {}): Version {
  const { graph, hash, receipt, diagnostics } = compile(markdown, { surroundings });
  if (graph === undefined || hash === undefined) throw new Problem('document-has-mistakes', { diagnostics });
  return { graph, hash, receipt: receipt ?? null, markdown };
}

/**
 * The document of a graph as JSON is rendered from it. What it has of other documents is taken as it is.
 * @throws Problem graph-has-mistakes, also for what no document can say
 */
export function versionOfGraph(json: unknown, declared: Declared = {}): Version {
  const parsed = graphSchema.safeParse(json);
  if (!parsed.success) {
    const errors = parsed.error.issues.map(
      (issue): Fault => ({ at: `/${issue.path.join('/')}`, in: 'graph', message: issue.message }),
    );
    throw new Problem('graph-has-mistakes', { errors });
  }
  const graph = parsed.data;
  const errors = checkReferences(graph);
  if (errors.length > 0) throw new Problem('graph-has-mistakes', { errors });
  const rendered = render(graph, declared);
  if ('problems' in rendered) {
    const faults = rendered.problems.map(({ at, message }): Fault => ({ at, in: 'graph', message }));
    throw new Problem('graph-has-mistakes', { errors: faults });
  }
  return { graph, hash: sha256Hex(canonicalJson(graph)), receipt: rendered.receipt, markdown: rendered.text };
}

/** Stores the version and makes it the newest of its document. */
export async function publish(tx: Tx, actor: Actor, version: Version): Promise<Published> {
  const { graph, hash } = version;
  const isNew = await storeVersion(tx, actor, version);
  await tx.document.updateMany({
    where: { tenantId: actor.tenant, id: graph.id, graphHash: { not: hash } },
    data: { title: graph.title, graphHash: hash, publishedAt: new Date() },
  });
  return { document: graph.id, title: graph.title, graphHash: hash, isNew };
}

/**
 * Stores the version under its hash; true when this tenant did not have it. A document that has a newest version keeps
 * it: to run a graph is not to publish it.
 */
export async function storeVersion(tx: Tx, actor: Actor, version: Version): Promise<boolean> {
  const { graph, hash } = version;
  const publishedAt = new Date();
  const added = await tx.graphVersion.createMany({
    data: [
      {
        tenantId: actor.tenant,
        hash,
        documentId: graph.id,
        graph: canonicalJson(graph),
        receipt: canonicalJson(version.receipt),
        markdown: version.markdown,
        publishedBy: actor.user,
        publishedAt,
      },
    ],
    skipDuplicates: true,
  });
  await tx.document.createMany({
    data: [{ tenantId: actor.tenant, id: graph.id, title: graph.title, graphHash: hash, publishedAt }],
    skipDuplicates: true,
  });
  return added.count > 0;
}
