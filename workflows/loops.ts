/**
 * Bodies of back edges: what runs again when a step sends the work back. Static: one look at a scope's edges. Bodies nest
 * or are apart; the compiler refuses those that overlap.
 */
import type { SkeletonEdge } from '../compiler/skeleton.ts';

export interface Loop {
  /** Index of the back edge. */
  edge: number;
  /** The step that sends back, and the one it sends back to: the last and the first of the body. */
  source: number;
  target: number;
  /** In document order. */
  body: readonly number[];
  /** Returns, in one pass of the bodies around. */
  atMost: number;
}

export interface Loops {
  /** Outer before inner. */
  readonly all: readonly Loop[];
  /** By node: the loops it is in, outer before inner. */
  readonly around: ReadonlyMap<number, readonly Loop[]>;
  /**
   * By edge: the loops it leaves from within, before their source. Such an edge is delivered only once each of these
   * sources has ended without sending back.
   */
  readonly heldBy: ReadonlyMap<SkeletonEdge, readonly Loop[]>;
}

/** Most scopes have no loop, and cost one look at their edges. */
export function loopsOf(size: number, edges: readonly SkeletonEdge[]): Loops {
  const all = edges
    .flatMap(({ from, to, back }, edge) => (back === undefined ? [] : [{ edge, source: from, target: to, ...back }]))
    .map((one): Loop => ({ ...one, body: bodyOf(one.source, one.target, size, edges) }))
    .sort((a, b) => b.body.length - a.body.length || a.edge - b.edge);
  const around = new Map<number, Loop[]>();
  const heldBy = new Map<SkeletonEdge, Loop[]>();
  for (const loop of all) {
    for (const node of loop.body) around.set(node, [...(around.get(node) ?? []), loop]);
    const body = new Set(loop.body);
    for (const edge of edges) {
      if (edge.from === loop.source || !body.has(edge.from) || body.has(edge.to) || edge.back !== undefined) continue;
      heldBy.set(edge, [...(heldBy.get(edge) ?? []), loop]);
    }
  }
  return { all, around, heldBy };
}

/** Is the one within the other, and smaller? */
export function isInside(inner: Loop, outer: Loop): boolean {
  return inner.body.length < outer.body.length && outer.body.includes(inner.source);
}

/** All on a way from the target to the source by edges that lead forward. */
function bodyOf(source: number, target: number, size: number, edges: readonly SkeletonEdge[]): number[] {
  const forward = edges.filter(({ back }) => back === undefined);
  const after = reachable(target, forward, ({ from, to }) => [from, to]);
  const before = reachable(source, forward, ({ from, to }) => [to, from]);
  return Array.from({ length: size }, (_, node) => node).filter((node) => after.has(node) && before.has(node));
}

function reachable(
  start: number,
  edges: readonly SkeletonEdge[],
  way: (edge: SkeletonEdge) => [at: number, next: number],
): Set<number> {
  const next = new Map<number, number[]>();
  for (const edge of edges) {
    const [at, to] = way(edge);
    next.set(at, [...(next.get(at) ?? []), to]);
  }
  const reached = new Set([start]);
  const waiting = [start];
  for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
    for (const to of next.get(node) ?? []) {
      if (reached.has(to)) continue;
      reached.add(to);
      waiting.push(to);
    }
  }
  return reached;
}
