/** Where steps of a graph stand to each other: in which containers, and after which others. */
import type { Graph, Node } from './graph.ts';

/** The containers a step stands in, the innermost first. */
export function containersAround(graph: Graph, id: string): Node[] {
  const byId = new Map(graph.nodes.map((node) => [node.id, node]));
  const around: Node[] = [];
  for (let at = byId.get(id)?.parent; at !== undefined; at = byId.get(at)?.parent) {
    const container = byId.get(at);
    if (container === undefined || around.includes(container)) break;
    around.push(container);
  }
  return around;
}

/**
 * The steps that start only when this one has ended, by edges that lead forward: those after it and those after the
 * containers around it, with all that stands in them.
 */
export function downstreamOf(graph: Graph, id: string): Set<string> {
  const next = new Map<string, string[]>();
  for (const edge of graph.edges) if (edge.back === undefined) push(next, edge.from, edge.to);
  const inside = new Map<string, string[]>();
  for (const node of graph.nodes) if (node.parent !== undefined) push(inside, node.parent, node.id);
  const reached = new Set<string>();
  const waiting = [id, ...containersAround(graph, id).map((one) => one.id)].flatMap((at) => next.get(at) ?? []);
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    if (reached.has(at)) continue;
    reached.add(at);
    waiting.push(...(next.get(at) ?? []), ...(inside.get(at) ?? []));
  }
  return reached;
}

/**
 * Is a name of one step's expressions the same value in those of the other: `input`, a step of a scope around both, or
 * the item or the last pass of a container around both?
 */
export function isSharedName(graph: Graph, name: string, one: string, other: string): boolean {
  if (name === 'input') return true;
  const around = containersAround(graph, other);
  const step = graph.nodes.find((node) => node.id === name);
  if (step !== undefined) return step.parent === undefined || around.some((container) => container.id === step.parent);
  const owner = containersAround(graph, one).find((container) => givesName(container, name));
  return owner !== undefined && around.includes(owner);
}

/** Does a link lead back to this step, or to a container around it? */
export function isSentBackTo(graph: Graph, id: string): boolean {
  const targets = graph.edges.filter((edge) => edge.back !== undefined).map((edge) => edge.to);
  if (targets.length === 0) return false;
  return [id, ...containersAround(graph, id).map((one) => one.id)].some((one) => targets.includes(one));
}

/** Is a step, or a container around it, between these two, or one of them: does it run again when the one sends back to the other? */
export function isInLoop(graph: Graph, source: string, target: string, id: string): boolean {
  const before = downstreamOf(graph, target);
  return [id, ...containersAround(graph, id).map((one) => one.id)].some(
    (one) => (one === target || before.has(one)) && (one === source || downstreamOf(graph, one).has(source)),
  );
}

function givesName(container: Node, name: string): boolean {
  return name === 'previous' ? container.kind === 'repeat' : 'each' in container && container.each?.item === name;
}

function push(lists: Map<string, string[]>, key: string, value: string): void {
  const list = lists.get(key);
  if (list) list.push(value);
  else lists.set(key, [value]);
}
