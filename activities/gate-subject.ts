/**
 * What a gate's approval is about: everything shown, and for each write it guards, what that step is and what it reads.
 * What runs is what was approved: the same facts are compared again in the transaction of the write's intent.
 */
import { z } from 'zod';
import { canonicalJson, sha256Hex } from '../compiler/canonical.ts';
import { ExpressionError, evaluate } from '../compiler/expressions/evaluate.ts';
import type { Graph, Node, NodeOf } from '../compiler/graph.ts';
import { downstreamOf, isSharedName } from '../compiler/graph-order.ts';
import { pathOfPlace, placeOf, readsApartFrom } from '../compiler/proposal-places.ts';
import type { WritingNode } from '../compiler/skeleton.ts';
import { boundTo, guardedBy } from '../compiler/skeleton.ts';
import type { Json } from '../compiler/types.ts';
import { nodeHashOf } from './claim.ts';
import type { Digest } from './contract.ts';
import type { Dependencies } from './dependencies.ts';
import { rootsOf } from './input-digests.ts';
import type { Bindings } from './load-inputs.ts';
import { findTool } from './tools/declarations.ts';

const guardSchema = z.object({ nodeHash: z.string(), inputs: z.record(z.string(), z.string()) });

/** As stored in `Gate.bindings`. */
export const gateBindingsSchema = z.object({
  shown: z.array(z.string()),
  /** By step. */
  guards: z.record(z.string(), guardSchema),
  /** Times this gate lapsed before: a subject that comes back is asked about again. */
  lapses: z.int(),
  /** Of an approval within a step: which of its calls. */
  slot: z.string().optional(),
  /** Persons who may decide, where the document names some. */
  people: z.array(z.string()).optional(),
  /** Of a task: digests of what its checks read, by name. */
  reads: z.record(z.string(), z.string()).optional(),
  /** What of the proposal it is about: paths as expressions read them, and the digest of what stands there. */
  proposal: z.object({ reads: z.array(z.array(z.string())), digest: z.string() }).optional(),
  /** Of a task that is the proposal's assignee's, whoever that is: the epoch in which they were asked. */
  assigneeEpoch: z.int().optional(),
});
export type GateBindings = z.infer<typeof gateBindingsSchema>;
export type Guard = z.infer<typeof guardSchema>;

export interface Shown {
  name: string;
  value: Json;
}

export function subjectOf(nodeHash: string, path: string, bindings: GateBindings): string {
  return sha256Hex(canonicalJson(['subject', nodeHash, path, bindings]));
}

/** The steps after the gate that can write, by what is declared of their tools. */
export function guardedWrites(deps: Dependencies, graph: Graph, gate: string, practice?: string): WritingNode[] {
  const writes = (name: string): boolean => findTool(deps.configuration, practice, name)?.effect === 'write';
  return guardedBy(graph, gate).filter((node) => {
    if (node.kind === 'run') return true;
    return (node.kind === 'tool' ? [node.tool] : node.tools).some(writes);
  });
}

/**
 * The names that the values a step is given are made of; without those that come after the gate or do not exist at it, and
 * those that stand in the proposal where a step after the gate writes.
 */
export function boundReads(graph: Graph, gate: string, node: WritingNode): string[] {
  const after = downstreamOf(graph, gate);
  const roots = boundTo(graph, node).flatMap(rootsOf);
  return [...new Set(roots)]
    .filter((root) => !after.has(root) && root !== gate && isSharedName(graph, root, node.id, gate))
    .filter((root) => !isWrittenOver(graph, root, after))
    .sort();
}

function isWrittenOver(graph: Graph, step: string, after: ReadonlySet<string>): boolean {
  const place = graph.nodes.filter(({ id }) => id === step).flatMap((node) => placeOf(node) ?? [])[0];
  if (place === undefined) return false;
  const later = graph.nodes.flatMap((node) => (after.has(node.id) ? (placeOf(node) ?? []) : []));
  return readsApartFrom([pathOfPlace(place)], later).length === 0;
}

/** What a guarded step is now: compared with what was approved. */
export function guardOf(
  deps: Dependencies,
  graph: Graph,
  gate: string,
  node: WritingNode,
  digests: Readonly<Record<string, Digest>>,
  /** Of what it is given of the proposal, as far as an approval is bound to that. */
  proposal: Digest | undefined,
  practice?: string,
): Guard {
  const inputs = boundReads(graph, gate, node).flatMap((root) => {
    const digest = digests[root];
    return digest === undefined ? [] : [[root, digest] as const];
  });
  const bound = { ...Object.fromEntries(inputs), ...(proposal === undefined ? {} : { proposal }) };
  return { nodeHash: nodeHashOf(deps, graph, node, practice), inputs: bound };
}

/** What the approver is shown: what the document names, then what each guarded write will be given. */
export function shownBy(
  gate: NodeOf<'approve'> | NodeOf<'person'>,
  guarded: readonly WritingNode[],
  bindings: Bindings,
  graph: Graph,
): Shown[] {
  const after = downstreamOf(graph, gate.id);
  const before = Object.fromEntries(Object.entries(bindings).filter(([name]) => !after.has(name)));
  const named = gate.show.flatMap((use) => {
    const value = valueIn(use.expr, before, use.ifItRan === true);
    return value === undefined ? [] : [{ name: use.name, value }];
  });
  const given = guarded.map((node) => ({ name: node.title, value: givenTo(node, before) }));
  return [...named, ...given.filter(({ value }) => Object.keys(value).length > 0)];
}

function givenTo(node: WritingNode, bindings: Record<string, Json>): { [name: string]: Json } {
  const parts = node.kind === 'agent' ? node.uses : node.with;
  return Object.fromEntries(
    parts.flatMap(({ name, expr }) => {
      const value = valueIn(expr, bindings, true);
      return value === undefined ? [] : [[name, value] as const];
    }),
  );
}

/** Undefined where `mayBeAbsent` and it is. @throws ExpressionError */
function valueIn(source: string, bindings: Record<string, Json>, mayBeAbsent: boolean): Json | undefined {
  try {
    return evaluate(source, bindings);
  } catch (problem) {
    if (mayBeAbsent && problem instanceof ExpressionError && problem.code === 'absent') return undefined;
    throw problem;
  }
}

/** Gates whose approval a step needs before it writes. */
export function gatesBefore(graph: Graph, node: Node): NodeOf<'approve'>[] {
  return graph.nodes
    .filter((one) => one.kind === 'approve')
    .filter((gate) => guardedBy(graph, gate.id).some(({ id }) => id === node.id));
}
