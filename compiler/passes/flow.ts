/** What is known of a run before it runs: which steps come before which, and under which decisions each of them runs. */

import type { Condition } from './decisions.ts';
import { always, Decisions, never, TooManyDecisions } from './decisions.ts';
import type { EdgeDraft, StepDraft } from './draft.ts';

export class Flow {
  /** Steps in an order in which each comes after all that lead to it; steps of cycles stand where they were cut. */
  readonly order: string[] = [];
  readonly cycles: EdgeDraft[][] = [];
  private readonly incoming = new Map<string, EdgeDraft[]>();
  private readonly outgoing = new Map<string, EdgeDraft[]>();
  private readonly rank = new Map<string, number>();
  private readonly steps: ReadonlyMap<string, StepDraft>;
  private readonly decisions = new Decisions();
  private readonly variables = new Map<string, number>();
  private readonly live = new Map<string, Condition>();
  private readonly ran = new Map<string, Condition>();
  /** False where there were too many decisions to follow: then no step is known to have run. */
  private decided = true;

  constructor(steps: readonly StepDraft[], edges: readonly EdgeDraft[]) {
    this.steps = new Map(steps.map((step) => [step.id, step]));
    for (const edge of edges) {
      push(this.incoming, edge.to, edge);
      push(this.outgoing, edge.from, edge);
    }
    this.sort(steps);
    for (const [index, id] of this.order.entries()) this.rank.set(id, index);
    try {
      for (const id of this.order) this.follow(id);
    } catch (error) {
      if (!(error instanceof TooManyDecisions)) throw error;
      this.decided = false;
    }
  }

  edgesInto(id: string): readonly EdgeDraft[] {
    return this.incoming.get(id) ?? [];
  }

  edgesOutOf(id: string): readonly EdgeDraft[] {
    return this.outgoing.get(id) ?? [];
  }

  /** Has the one resolved whenever the other starts? */
  isBefore(one: string, other: string): boolean {
    const lowest = this.rank.get(one) ?? 0;
    const seen = new Set<string>();
    const waiting = [other];
    for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
      for (const { from } of this.edgesInto(id)) {
        if (from === one) return true;
        if (seen.has(from) || (this.rank.get(from) ?? 0) < lowest) continue;
        seen.add(from);
        waiting.push(from);
      }
    }
    return false;
  }

  isReachable(id: string): boolean {
    return !this.decided || this.live.get(id) !== never;
  }

  /** Has `step` an output whenever `reader` is reached, or (`runs`) whenever its `when` held too? */
  hasRunBefore(step: string, reader: string, runs: boolean): boolean {
    const when = runs ? this.ran.get(reader) : this.live.get(reader);
    return when !== undefined && this.holds(when, step);
  }

  /** Has it an output whenever the run completes? */
  hasRunAtEnd(step: string): boolean {
    return this.holds(always, step);
  }

  private holds(when: Condition, step: string): boolean {
    const ran = this.ran.get(step);
    if (!this.decided || ran === undefined) return false;
    try {
      return this.decisions.implies(when, ran);
    } catch (error) {
      if (error instanceof TooManyDecisions) return false;
      throw error;
    }
  }

  /** A refusal needs no part here: what depends on a refused step does not run at all. */
  private follow(id: string): void {
    const edges = this.edgesInto(id);
    let live = edges.length === 0 ? always : never;
    for (const edge of edges) live = this.decisions.or(live, this.liveEdge(edge));
    this.live.set(id, live);
    const when = this.steps.get(id)?.values.when;
    // The same words over values that do not change have the same answer in all of a run.
    const holds = when ? this.decisions.is(this.variable(`when ${when.source}`), 1, 2) : always;
    this.ran.set(id, this.decisions.and(live, holds));
  }

  private liveEdge(edge: EdgeDraft): Condition {
    const from = this.steps.get(edge.from);
    const live = this.live.get(edge.from) ?? never;
    const continues = from?.values.actions?.some((action) => action.effect === 'continue') ?? true;
    if (!continues) return never;
    if (edge.arm === undefined) return live;
    const arms = from?.values.arms?.length ?? 0;
    return this.decisions.and(live, this.decisions.is(this.variable(`arm ${edge.from}`), edge.arm, arms));
  }

  private variable(key: string): number {
    const known = this.variables.get(key);
    if (known !== undefined) return known;
    this.variables.set(key, this.variables.size);
    return this.variables.size - 1;
  }

  /** Kahn's algorithm; where nothing is ready, a cycle is cut and the rest goes on. */
  private sort(steps: readonly StepDraft[]): void {
    const waitsFor = new Map(steps.map((step) => [step.id, this.edgesInto(step.id).length]));
    const done = new Set<string>();
    const ready: string[] = [];
    const settle = (id: string): void => {
      if (done.has(id)) return;
      done.add(id);
      ready.push(id);
    };
    for (const step of steps) if (waitsFor.get(step.id) === 0) settle(step.id);
    for (const step of [undefined, ...steps]) {
      if (step && !done.has(step.id)) {
        const cycle = this.cycleBefore(step.id, done);
        this.cycles.push(cycle);
        for (const edge of cycle) settle(edge.to);
      }
      for (let index = this.order.length; index < ready.length; index += 1) {
        const id = ready[index] ?? '';
        this.order.push(id);
        for (const edge of this.edgesOutOf(id)) {
          const left = (waitsFor.get(edge.to) ?? 0) - 1;
          waitsFor.set(edge.to, left);
          if (left === 0) settle(edge.to);
        }
      }
    }
  }

  /** Every step that is left waits for another that is left: going back must come round. */
  private cycleBefore(start: string, done: ReadonlySet<string>): EdgeDraft[] {
    const path: EdgeDraft[] = [];
    const seen = new Map<string, number>();
    let at = start;
    while (!seen.has(at)) {
      seen.set(at, path.length);
      const edge = this.edgesInto(at).find((one) => !done.has(one.from));
      if (!edge) break;
      path.push(edge);
      at = edge.from;
    }
    return path.slice(seen.get(at) ?? 0);
  }
}

function push(edges: Map<string, EdgeDraft[]>, key: string, edge: EdgeDraft): void {
  const list = edges.get(key);
  if (list) list.push(edge);
  else edges.set(key, [edge]);
}
