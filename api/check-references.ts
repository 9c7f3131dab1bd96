/**
 * What the graph's schema cannot say of a graph that came as JSON: everything named exists, no way leads round unbounded,
 * and expressions can be read. A graph that a document compiled to meets all of it.
 */
import { parseExpression } from '../compiler/expressions/parse.ts';
import type { Graph } from '../compiler/graph.ts';
import { expressionsOf } from '../compiler/node-expressions.ts';
import type { Type } from '../compiler/types.ts';
import { innerTypes } from '../compiler/types.ts';
import type { Fault } from './errors.ts';

export function checkReferences(graph: Graph): Fault[] {
  const faults: Fault[] = [];
  const complain = (at: string, message: string) => faults.push({ at, in: 'graph', message });
  const position = new Map(graph.nodes.map((node, index) => [node.id, index]));
  const nodes = new Map(graph.nodes.map((node) => [node.id, node]));
  const types = new Set(graph.types.map((type) => type.name));
  const agents = new Set(graph.agents.map((agent) => agent.id));

  const checkType = (type: Type, at: string): void => {
    if (type.kind === 'named' && !types.has(type.name))
      complain(at, `Unexpected type ${type.name}, expected one of the graph's types`);
    for (const inner of innerTypes(type)) checkType(inner, at);
  };
  const checkExpression = (source: string, at: string): void => {
    const parsed = parseExpression(source);
    if (!parsed.ok) complain(at, parsed.problem.message);
  };

  if (position.size !== graph.nodes.length) complain('/nodes', 'Unexpected repeated id, expected one node for each id');
  if (types.size !== graph.types.length)
    complain('/types', 'Unexpected repeated name, expected one type for each name');
  if (agents.size !== graph.agents.length)
    complain('/agents', 'Unexpected repeated id, expected one agent for each id');

  graph.types.forEach((one, index) => {
    checkType(one.type, `/types/${index}`);
  });
  graph.inputs.forEach((field, index) => {
    checkType(field.type, `/inputs/${index}`);
  });
  graph.result.forEach((row, index) => {
    checkType(row.type, `/result/${index}`);
    checkExpression(row.value, `/result/${index}/value`);
  });
  graph.nodes.forEach((node, index) => {
    const at = `/nodes/${index}`;
    for (const source of expressionsOf(node)) checkExpression(source, at);
    if ('gives' in node && node.gives !== undefined) checkType(node.gives, `${at}/gives`);
    if (node.kind === 'agent' && !agents.has(node.agent)) {
      complain(`${at}/agent`, `Unexpected agent ${node.agent}, expected one of the graph's agents`);
    }
    if (node.kind !== 'choose') return;
    node.arms.forEach((arm, number) => {
      const leads = graph.edges.some((edge) => edge.from === node.id && edge.to === arm.to && edge.arm === number);
      if (!leads)
        complain(`${at}/arms/${number}`, `Unexpected arm without an edge, expected one from ${node.id} to ${arm.to}`);
      if ((arm.when === undefined) !== (number === node.arms.length - 1)) {
        complain(`${at}/arms/${number}`, 'Unexpected order, expected a condition on every arm but the last');
      }
    });
  });
  const round = edgesOfCircles(graph);
  graph.edges.forEach((edge, index) => {
    const [from, to] = [position.get(edge.from), position.get(edge.to)];
    const at = `/edges/${index}`;
    if (from === undefined) complain(`${at}/from`, `Unexpected step ${edge.from}, expected one of the graph's nodes`);
    if (to === undefined) complain(`${at}/to`, `Unexpected step ${edge.to}, expected one of the graph's nodes`);
    if (from === undefined || to === undefined) return;
    // What a step says it comes after may stand later in the document; a branch to an earlier step sends back.
    const sendsBack = from >= to && [edge.arm, edge.action, edge.on].some((one) => one !== undefined);
    if (edge.back ? from < to : sendsBack || round.has(edge)) {
      const what = edge.back ? 'bound on an edge forward' : 'edge back without a bound';
      complain(
        at,
        `Unexpected ${what} to ${edge.to}, expected a bound where it leads to an earlier node, and only there`,
      );
    }
    const source = nodes.get(edge.from);
    if (
      edge.arm !== undefined &&
      edge.on === undefined &&
      (source?.kind !== 'choose' || source.arms[edge.arm]?.to !== edge.to)
    ) {
      complain(`${at}/arm`, `Unexpected arm ${edge.arm}, expected one of ${edge.from} that leads to ${edge.to}`);
    }
    if (edge.arm === undefined && source?.kind === 'choose')
      complain(at, 'Unexpected plain edge from a choose, expected an arm');
    if (
      edge.action !== undefined &&
      !(source?.kind === 'approve' && source.actions.some(({ name }) => name === edge.action))
    ) {
      complain(`${at}/action`, `Unexpected action, expected one that ${edge.from} offers`);
    }
  });
  return faults;
}

type Edge = Graph['edges'][number];

/** Of the edges without a bound those on which a run would go round for ever. */
function edgesOfCircles(graph: Graph): ReadonlySet<Edge> {
  const unbounded = graph.edges.filter((edge) => edge.back === undefined);
  return new Set(withoutLooseEnds(withoutLooseEnds(unbounded, 'from', 'to'), 'to', 'from'));
}

/** Takes away the edges of nodes that no edge leads to (or from), and so on: what is left goes round on that side. */
function withoutLooseEnds(edges: readonly Edge[], near: 'from' | 'to', far: 'from' | 'to'): Edge[] {
  const arriving = new Map<string, number>();
  const leaving = new Map<string, Edge[]>();
  for (const edge of edges) {
    arriving.set(edge[far], (arriving.get(edge[far]) ?? 0) + 1);
    const beside = leaving.get(edge[near]);
    if (beside) beside.push(edge);
    else leaving.set(edge[near], [edge]);
  }
  const loose = [...leaving.keys()].filter((id) => !arriving.has(id));
  const gone = new Set<Edge>();
  for (let id = loose.pop(); id !== undefined; id = loose.pop()) {
    for (const edge of leaving.get(id) ?? []) {
      gone.add(edge);
      const left = (arriving.get(edge[far]) ?? 0) - 1;
      arriving.set(edge[far], left);
      if (left === 0) loose.push(edge[far]);
    }
  }
  return edges.filter((edge) => !gone.has(edge));
}
