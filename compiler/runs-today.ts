/**
 * What of a graph the interpreter runs. A document may say more: it compiles and can be published, and a start of a run
 * is refused with the places that this names.
 */
import type { Graph, Node } from './graph.ts';

export type KindRun = Exclude<Node['kind'], 'session'>;

const kindsRun: Readonly<Record<KindRun, true>> = {
  agent: true,
  tool: true,
  approve: true,
  person: true,
  choose: true,
  merge: true,
  set: true,
  wait: true,
  repeat: true,
  'for each': true,
  steps: true,
  run: true,
};

export function isRun(node: Node): node is Extract<Node, { kind: KindRun }> {
  return Object.hasOwn(kindsRun, node.kind);
}

/** A place of the graph, and the part that is not run. */
export interface NotRun {
  /** The id of a node; absent where it is said of the whole document. */
  node?: string;
  what: string;
}

export function notRunYet(graph: Graph): NotRun[] {
  const found: NotRun[] = [];
  if (graph.nodes.length === 0) found.push({ what: 'a document without steps' });
  for (const one of graph.externals) {
    if (one.graph === undefined) found.push({ what: `the ${one.thing} ${one.as} of ${one.file}, which was not known` });
  }
  for (const node of graph.nodes) if (!isRun(node)) found.push({ node: node.id, what: node.kind });
  return found;
}
