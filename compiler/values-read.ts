/** What each step of a graph works on, by whatever name its expressions read it. */
import { parseExpression } from './expressions/parse.ts';
import { readsOf } from './expressions/reads.ts';
import type { Graph, Node } from './graph.ts';
import { containersAround } from './graph-order.ts';
import { listsOf } from './node-expressions.ts';
import { namesLoadedFor } from './skeleton.ts';

/**
 * By the id of each step: ids of the steps whose outputs may change what it does, in document order, and whether the input
 * may. A container stands on its own steps, since its output is made of theirs.
 */
export function valuesRead(graph: Graph): ReadonlyMap<string, { steps: string[]; input: boolean }> {
  const children = Map.groupBy(graph.nodes, (node) => node.parent);
  return new Map(
    graph.nodes.map((node) => {
      const names = new Set(namesLoadedFor(graph, node).flatMap((name) => namesBehind(name, node, graph)));
      for (const child of children.get(node.id) ?? []) names.add(child.id);
      const steps = graph.nodes.filter((one) => names.has(one.id)).map((one) => one.id);
      return [node.id, { steps, input: names.has('input') }];
    }),
  );
}

/** The item of a loop is made of what its list reads, `previous` of the steps of its repeat, `feedback` of what sends back. */
function namesBehind(name: string, node: Node, graph: Graph): string[] {
  const around = containersAround(graph, node.id);
  const loop = [node, ...around].find((one) => 'each' in one && one.each?.item === name);
  if (loop) {
    // Where the list is read, the loop's own item is not known yet.
    const outside = graph.nodes.find((one) => one.id === loop.parent);
    const roots = listsOf(loop).flatMap(rootsOf);
    return outside ? roots.flatMap((one) => namesBehind(one, outside, graph)) : roots;
  }
  if (name === 'previous') {
    const repeat = around.find((one) => one.kind === 'repeat');
    return graph.nodes.filter((one) => repeat && one.parent === repeat.id).map((one) => one.id);
  }
  if (name === 'feedback') {
    const targets = new Set([node, ...around].map((one) => one.id));
    return graph.edges.filter((edge) => edge.back && targets.has(edge.to)).map((edge) => edge.from);
  }
  return [name];
}

function rootsOf(source: string): string[] {
  const parsed = parseExpression(source);
  return parsed.ok ? readsOf(parsed.expression).map((read) => read.root) : [];
}
