/**
 * The skeleton: the part of a graph that the deterministic workflow needs, and nothing else. No instruction, no schema,
 * no tool: those stay in the store and are read by activities, so history stays small whatever a document says.
 */

import { approversText } from './approvers.ts';
import { parseExpression } from './expressions/parse.ts';
import type { Read } from './expressions/reads.ts';
import { readsOf, viewKey } from './expressions/reads.ts';
import type { Edge, Graph, Node, NodeOf } from './graph.ts';
import { containersAround, downstreamOf, isSentBackTo, isSharedName } from './graph-order.ts';
import { conditionsOf, expressionsOf, inputsOf, listsOf } from './node-expressions.ts';

export interface SkeletonNode {
  id: string;
  title: string;
  kind: Node['kind'];
  /** Index of the container it stands in. */
  parent?: number;
  when?: string;
  /** Of a choose, in order. A missing condition is `otherwise`. */
  arms?: { when?: string }[];
  /** Of a gate: what each action does when it is the verdict, `overdue` among them where nobody's decision has an effect. */
  actions?: Record<string, 'continue' | 'end'>;
  /** In words, for ops: who a gate or a task waits for. */
  waitsFor?: string;
  /** Of a gate in a container: some of the writes that it guards come after the container. */
  guardsOutside?: true;
  /** In words: who is asked besides when it is overdue. */
  asksOn?: string;
  /** Of a gate or a task that is overdue: only the edge marked so is live. */
  ifOverdue?: 'link';
  /** Of a repeat. */
  repeat?: { atMost: number; until: string; reads?: string[]; ifNotReached?: 'continue' | 'link' };
  /** Runs once for each item of a list, which an activity gives. */
  each?: { item: string; atOnce?: number };
  /** Of a wait for so long; one without waits until what an activity gives. */
  waitMs?: number;
  ifItFails?: 'skip' | 'link';
  /** What it writes is taken back when the run is cancelled. */
  undo?: true;
  /** Names whose digests the node's activity needs: steps in document order, then others in the order of their reading. */
  reads?: string[];
}

/** `from` and `to` are indexes into the nodes. */
export interface SkeletonEdge {
  from: number;
  to: number;
  arm?: number;
  action?: string;
  on?: NonNullable<Edge['on']>;
  back?: { atMost: number };
}

export interface Skeleton {
  title: string;
  /** In document order; ready nodes start in this order. */
  nodes: SkeletonNode[];
  edges: SkeletonEdge[];
  /** Steps the Result reads. */
  resultReads: string[];
}

/** By the name that conditions read by, steps' ids and `input` among them: the keys (`viewKey`) of the paths that control flow reads. */
export type ViewPaths = Record<string, string[]>;

/** Expects a graph that compiled: its expressions parse. */
export function skeletonOf(graph: Graph): Skeleton {
  const position = new Map(graph.nodes.map((node, index) => [node.id, index]));
  const at = (id: string): number => position.get(id) ?? -1;
  return {
    title: graph.title,
    nodes: graph.nodes.map((node) => skeletonNode(graph, node, position)),
    edges: graph.edges.map((edge) => skeletonEdge(edge, at(edge.from), at(edge.to))),
    resultReads: sortedNames(
      graph.result.flatMap((row) => expressionReads(row.value)).map((read) => read.root),
      position,
    ),
  };
}

/** What the committing activity must put into views. Steps that control flow never reads have no entry. */
export function viewPathsOf(graph: Graph): ViewPaths {
  const paths = new Map<string, Set<string>>();
  for (const node of graph.nodes) {
    for (const read of conditionsOf(node).flatMap(expressionReads)) {
      const keys = paths.get(read.root) ?? new Set<string>();
      paths.set(read.root, keys.add(viewKey(read.path)));
    }
  }
  for (const [owner, name] of otherNamesOf(graph)) {
    const keys = paths.get(name);
    if (keys) paths.set(owner, keys.union(paths.get(owner) ?? new Set()));
  }
  return Object.fromEntries([...paths].map(([root, keys]) => [root, [...keys].sort()]));
}

/** Outputs that are also read by another name: the last pass of a repeat, the verdict that a gate sends back with. */
function otherNamesOf(graph: Graph): [owner: string, name: string][] {
  const repeats = graph.nodes.filter((node) => node.kind === 'repeat').map(({ id }) => id);
  const returns = graph.edges.filter((edge) => edge.back !== undefined && edge.action !== undefined);
  return [
    ...repeats.map((id): [string, string] => [id, 'previous']),
    ...returns.map(({ from }): [string, string] => [from, 'feedback']),
  ];
}

/** Steps downstream of a gate that may write: what its approval is bound to. In document order. */
export function guardedBy(graph: Graph, gate: string): WritingNode[] {
  const after = downstreamOf(graph, gate);
  return graph.nodes.filter(mayWrite).filter((node) => after.has(node.id));
}

function guardsOutside(graph: Graph, gate: Node): boolean {
  const { parent } = gate;
  if (parent === undefined) return false;
  return guardedBy(graph, gate.id).some(({ id }) => !containersAround(graph, id).some((one) => one.id === parent));
}

/** A tool step, or an agent that has tools: whether those write is known only to the configuration. A run may, too. */
export type WritingNode = NodeOf<'tool'> | NodeOf<'agent'> | NodeOf<'run'>;

function mayWrite(node: Node): node is WritingNode {
  return node.kind === 'tool' || node.kind === 'run' || (node.kind === 'agent' && node.tools.length > 0);
}

function skeletonEdge(edge: Edge, from: number, to: number): SkeletonEdge {
  const skeleton: SkeletonEdge = { from, to };
  if (edge.arm !== undefined) skeleton.arm = edge.arm;
  if (edge.action !== undefined) skeleton.action = edge.action;
  if (edge.on !== undefined) skeleton.on = edge.on;
  if (edge.back !== undefined) skeleton.back = edge.back;
  return skeleton;
}

function skeletonNode(graph: Graph, node: Node, position: ReadonlyMap<string, number>): SkeletonNode {
  const reads = sortedNames(namesLoadedFor(graph, node), position);
  const skeleton: SkeletonNode = { id: node.id, title: node.title, kind: node.kind };
  if (node.parent !== undefined) skeleton.parent = position.get(node.parent) ?? -1;
  if (node.when !== undefined) skeleton.when = node.when;
  if (node.kind === 'choose')
    skeleton.arms = node.arms.map((arm) => (arm.when === undefined ? {} : { when: arm.when }));
  if (node.kind === 'approve') {
    skeleton.actions = Object.fromEntries(
      node.actions.map((action) => [action.name, action.effect === 'end' ? 'end' : 'continue']),
    );
    if (guardsOutside(graph, node)) skeleton.guardsOutside = true;
  }
  if (node.kind === 'approve' || node.kind === 'person') Object.assign(skeleton, waitingOf(node, skeleton.actions));
  if (node.kind === 'session') skeleton.waitsFor = node.who === 'assignee' ? 'the assignee' : approversText(node.who);
  if (node.kind === 'repeat') {
    const { atMost, until, ifNotReached } = node;
    const inner = sortedNames(
      expressionReads(until).map((read) => read.root),
      position,
    );
    skeleton.repeat = {
      atMost,
      until,
      ...(inner.length > 0 && { reads: inner }),
      ...(ifNotReached && { ifNotReached }),
    };
  }
  if ('each' in node && node.each) {
    const { item, atOnce } = node.each;
    skeleton.each = { item, ...(atOnce !== undefined && { atOnce }) };
  }
  if (node.kind === 'wait' && 'ms' in node.until) skeleton.waitMs = node.until.ms;
  if ('ifItFails' in node && node.ifItFails) skeleton.ifItFails = node.ifItFails;
  if ('undo' in node && node.undo !== undefined) skeleton.undo = true;
  if (reads.length > 0) skeleton.reads = reads;
  return skeleton;
}

function waitingOf(
  { approvers, ifOverdue }: NodeOf<'approve'> | NodeOf<'person'>,
  actions: SkeletonNode['actions'],
): Pick<SkeletonNode, 'actions' | 'waitsFor' | 'asksOn' | 'ifOverdue'> {
  const waitsFor = approversText(approvers);
  if (ifOverdue?.do === 'ask') return { waitsFor, asksOn: approversText(ifOverdue.approvers) };
  if (ifOverdue?.do === 'link') return { waitsFor, ifOverdue: 'link' };
  if (ifOverdue === undefined || actions === undefined) return { waitsFor };
  return { waitsFor, actions: { ...actions, overdue: ifOverdue.do === 'continue' ? 'continue' : 'end' } };
}

/**
 * The names whose digests the node's activities are given: what its expressions read, and for an agent that a step may
 * send back to, `feedback`. A gate is also given what the writes it guards will read, as far as that exists where it
 * stands, and such a write what the containers around it run over: both are held against each other.
 */
export function namesLoadedFor(graph: Graph, node: Node): string[] {
  const names = new Set(
    expressionsOf(node)
      .flatMap(expressionReads)
      .map((read) => read.root),
  );
  if (node.kind === 'agent' && isSentBackTo(graph, node.id)) names.add('feedback');
  if (mayWrite(node) && node.parent !== undefined) {
    for (const { root } of boundTo(graph, node).flatMap(expressionReads)) names.add(root);
  }
  if (node.kind === 'approve') {
    for (const write of guardedBy(graph, node.id)) {
      for (const { root } of boundTo(graph, write).flatMap(expressionReads)) {
        if (isSharedName(graph, root, write.id, node.id)) names.add(root);
      }
    }
  }
  return [...names];
}

/** What a write is given, and what the containers around it run over. */
export function boundTo(graph: Graph, write: WritingNode): string[] {
  return [...inputsOf(write), ...[write, ...containersAround(graph, write.id)].flatMap(listsOf)];
}

/** Names besides those of steps that are no value of the store by a digest. */
const notLoaded: ReadonlySet<string> = new Set(['input', 'output', 'this']);

function sortedNames(names: readonly string[], position: ReadonlyMap<string, number>): string[] {
  const place = (name: string): number => position.get(name) ?? position.size;
  return [...new Set(names)].filter((name) => !notLoaded.has(name)).sort((a, b) => place(a) - place(b));
}

function expressionReads(source: string): Read[] {
  const parsed = parseExpression(source);
  return parsed.ok ? readsOf(parsed.expression) : [];
}
