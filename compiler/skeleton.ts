/**
 * The skeleton: the part of a graph that the deterministic workflow needs, and nothing else. No instruction, no schema,
 * no tool: those stay in the store and are read by activities, so history stays small whatever a document says.
 */

import { approversText } from './approvers.ts';
import { parseExpression } from './expressions/parse.ts';
import type { Read } from './expressions/reads.ts';
import { readsOf, viewKey } from './expressions/reads.ts';
import type { Edge, Graph, Node, NodeOf } from './graph.ts';
import { conditionsOf, expressionsOf, inputsOf } from './node-expressions.ts';
import type { KindRun } from './runs-today.ts';
import { isRun } from './runs-today.ts';

export interface SkeletonNode {
  id: string;
  title: string;
  kind: KindRun;
  when?: string;
  /** Of a choose, in order. A missing condition is `otherwise`. */
  arms?: { when?: string }[];
  /** Of a gate: what each action does when it is the verdict. */
  actions?: Record<string, 'continue' | 'end'>;
  /** In words, for ops: the roles a gate waits for. */
  waitsFor?: string;
  /** Earlier steps whose output digests the node's activity needs, in document order. */
  reads?: string[];
}

/** `from` and `to` are indexes into the nodes. */
export interface SkeletonEdge {
  from: number;
  to: number;
  arm?: number;
  action?: string;
}

export interface Skeleton {
  title: string;
  /** In document order; ready nodes start in this order. */
  nodes: SkeletonNode[];
  edges: SkeletonEdge[];
  /** Steps the Result reads. */
  resultReads: string[];
}

/** Of each step's output, and of `input`: the keys (`viewKey`) of the paths that control flow reads. */
export type ViewPaths = Record<string, string[]>;

/** Expects a graph that compiled: its expressions parse. */
export function skeletonOf(graph: Graph): Skeleton {
  const position = new Map(graph.nodes.map((node, index) => [node.id, index]));
  const at = (id: string): number => position.get(id) ?? -1;
  return {
    title: graph.title,
    nodes: graph.nodes.map((node) => skeletonNode(graph, node, position)),
    edges: graph.edges.map((edge) => skeletonEdge(edge, at(edge.from), at(edge.to))),
    resultReads: stepsRead(
      graph.result.map((row) => row.value),
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
  return Object.fromEntries([...paths].map(([root, keys]) => [root, [...keys].sort()]));
}

/** Steps downstream of a gate that may write: what its approval is bound to. In document order. */
export function guardedBy(graph: Graph, gate: string): WritingNode[] {
  const reached = new Set([gate]);
  const waiting = [gate];
  for (let from = waiting.pop(); from !== undefined; from = waiting.pop()) {
    for (const edge of graph.edges) {
      if (edge.from === from && !reached.has(edge.to)) {
        reached.add(edge.to);
        waiting.push(edge.to);
      }
    }
  }
  return graph.nodes.filter(mayWrite).filter((node) => node.id !== gate && reached.has(node.id));
}

/** A tool step, or an agent that has tools: whether those write is known only to the configuration. */
export type WritingNode = NodeOf<'tool'> | NodeOf<'agent'>;

function mayWrite(node: Node): node is WritingNode {
  return node.kind === 'tool' || (node.kind === 'agent' && node.tools.length > 0);
}

function skeletonEdge(edge: Edge, from: number, to: number): SkeletonEdge {
  const skeleton: SkeletonEdge = { from, to };
  if (edge.arm !== undefined) skeleton.arm = edge.arm;
  if (edge.action !== undefined) skeleton.action = edge.action;
  return skeleton;
}

function skeletonNode(graph: Graph, node: Node, position: ReadonlyMap<string, number>): SkeletonNode {
  if (!isRun(node)) throw new Error(`${node.id} is a ${node.kind} step, expected a kind that is run`);
  const reads = stepsRead(expressionsLoadedFor(graph, node), position);
  const skeleton: SkeletonNode = { id: node.id, title: node.title, kind: node.kind };
  if (node.when !== undefined) skeleton.when = node.when;
  if (node.kind === 'choose')
    skeleton.arms = node.arms.map((arm) => (arm.when === undefined ? {} : { when: arm.when }));
  if (node.kind === 'approve') {
    skeleton.actions = Object.fromEntries(
      node.actions.map((action) => [action.name, action.effect === 'end' ? 'end' : 'continue']),
    );
    skeleton.waitsFor = approversText(node.approvers);
  }
  if (reads.length > 0) skeleton.reads = reads;
  return skeleton;
}

/** Every expression whose values the node's activities load. A gate also loads what the writes it guards will read. */
export function expressionsLoadedFor(graph: Graph, node: Node): string[] {
  const guarded = node.kind === 'approve' ? guardedBy(graph, node.id).flatMap(inputsOf) : [];
  return [...expressionsOf(node), ...guarded];
}

function stepsRead(expressions: string[], position: ReadonlyMap<string, number>): string[] {
  const steps = new Set(
    expressions
      .flatMap(expressionReads)
      .map((read) => read.root)
      .filter((root) => position.has(root)),
  );
  return [...steps].sort((a, b) => (position.get(a) ?? 0) - (position.get(b) ?? 0));
}

function expressionReads(source: string): Read[] {
  const parsed = parseExpression(source);
  return parsed.ok ? readsOf(parsed.expression) : [];
}
