/**
 * What is known of a run before it runs: which steps come before which, and under which decisions each of them runs.
 *
 * Steps with the same parent are a scope of their own; edges lead only within it, and a container is one step of the
 * scope it stands in. Links back do not count: whatever they repeat, the last pass is entered and left as the first.
 */
import { parseExpression } from '../expressions/parse.ts';
import { readsOf } from '../expressions/reads.ts';
import type { Condition } from './decisions.ts';
import { always, Decisions, never, TooManyDecisions } from './decisions.ts';
import type { EdgeDraft, StepDraft } from './draft.ts';
import { Precedence } from './precedence.ts';
import type { Outcome } from './step-outcomes.ts';
import { isPlain, outcomesOf } from './step-outcomes.ts';
import { sortByEdges } from './topological-order.ts';

/** Steps of which it is known, where something is read, that they have an output or that they have none. */
export interface KnownSteps {
  present: readonly string[];
  absent: readonly string[];
}

export class Flow {
  /** Steps in an order in which each comes after all that lead to it, and a container after its steps. */
  readonly order: string[] = [];
  readonly cycles: EdgeDraft[][] = [];
  /** Links back, in the order of the edges. */
  readonly back: readonly EdgeDraft[];
  private readonly incoming = new Map<string, EdgeDraft[]>();
  private readonly outgoing = new Map<string, EdgeDraft[]>();
  private readonly returning = new Map<string, EdgeDraft[]>();
  /** Of each container, and of the document: `undefined`. */
  private readonly precedence = new Map<string | undefined, Precedence>();
  private readonly steps = new Map<string, StepDraft>();
  /** Of each container, and of the document: `undefined`. */
  private readonly scopes = new Map<string | undefined, string[]>();
  private readonly items: ReadonlySet<string>;
  private readonly decisions = new Decisions();
  private readonly variables = new Map<string, number>();
  private readonly live = new Map<string, Condition>();
  /** Its `when` held too. */
  private readonly runs = new Map<string, Condition>();
  private readonly gives = new Map<string, Condition>();
  /** Of each step, when its plain edges are live; and of each other edge. */
  private readonly goesOn = new Map<string, Condition>();
  private readonly leads = new Map<EdgeDraft, Condition>();
  /** False where there were too many decisions to follow: then no step is known to have run. */
  private decided = true;

  constructor(steps: readonly StepDraft[], edges: readonly EdgeDraft[]) {
    for (const step of steps) {
      // Two steps of one id were reported; the first has it.
      if (this.steps.has(step.id)) continue;
      this.steps.set(step.id, step);
      push(this.scopes, step.parent, step.id);
    }
    this.items = new Set(steps.flatMap((step) => step.values.each?.item ?? []));
    this.back = edges.filter((edge) => edge.back);
    for (const edge of edges) {
      if (edge.back) push(this.returning, edge.from, edge);
      else {
        push(this.incoming, edge.to, edge);
        push(this.outgoing, edge.from, edge);
      }
    }
    const sorted = this.sort(undefined);
    try {
      for (const id of sorted) this.follow(id);
    } catch (error) {
      if (!(error instanceof TooManyDecisions)) throw error;
      this.decided = false;
    }
  }

  /** Of a step, or of the document: the steps that stand in it, in document order. */
  stepsIn(parent: string | undefined): readonly string[] {
    return this.scopes.get(parent) ?? [];
  }

  /** The containers that the step stands in, the innermost first. */
  around(id: string): string[] {
    const containers: string[] = [];
    for (let at = this.steps.get(id)?.parent; at !== undefined; at = this.steps.get(at)?.parent) containers.push(at);
    return containers;
  }

  /** Links back left out. */
  edgesInto(id: string): readonly EdgeDraft[] {
    return this.incoming.get(id) ?? [];
  }

  /** Links back left out. */
  edgesOutOf(id: string): readonly EdgeDraft[] {
    return this.outgoing.get(id) ?? [];
  }

  /** Has the one resolved whenever the other starts? Never so of a step in another container, nor of one around. */
  isBefore(one: string, other: string): boolean {
    const scope = this.steps.get(one)?.parent;
    const start = [other, ...this.around(other)].find((id) => this.steps.get(id)?.parent === scope);
    return start !== undefined && (this.precedence.get(scope)?.isBefore(one, start) ?? false);
  }

  /** Can both be at work at the same moment of some run? Not so of steps of which one is in the other. */
  mayRunTogether(one: string, other: string): boolean {
    const [left, right] = this.meet(one, other) ?? [one, one];
    if (left === right || this.isBefore(left, right) || this.isBefore(right, left)) return false;
    return this.ask(() => this.decisions.and(this.runs.get(one) ?? never, this.runs.get(other) ?? never) !== never);
  }

  /** The steps of one scope that the two are, or stand in. */
  private meet(one: string, other: string): [string, string] | undefined {
    const scopeOf = (id: string): string | undefined => this.steps.get(id)?.parent;
    if (scopeOf(one) === scopeOf(other)) return [one, other];
    const path = new Map([one, ...this.around(one)].map((id) => [scopeOf(id), id]));
    const right = [other, ...this.around(other)].find((id) => path.has(scopeOf(id)));
    const left = right === undefined ? undefined : path.get(scopeOf(right));
    return left === undefined || right === undefined ? undefined : [left, right];
  }

  isReachable(id: string): boolean {
    return !this.decided || this.live.get(id) !== never;
  }

  /**
   * Has `step` an output whenever `reader` is reached, or (`runs`) whenever its `when` held too? Of a step in a container:
   * in the container's last pass, or the reader's own.
   */
  hasRunBefore(step: string, reader: string, runs: boolean, known?: KnownSteps): boolean {
    return this.holds((runs ? this.runs : this.live).get(reader), step, known);
  }

  /** Has it an output whenever the run completes? */
  hasRunAtEnd(step: string, known?: KnownSteps): boolean {
    return this.holds(always, step, known);
  }

  private holds(when: Condition | undefined, step: string, known: KnownSteps = { present: [], absent: [] }): boolean {
    if (known.present.includes(step)) return true;
    const gives = (id: string): Condition => this.gives.get(id) ?? never;
    return this.ask(() => {
      const here = known.present.reduce((all, id) => this.decisions.and(all, gives(id)), when ?? always);
      const there = known.absent.reduce((any, id) => this.decisions.or(any, gives(id)), gives(step));
      return when !== undefined && this.decisions.implies(here, there);
    });
  }

  /** No, where there are too many decisions to tell. */
  private ask(question: () => boolean): boolean {
    try {
      return this.decided && question();
    } catch (error) {
      if (error instanceof TooManyDecisions) return false;
      throw error;
    }
  }

  /** Gives the steps of the scope and of those within it, each container before its steps. */
  private sort(parent: string | undefined): string[] {
    const ids = this.scopes.get(parent) ?? [];
    const into = (id: string): readonly EdgeDraft[] => this.edgesInto(id);
    const { order, cycles } = sortByEdges(ids, { into, outOf: (id) => this.edgesOutOf(id) });
    this.cycles.push(...cycles);
    this.precedence.set(parent, new Precedence(order, into));
    return order.flatMap((id) => {
      const inner = this.scopes.has(id) ? this.sort(id) : [];
      this.order.push(id);
      return [id, ...inner];
    });
  }

  /** A refusal needs no part here: what depends on a refused step does not run at all. */
  private follow(id: string): void {
    const { decisions } = this;
    const step = this.steps.get(id);
    if (!step) return;
    const edges = this.edgesInto(id);
    let live = edges.length > 0 ? never : step.parent === undefined ? always : (this.runs.get(step.parent) ?? never);
    for (const edge of edges) {
      const condition = isPlain(edge) ? this.goesOn.get(edge.from) : this.leads.get(edge);
      live = decisions.or(live, condition ?? never);
    }
    const runs = decisions.and(live, this.whenOf(step, true));
    const outcomes = outcomesOf(step, [...this.edgesOutOf(id), ...(this.returning.get(id) ?? [])]);
    const after = (wanted: (one: Outcome) => boolean): Condition =>
      decisions.and(runs, this.outcome(step, outcomes, wanted));
    const plain = after((one) => one.plain);
    // A step that is passed by lets its plain edges through.
    const passed = decisions.and(live, this.whenOf(step, false));
    this.live.set(id, live);
    this.runs.set(id, runs);
    this.gives.set(
      id,
      after((one) => one.output),
    );
    this.goesOn.set(id, plain === runs ? live : decisions.or(passed, plain));
    for (const edge of this.edgesOutOf(id))
      if (!isPlain(edge))
        this.leads.set(
          edge,
          after((one) => one.leads(edge)),
        );
  }

  private outcome(step: StepDraft, outcomes: readonly Outcome[], wanted: (one: Outcome) => boolean): Condition {
    const values = outcomes.flatMap((one, index) => (wanted(one) ? [index] : []));
    return this.decisions.isOneOf(this.variable(`outcome ${step.id}`), values, outcomes.length);
  }

  private whenOf(step: StepDraft, holds: boolean): Condition {
    const { when } = step.values;
    if (!when) return holds ? always : never;
    return this.decisions.isOneOf(
      this.variable(`when ${this.placeOf(step, when.source)}${when.source}`),
      [holds ? 1 : 0],
      2,
    );
  }

  /** The same words over values that do not change have the same answer in all of a run; over others, where they stand. */
  private placeOf(step: StepDraft, source: string): string {
    const parsed = parseExpression(source);
    const roots = parsed.ok ? readsOf(parsed.expression).map((read) => read.root) : [];
    if (roots.includes('feedback') || roots.includes('proposal')) return `${step.id} `;
    return roots.some((root) => root === 'previous' || this.items.has(root)) ? `${step.parent ?? ''}. ` : '';
  }

  private variable(key: string): number {
    const known = this.variables.get(key);
    if (known !== undefined) return known;
    this.variables.set(key, this.variables.size);
    return this.variables.size - 1;
  }
}

function push<Key, Value>(lists: Map<Key, Value[]>, key: Key, value: Value): void {
  const list = lists.get(key);
  if (list) list.push(value);
  else lists.set(key, [value]);
}
