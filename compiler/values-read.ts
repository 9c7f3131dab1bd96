/** What each step of a graph works on, by whatever name its expressions read it. */
import { parseExpression } from './expressions/parse.ts';
import { readsOf } from './expressions/reads.ts';
import type { Graph, Node } from './graph.ts';
import { containersAround } from './graph-order.ts';
import { listsOf } from './node-expressions.ts';
import { namesLoadedFor } from './skeleton.ts';

export interface ValuesRead {
  /** Their outputs may change what it does. In document order. */
  steps: string[];
  /** Loops around it whose items it reads. */
  loops: string[];
  input: boolean;
}

/** By the id of each step. A container stands on its own steps, since its output is made of theirs. */
export function valuesRead(graph: Graph): ReadonlyMap<string, ValuesRead> {
  const children = Map.groupBy(graph.nodes, (node) => node.parent);
  return new Map(
    graph.nodes.map((node) => {
      const read = namesLoadedFor(graph, node);
      const names = new Set(read.flatMap((name) => namesBehind(name, node, graph)));
      for (const child of children.get(node.id) ?? []) names.add(child.id);
      const steps = graph.nodes.filter((one) => names.has(one.id)).map((one) => one.id);
      const loops = containersAround(graph, node.id).filter((one) => read.some((name) => isItemOf(one, name)));
      return [node.id, { steps, loops: loops.map((one) => one.id), input: names.has('input') }];
    }),
  );
}

function isItemOf(node: Node, name: string): boolean {
  return 'each' in node && node.each?.item === name;
}

/** The item of a loop is made of what its list reads, `previous` of the steps of its repeat, `feedback` of what sends back. */
function namesBehind(name: string, node: Node, graph: Graph): string[] {
  const around = containersAround(graph, node.id);
  const loop = [node, ...around].find((one) => isItemOf(one, name));
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
