/** The order in which steps can run, by the edges between them. */
import type { EdgeDraft } from './draft.ts';

export interface Sorted {
  /** Each after all that lead to it; steps of cycles stand where they were cut. */
  order: string[];
  cycles: EdgeDraft[][];
}

export interface Edges {
  into: (id: string) => readonly EdgeDraft[];
  outOf: (id: string) => readonly EdgeDraft[];
}

/** Kahn's algorithm; where nothing is ready, a cycle is cut and the rest goes on. Ids are unique. */
export function sortByEdges(ids: readonly string[], edges: Edges): Sorted {
  const order: string[] = [];
  const cycles: EdgeDraft[][] = [];
  const waitsFor = new Map(ids.map((id) => [id, edges.into(id).length]));
  const done = new Set<string>();
  const ready: string[] = [];
  const settle = (id: string): void => {
    if (done.has(id)) return;
    done.add(id);
    ready.push(id);
  };
  for (const id of ids) if (waitsFor.get(id) === 0) settle(id);
  for (const id of [undefined, ...ids]) {
    if (id !== undefined && !done.has(id)) {
      const cycle = cycleBefore(id, done, edges);
      cycles.push(cycle);
      for (const edge of cycle) settle(edge.to);
    }
    for (let index = order.length; index < ready.length; index += 1) {
      const at = ready[index] ?? '';
      order.push(at);
      for (const { to } of edges.outOf(at)) {
        const left = (waitsFor.get(to) ?? 0) - 1;
        waitsFor.set(to, left);
        if (left === 0) settle(to);
      }
    }
  }
  return { order, cycles };
}

/** Every step that is left waits for another that is left: going back must come round. */
function cycleBefore(start: string, done: ReadonlySet<string>, edges: Edges): EdgeDraft[] {
  const path: EdgeDraft[] = [];
  const seen = new Map<string, number>();
  let at = start;
  while (!seen.has(at)) {
    seen.set(at, path.length);
    const edge = edges.into(at).find((one) => !done.has(one.from));
    if (!edge) break;
    path.push(edge);
    at = edge.from;
  }
  return path.slice(seen.get(at) ?? 0);
}
