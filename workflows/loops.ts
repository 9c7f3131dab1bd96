/**
 * Bodies of back edges: what runs again when a step sends the work back. Static: one look at a scope's edges. Bodies nest
 * or are apart; the compiler refuses those that overlap. Taken from the innermost out, each becomes a region that those
 * around it step over, so that thousands within each other cost little more than their number.
 */
import type { SkeletonEdge } from '../compiler/skeleton.ts';

/** Of each node, the nodes before and after it by edges that lead forward; of a region, those outside it. */
interface Neighbours {
  before: number[][];
  after: number[][];
}

export class Loop {
  /** Index of the back edge. */
  readonly edge: number;
  /** The step that sends back, and the one it sends back to: the last and the first of the body. */
  readonly source: number;
  readonly target: number;
  /** Returns, in one pass of the bodies around. */
  readonly atMost: number;
  /** How many nodes the body has. */
  size = 0;
  /** The smallest around it. */
  outer: Loop | undefined;
  readonly inner: Loop[] = [];
  /** What of the body is in no body within it. */
  readonly own: number[] = [];
  /** Numbers of a walk through all loops: those within it have numbers from its first up to its last. */
  first = 0;
  last = 0;
  private members: readonly number[] | undefined;

  constructor(edge: number, { from, to }: SkeletonEdge, atMost: number) {
    this.edge = edge;
    this.source = from;
    this.target = to;
    this.atMost = atMost;
  }

  /** In document order. */
  get body(): readonly number[] {
    if (this.members === undefined) {
      const members: number[] = [];
      const waiting: Loop[] = [this];
      for (let loop = waiting.pop(); loop; loop = waiting.pop()) {
        for (const node of loop.own) members.push(node);
        for (const inner of loop.inner) waiting.push(inner);
      }
      this.members = members.sort((a, b) => a - b);
    }
    return this.members;
  }
}

export interface Loops {
  /** Outer before inner. */
  readonly all: readonly Loop[];
  /** The loops that a node is in, outer before inner. */
  around(node: number): readonly Loop[];
  /**
   * The loops that an edge leaves from within, before their source. Such an edge is delivered only once each of these
   * sources has ended without sending back.
   */
  heldBy(edge: SkeletonEdge): readonly Loop[];
  /** The loops that end at a node, outer before inner. */
  endingAt(node: number): readonly Loop[];
}

const none: readonly Loop[] = [];
const noLoops: Loops = { all: none, around: () => none, heldBy: () => none, endingAt: () => none };

/** Most scopes have no loop, and cost one look at their edges. */
export function loopsOf(size: number, edges: readonly SkeletonEdge[]): Loops {
  const all = edges.flatMap((edge, index) =>
    edge.back === undefined ? [] : [new Loop(index, edge, edge.back.atMost)],
  );
  if (all.length === 0) return noLoops;
  const innermost = nest(size, edges, all);
  all.sort((a, b) => b.size - a.size || a.edge - b.edge);
  number(all);
  const bySource = Map.groupBy(all, ({ source }) => source);
  const isIn = (node: number, loop: Loop): boolean => {
    const { first } = innermost[node] ?? { first: -1 };
    return loop.first <= first && first <= loop.last;
  };
  return {
    all,
    around(node) {
      const loops: Loop[] = [];
      for (let loop = innermost[node]; loop; loop = loop.outer) loops.push(loop);
      return loops.reverse();
    },
    heldBy({ from, to, back }) {
      const loops: Loop[] = [];
      if (back !== undefined) return loops;
      for (let loop = innermost[from]; loop && !isIn(to, loop); loop = loop.outer)
        if (loop.source !== from) loops.push(loop);
      return loops.reverse();
    },
    endingAt: (node) => bySource.get(node) ?? none,
  };
}

/** Tells each loop its size, its own nodes and the loops within it; gives the innermost loop of each node. */
function nest(size: number, edges: readonly SkeletonEdge[], all: readonly Loop[]): (Loop | undefined)[] {
  const forward = edges.filter(({ back }) => back === undefined);
  const nodes = neighboursOf(size, forward);
  const at = placesOf(size, nodes);
  const innermost: (Loop | undefined)[] = new Array(size).fill(undefined);
  const regions = new Regions(size, neighboursOf(size, forward), at);
  const length = ({ source, target }: Loop): number => (at[source] ?? 0) - (at[target] ?? 0);
  // Of two with one body, that of the edge before is the outer one.
  for (const loop of all.toSorted((a, b) => length(a) - length(b) || b.edge - a.edge)) {
    const body = regions.between(loop) ?? regions.holding(nodesBetween(loop, nodes, at));
    if (body.size === 0) continue;
    for (const region of body) {
      const inner = regions.loopOf(region);
      if (inner) {
        inner.outer = loop;
        loop.inner.push(inner);
        loop.size += inner.size;
      } else {
        innermost[region] = loop;
        loop.own.push(region);
        loop.size += 1;
      }
    }
    regions.join(body, loop);
  }
  return innermost;
}

/** Node by node. None where the target does not lead to the source. */
function nodesBetween({ source, target }: Loop, { before, after }: Neighbours, at: Places): Set<number> {
  const start = at[target] ?? 0;
  const leading = reach(source, (node) => (before[node] ?? []).filter((one) => (at[one] ?? 0) >= start));
  if (!leading.has(target)) return new Set();
  return reach(target, (node) => (after[node] ?? []).filter((one) => leading.has(one)));
}

function reach(start: number, next: (node: number) => number[]): Set<number> {
  const reached = new Set([start]);
  // What is added while it is gone through is gone through, too.
  for (const node of reached) for (const one of next(node)) reached.add(one);
  return reached;
}

function neighboursOf(size: number, forward: readonly SkeletonEdge[]): Neighbours {
  const before: number[][] = Array.from({ length: size }, () => []);
  const after: number[][] = Array.from({ length: size }, () => []);
  for (const { from, to } of forward) {
    before[to]?.push(from);
    after[from]?.push(to);
  }
  return { before, after };
}

/** Of each node, a number greater than those of all that lead to it. */
type Places = Uint32Array;

function placesOf(size: number, { before, after }: Neighbours): Places {
  const open = before.map(({ length }) => length);
  const order = open.flatMap((count, node) => (count === 0 ? [node] : []));
  for (const node of order) {
    for (const next of after[node] ?? []) {
      open[next] = (open[next] ?? 0) - 1;
      if (open[next] === 0) order.push(next);
    }
  }
  const places = new Uint32Array(size);
  order.forEach((node, place) => {
    places[node] = place;
  });
  return places;
}

/** A region is a node, or all nodes of a body; one of its nodes stands for it. */
class Regions {
  private readonly within: number[];
  private readonly outermost = new Map<number, Loop>();
  private readonly outside: Neighbours;
  private readonly at: Places;

  constructor(size: number, outside: Neighbours, at: Places) {
    this.within = Array.from({ length: size }, (_, node) => node);
    this.outside = outside;
    this.at = at;
  }

  find(node: number): number {
    const { within } = this;
    let at = node;
    for (let up = within[at] as number; up !== at; up = within[at] as number) {
      // The way is halved each time it is gone.
      within[at] = within[up] as number;
      at = up;
    }
    return at;
  }

  /** Whose body the region is. */
  loopOf(region: number): Loop | undefined {
    return this.outermost.get(region);
  }

  holding(nodes: ReadonlySet<number>): Set<number> {
    return new Set([...nodes].map((node) => this.find(node)));
  }

  /** The regions of a body; undefined where there is none, and where one may be in it only in part. */
  between({ source, target }: Loop): Set<number> | undefined {
    const { before, after } = this.outside;
    const start = this.at[target] ?? 0;
    const isLater = (node: number): boolean => (this.at[node] ?? 0) >= start;
    const leading = this.reach(source, 'source', (region) => (before[region] ?? []).filter(isLater));
    if (!leading?.has(this.find(target))) return undefined;
    for (const region of leading) if (!isLater(this.loopOf(region)?.target ?? region)) return undefined;
    return this.reach(target, 'target', (region) =>
      (after[region] ?? []).filter((node) => leading.has(this.find(node))),
    );
  }

  /** The regions that are come to; undefined where one of them is not come to at this end. */
  private reach(start: number, end: 'source' | 'target', next: (region: number) => number[]): Set<number> | undefined {
    const reached = new Set<number>();
    const partly = new Set<number>();
    const waiting = [start];
    for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
      const region = this.find(node);
      if (reached.has(region)) continue;
      const loop = this.loopOf(region);
      if (loop && loop[end] !== node) {
        partly.add(region);
        continue;
      }
      partly.delete(region);
      reached.add(region);
      for (const one of next(region)) waiting.push(one);
    }
    return partly.size > 0 ? undefined : reached;
  }

  /** Makes the body one region. The one with the most neighbours takes up the others, so that no list is copied often. */
  join(body: ReadonlySet<number>, loop: Loop): void {
    const { before, after } = this.outside;
    const weight = (region: number): number => (before[region]?.length ?? 0) + (after[region]?.length ?? 0);
    const whole = [...body].reduce((a, b) => (weight(b) > weight(a) ? b : a));
    for (const region of body) {
      if (region === whole) continue;
      this.within[region] = whole;
      for (const side of [before, after]) {
        for (const node of side[region] ?? []) side[whole]?.push(node);
        side[region] = [];
      }
    }
    for (const side of [before, after]) side[whole] = (side[whole] ?? []).filter((node) => this.find(node) !== whole);
    this.outermost.set(whole, loop);
  }
}

/** So that whether a loop lies within another is told by numbers. */
function number(all: readonly Loop[]): void {
  let next = 0;
  const waiting = all.filter(({ outer }) => outer === undefined);
  const path: Loop[] = [];
  for (let loop = waiting.pop(); loop; loop = waiting.pop()) {
    // Met again, with all that is within it numbered.
    if (path.at(-1) === loop) {
      path.pop();
      loop.last = next - 1;
      continue;
    }
    loop.first = next;
    next += 1;
    path.push(loop);
    waiting.push(loop, ...loop.inner);
  }
}
