/**
 * Conditions over the decisions of a run (which arm a choose takes, whether a `when` holds) as decision diagrams: equal
 * conditions are the same number, so that "always" and "never" are decided, not guessed.
 */

/** A condition. Made by one `Decisions` and meaningful only there. */
export type Condition = number;

export const never: Condition = 0;
export const always: Condition = 1;

interface Test {
  variable: number;
  /** What remains for each value of the variable. */
  then: Condition[];
}

/** Beyond these a condition counts as not decided. Documents that people write stay far below. */
const maxWork = 500_000;
const maxDepth = 1_000;

export class TooManyDecisions extends Error {}

export class Decisions {
  private readonly tests: (Test | undefined)[] = [undefined, undefined];
  private readonly known = new Map<string, Condition>();
  private readonly results = new Map<string, Condition>();
  private work = 0;

  /** The condition that a variable with `values` values has one of these. @throws TooManyDecisions */
  isOneOf(variable: number, wanted: readonly number[], values: number): Condition {
    this.spend(values);
    const then = new Array<Condition>(values).fill(never);
    for (const value of wanted) then[value] = always;
    return values === 0 ? never : this.test(variable, then);
  }

  /** @throws TooManyDecisions */
  and(left: Condition, right: Condition): Condition {
    return this.combine(left, right, never, 0);
  }

  /** @throws TooManyDecisions */
  or(left: Condition, right: Condition): Condition {
    return this.combine(left, right, always, 0);
  }

  /** Whenever the one holds, does the other? @throws TooManyDecisions */
  implies(left: Condition, right: Condition): boolean {
    return this.and(left, right) === left;
  }

  private test(variable: number, then: Condition[]): Condition {
    const [first] = then;
    if (first !== undefined && then.every((one) => one === first)) return first;
    const key = `${variable}:${then.join()}`;
    const known = this.known.get(key);
    if (known !== undefined) return known;
    this.tests.push({ variable, then });
    this.known.set(key, this.tests.length - 1);
    return this.tests.length - 1;
  }

  /** Of `and` the terminal that decides alone is never, of `or` it is always. */
  private combine(left: Condition, right: Condition, decides: Condition, depth: number): Condition {
    if (left === right) return left;
    if (left === decides || right === decides) return decides;
    if (left <= always) return right;
    if (right <= always) return left;
    const key = `${decides}:${Math.min(left, right)}:${Math.max(left, right)}`;
    const known = this.results.get(key);
    if (known !== undefined) return known;
    const a = this.tests[left];
    const b = this.tests[right];
    if (!a || !b) throw new TypeError('expected a condition of these decisions');
    const variable = Math.min(a.variable, b.variable);
    const values = a.variable === variable ? a.then : b.then;
    if (depth > maxDepth) throw new TooManyDecisions();
    this.spend(values.length);
    const result = this.test(
      variable,
      values.map((_, value) =>
        this.combine(
          a.variable === variable ? (a.then[value] ?? never) : left,
          b.variable === variable ? (b.then[value] ?? never) : right,
          decides,
          depth + 1,
        ),
      ),
    );
    this.results.set(key, result);
    return result;
  }

  private spend(work: number): void {
    this.work += work;
    if (this.work > maxWork) throw new TooManyDecisions();
  }
}
