/**
 * The bodies of links back: the step that a link leads to, the step it stands in, and all between them in the flow. Taken
 * from the innermost out, each becomes a region that those around it step over, so that thousands of loops within each
 * other cost no more than their number.
 */
import type { EdgeDraft } from './draft.ts';
import { sortByEdges } from './topological-order.ts';

class Step {
  readonly id: string;
  /** After that of all steps that lead to it. */
  readonly at: number;
  /** Links back left out, and of a circle the link that closes it. */
  readonly before: Step[] = [];
  readonly after: Step[] = [];
  region: Region = { first: this, last: this, before: [], after: [] };

  constructor(id: string, at: number) {
    this.id = id;
    this.at = at;
  }
}

/** A step, or all steps of a body. */
interface Region {
  first: Step;
  last: Step;
  /** Steps outside that lead to a step of it. */
  before: Step[];
  /** Steps outside that a step of it leads to. */
  after: Step[];
  /** Whose body it is. */
  loop?: EdgeDraft;
  /** The region that has taken it up. */
  within?: Region;
}

export class LoopRegions {
  readonly hasCircle: boolean;
  private readonly waits: EdgeDraft[] = [];
  private readonly steps: ReadonlyMap<string, Step>;

  /** `edges` without links back. */
  constructor(ids: readonly string[], edges: readonly EdgeDraft[]) {
    const incoming = Map.groupBy(edges, (edge) => edge.to);
    const outgoing = Map.groupBy(edges, (edge) => edge.from);
    const into = (id: string): readonly EdgeDraft[] => incoming.get(id) ?? [];
    const outOf = (id: string): readonly EdgeDraft[] => outgoing.get(id) ?? [];
    const { order, cycles } = sortByEdges([...new Set(ids)], { into, outOf });
    this.hasCircle = cycles.length > 0;
    this.steps = new Map(order.map((id, at) => [id, new Step(id, at)]));
    for (const step of this.steps.values()) {
      for (const edge of outOf(step.id)) {
        const next = this.steps.get(edge.to);
        if (!next || next.at <= step.at) continue;
        step.after.push(next);
        step.region.after.push(next);
        next.before.push(step);
        next.region.before.push(step);
      }
    }
  }

  /** In an order in which the body of each comes before all that may hold it. */
  fromInnermost(loops: readonly EdgeDraft[]): EdgeDraft[] {
    const at = (id: string): number => this.steps.get(id)?.at ?? 0;
    const length = ({ from, to }: EdgeDraft): number => at(from) - at(to);
    return loops.toSorted((a, b) => length(a) - length(b) || a.span.start - b.span.start);
  }

  /**
   * What leads out of a body is delivered when its loop has ended for good: so many edges, of the loops that were enclosed,
   * from the step that a link back stands in to what so follows it. Those within a body of more loops are told once.
   */
  waitsForLoops(): EdgeDraft[] {
    const outermost = new Set([...this.steps.values()].map(regionOf));
    return [...this.waits, ...[...outermost].flatMap((region) => waitsOf(region, () => true))];
  }

  /** Makes its body a region; or says that it has none, or which loop's body it shares a part with, and the first step of that. */
  enclose(loop: EdgeDraft): 'enclosed' | 'no body' | { clash: EdgeDraft; shared: string } {
    const [first, last] = [this.steps.get(loop.to), this.steps.get(loop.from)];
    if (!first || !last) return 'no body';
    const before = reach(last, 'last', (region) => region.before.filter((step) => step.at >= first.at));
    const start = regionOf(first);
    // It begins within a region that leads on to its end.
    if (before?.has(start) && start.first !== first && start.loop) return { clash: start.loop, shared: first.id };
    const whole = before && regionsBetween(first, before);
    if (whole) {
      this.join(whole, { first, last, loop });
      return 'enclosed';
    }
    const body = stepsBetween(first, last);
    if (body.size === 0) return 'no body';
    const regions = new Set([...body].map(regionOf));
    // With two steps a body has all that lies between them.
    const clash = [...regions].find((one) => !body.has(one.first) || !body.has(one.last));
    if (clash?.loop) {
      const shared = [...body].filter((step) => regionOf(step) === clash).reduce((a, b) => (a.at < b.at ? a : b));
      return { clash: clash.loop, shared: shared.id };
    }
    this.join(regions, { first, last, loop });
    return 'enclosed';
  }

  /** The largest takes up the others, so that no list is copied often. */
  private join(
    regions: ReadonlySet<Region>,
    { first, last, loop }: Pick<Region, 'first' | 'last'> & { loop: EdgeDraft },
  ): void {
    const size = (region: Region): number => region.before.length + region.after.length;
    const [region, ...others] = [...regions].toSorted((a, b) => size(b) - size(a));
    if (!region) return;
    for (const other of others) other.within = region;
    const isOutside = (step: Step): boolean => regionOf(step) !== region;
    for (const one of regions) for (const wait of waitsOf(one, (step) => !isOutside(step))) this.waits.push(wait);
    for (const other of others) {
      for (const step of other.before) region.before.push(step);
      for (const step of other.after) region.after.push(step);
      other.before = [];
      other.after = [];
    }
    region.before = region.before.filter(isOutside);
    region.after = region.after.filter(isOutside);
    region.first = first;
    region.last = last;
    region.loop = loop;
  }
}

function waitsOf({ loop, after }: Region, isOf: (step: Step) => boolean): EdgeDraft[] {
  if (!loop) return [];
  return after.filter(isOf).map((step) => ({ from: loop.from, to: step.id, span: loop.span }));
}

function regionOf(step: Step): Region {
  let { region } = step;
  while (region.within) {
    // The way is halved each time it is gone.
    if (region.within.within) region.within = region.within.within;
    region = region.within;
  }
  step.region = region;
  return region;
}

/** The regions of a body, of those that lead to its end; undefined where there is none, and where one may be in it only in part. */
function regionsBetween(first: Step, before: ReadonlySet<Region>): ReadonlySet<Region> | undefined {
  if (!before.has(regionOf(first))) return undefined;
  for (const region of before) if (region.first.at < first.at) return undefined;
  return reach(first, 'first', (region) => region.after.filter((step) => before.has(regionOf(step))));
}

/** The regions that are come to; undefined where one of them is not come to at this end. */
function reach(start: Step, end: 'first' | 'last', next: (region: Region) => Step[]): Set<Region> | undefined {
  const reached = new Set<Region>();
  const partly = new Set<Region>();
  const waiting = [start];
  for (let step = waiting.pop(); step; step = waiting.pop()) {
    const region = regionOf(step);
    if (reached.has(region)) continue;
    if (region[end] !== step) {
      partly.add(region);
      continue;
    }
    partly.delete(region);
    reached.add(region);
    for (const one of next(region)) waiting.push(one);
  }
  return partly.size > 0 ? undefined : reached;
}

/** Step by step. None where the first does not lead to the last. */
function stepsBetween(first: Step, last: Step): ReadonlySet<Step> {
  const before = stepsFrom(last, (step) => step.before.filter((one) => one.at >= first.at));
  return before.has(first) ? stepsFrom(first, (step) => step.after.filter((one) => before.has(one))) : new Set();
}

function stepsFrom(start: Step, next: (step: Step) => Step[]): Set<Step> {
  const reached = new Set([start]);
  // What is added while it is gone through is gone through, too.
  for (const step of reached) for (const one of next(step)) reached.add(one);
  return reached;
}
