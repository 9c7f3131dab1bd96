/** What a document must say about the order of its steps, so that it has the edges of a graph: no more than is needed. */
import type { Edge, Graph, Node } from './graph.ts';

export interface SaidOrder {
  /** Ids of steps; of none it is `after: start`. */
  after?: readonly string[];
  /** `then: end`. */
  ends?: true;
}

/** By the ids of steps. */
export function saidOrder(graph: Graph): Map<string, SaidOrder> {
  const said = new Map<string, SaidOrder>();
  const kinds = new Map(graph.nodes.map((node) => [node.id, node]));
  const forward = graph.edges.filter((edge) => !edge.back);
  const followed = new Set(forward.filter(isPlain).map((edge) => edge.from));
  const into = Map.groupBy(forward, (edge) => edge.to);
  for (const [parent, steps] of Map.groupBy(graph.nodes, (node) => node.parent)) {
    const container = parent === undefined ? undefined : kinds.get(parent);
    const parallel = container?.kind === 'steps' && container.order === 'parallel';
    const ends = (node: Node): boolean => !parallel && node !== steps.at(-1) && !followed.has(node.id) && goesOn(node);
    for (const [index, step] of steps.entries()) {
      const edges = into.get(step.id) ?? [];
      const after = edges.filter(isPlain).map((edge) => edge.from);
      const before = parallel ? undefined : steps[index - 1];
      const linked = edges.length > after.length;
      const follows = before && !linked && before.kind !== 'choose' && !ends(before);
      // In document order: the step before, or none where there is none or a link leads here.
      const unsaid = follows ? after.length === 1 && after[0] === before.id : after.length === 0 && (linked || !before);
      said.set(step.id, { ...(!unsaid && { after }), ...(ends(step) && { ends: true }) });
    }
  }
  return said;
}

function isPlain(edge: Edge): boolean {
  return edge.arm === undefined && edge.action === undefined && edge.on === undefined;
}

/** Is there an end of the step after which a step that follows it would run? */
function goesOn(node: Node): boolean {
  if (node.kind === 'choose') return false;
  return node.kind !== 'approve' || node.actions.some((action) => action.effect === 'continue');
}
