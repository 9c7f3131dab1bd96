/** Which steps a run gets to, as far as its input alone decides: conditions that read nothing else are worked out. */
import { ExpressionError, evaluateCondition } from './expressions/evaluate.ts';
import { parseExpression } from './expressions/parse.ts';
import { readsOf } from './expressions/reads.ts';
import type { Edge, Graph, Node } from './graph.ts';
import type { Json } from './types.ts';

export interface Decided {
  runs: 'yes' | 'no' | 'maybe';
  /** What its conditions came to. */
  notes: string[];
}

type Liveness = 'live' | 'untaken' | 'maybe';

/** By the ids of steps. Without an input every condition is open. */
export function decisionsOf(graph: Graph, input: Json | undefined): Map<string, Decided> {
  const decided = new Map<string, Decided>();
  const edges = new Map<Edge, Liveness>();
  for (const node of graph.nodes) {
    const reached = reachedOf(node, graph, edges, decided);
    const when = node.when === undefined ? true : conditionOf(node.when, input);
    const runs = reached === 'untaken' || when === false ? 'no' : reached === 'live' && when === true ? 'yes' : 'maybe';
    const arm = node.kind === 'choose' ? armOf(node.arms, input) : undefined;
    for (const edge of graph.edges) {
      if (edge.from === node.id && !edge.back) edges.set(edge, livenessOf(edge, node, reached, arm));
    }
    decided.set(node.id, { runs, notes: notesOf(node, graph, reached, when, arm) });
  }
  return decided;
}

function reachedOf(
  node: Node,
  graph: Graph,
  edges: ReadonlyMap<Edge, Liveness>,
  decided: ReadonlyMap<string, Decided>,
): Liveness {
  const into = graph.edges
    .filter((edge) => edge.to === node.id && !edge.back)
    .map((edge) => edges.get(edge) ?? 'maybe');
  const around = node.parent === undefined ? 'yes' : (decided.get(node.parent)?.runs ?? 'maybe');
  if (around === 'no') return 'untaken';
  if (into.length > 0 && into.every((one) => one === 'untaken')) return 'untaken';
  // One that may be refused refuses what comes after it, whatever else leads there.
  return !into.includes('maybe') && around === 'yes' ? 'live' : 'maybe';
}

/** What a gate decides, and what fails, only a run knows: what people must agree to may be refused. */
function livenessOf(edge: Edge, node: Node, reached: Liveness, arm: number | undefined): Liveness {
  if (reached === 'untaken') return 'untaken';
  if (edge.on !== undefined || edge.action !== undefined) return 'maybe';
  if (edge.arm !== undefined && arm !== undefined && edge.arm !== arm) return 'untaken';
  if (edge.arm !== undefined && arm === undefined) return 'maybe';
  const asksPeople =
    node.kind === 'approve' || node.kind === 'person' || ('requiresApproval' in node && node.requiresApproval);
  return asksPeople ? 'maybe' : reached;
}

/** The arm taken; undefined where the input does not decide it. */
function armOf(arms: readonly { when?: string | undefined }[], input: Json | undefined): number | undefined {
  for (const [index, { when }] of arms.entries()) {
    const holds = when === undefined ? true : conditionOf(when, input);
    if (holds !== false) return holds ? index : undefined;
  }
  return undefined;
}

/** Undefined where the input does not decide it. */
function conditionOf(source: string, input: Json | undefined): boolean | undefined {
  if (input === undefined || !readsInputAlone(source)) return undefined;
  try {
    return evaluateCondition(source, { input });
  } catch (error) {
    if (error instanceof ExpressionError) return undefined;
    throw error;
  }
}

export function readsInputAlone(source: string): boolean {
  const parsed = parseExpression(source);
  return parsed.ok && readsOf(parsed.expression).every((read) => read.root === 'input');
}

function notesOf(
  node: Node,
  graph: Graph,
  reached: Liveness,
  when: boolean | undefined,
  arm: number | undefined,
): string[] {
  const notes: string[] = [];
  if (node.when !== undefined) {
    const outcome = when === undefined ? 'not known before the run' : when ? 'holds' : 'does not hold: passed by';
    notes.push(`when ${node.when} (${outcome})`);
  }
  if (node.kind === 'choose') {
    for (const [index, { when: condition, to }] of node.arms.entries()) {
      const title = graph.nodes.find((one) => one.id === to)?.title ?? to;
      const taken = arm === index ? ' (taken)' : arm === undefined ? '' : ' (not taken)';
      notes.push(`${condition ?? 'otherwise'}: ${title}${taken}`);
    }
  }
  if (reached === 'untaken') notes.push('not reached with this input');
  return notes;
}
