/**
 * Evaluates an expression over JSON values. Pure and bounded: no clock, no recursion but the expression's own depth, and
 * a budget of steps for loops over lists. Runs in activities and inside the workflow sandbox alike.
 *
 * As in CEL, `&&` and `||` absorb an error on one side when the other side decides.
 */
import type { Json } from '../types.ts';
import type { BinaryOperator, Expression, MacroName } from './ast.ts';
import type { FunctionName } from './functions.ts';
import { FunctionProblem, functions } from './functions.ts';
import { parseExpression } from './parse.ts';

export type Bindings = { readonly [name: string]: Json | undefined };

/** The expression has no value here: `code` says why, the message what was expected. It never holds run data. */
export class ExpressionError extends Error {
  readonly code: 'syntax' | 'absent' | 'type' | 'arithmetic' | 'too-much';
  constructor(code: ExpressionError['code'], message: string) {
    super(message);
    this.name = 'ExpressionError';
    this.code = code;
  }
}

/** Most element visits of one evaluation: bounds loops within loops over large lists. */
const maxVisits = 1_000_000;

/** @throws ExpressionError */
export function evaluate(source: string, bindings: Bindings): Json {
  const parsed = parseExpression(source);
  if (!parsed.ok) throw new ExpressionError('syntax', parsed.problem.message);
  return evaluateExpression(parsed.expression, bindings);
}

/** A condition: anything but true or false is an error, never truthy. @throws ExpressionError */
export function evaluateCondition(source: string, bindings: Bindings): boolean {
  const value = evaluate(source, bindings);
  if (typeof value !== 'boolean') throw new ExpressionError('type', 'expected the condition to be yes/no');
  return value;
}

/** @throws ExpressionError */
export function evaluateExpression(expression: Expression, bindings: Bindings): Json {
  return new Evaluation(bindings).value(expression);
}

class Evaluation {
  private visits = 0;
  private readonly bindings: Bindings;
  private readonly loops = new Map<string, Json>();

  constructor(bindings: Bindings) {
    this.bindings = bindings;
  }

  value(node: Expression): Json {
    switch (node.kind) {
      case 'literal':
        return node.value;
      case 'name':
      case 'member':
        return this.path(node);
      case 'index':
        return this.index(this.value(node.of), this.value(node.index));
      case 'not':
        return !this.yesNo(node.of, '!');
      case 'negate':
        return -number(this.value(node.of), '-');
      case 'and':
        return this.either(node.left, node.right, false);
      case 'or':
        return this.either(node.left, node.right, true);
      case 'binary':
        return binary(node.operator, this.value(node.left), this.value(node.right));
      case 'if':
        return this.yesNo(node.condition, '?') ? this.value(node.whenTrue) : this.value(node.whenFalse);
      case 'list':
        return node.items.map((item) => this.value(item));
      case 'record':
        return Object.fromEntries(node.entries.map((entry) => [entry.key, this.value(entry.value)]));
      case 'has':
        return this.lookUp(node.of) !== undefined;
      case 'call':
        return this.call(node.function as FunctionName, node.arguments);
      case 'macro':
        return this.macro(node);
    }
  }

  private path(node: Expression & { kind: 'name' | 'member' }): Json {
    const found = this.lookUp(node);
    if (found === undefined) throw new ExpressionError('absent', `expected ${pathText(node)} to be present`);
    return found;
  }

  /** The value at a path, or undefined where any part of it is absent. Null has no fields. */
  private lookUp(node: Expression): Json | undefined {
    if (node.kind === 'name') {
      if (this.loops.has(node.name)) return this.loops.get(node.name);
      return Object.hasOwn(this.bindings, node.name) ? this.bindings[node.name] : undefined;
    }
    if (node.kind !== 'member') return this.value(node);
    const of = this.lookUp(node.of);
    if (of === undefined || of === null || typeof of !== 'object' || Array.isArray(of)) return undefined;
    return Object.hasOwn(of, node.key) ? of[node.key] : undefined;
  }

  private index(of: Json, index: Json): Json {
    if (Array.isArray(of)) {
      const item = typeof index === 'number' ? of[index] : undefined;
      if (item === undefined) throw new ExpressionError('absent', 'expected an index within the list');
      return item;
    }
    if (of !== null && typeof of === 'object' && typeof index === 'string') {
      const item = Object.hasOwn(of, index) ? of[index] : undefined;
      if (item === undefined) throw new ExpressionError('absent', 'expected a key that the map has');
      return item;
    }
    throw new ExpressionError('type', 'expected a list with a number, or a map with text, around []');
  }

  private yesNo(node: Expression, operator: string): boolean {
    const value = this.value(node);
    if (typeof value !== 'boolean') throw new ExpressionError('type', `expected yes/no beside ${operator}`);
    return value;
  }

  private either(left: Expression, right: Expression, decides: boolean): boolean {
    const operator = decides ? '||' : '&&';
    let failure: ExpressionError | undefined;
    try {
      if (this.yesNo(left, operator) === decides) return decides;
    } catch (error) {
      if (!(error instanceof ExpressionError) || error.code === 'too-much') throw error;
      failure = error;
    }
    const value = this.yesNo(right, operator);
    if (failure && value !== decides) throw failure;
    return value;
  }

  private call(name: FunctionName, args: Expression[]): Json {
    const run: (...values: Json[]) => Json = functions[name].run;
    try {
      return run(...args.map((argument) => this.value(argument)));
    } catch (error) {
      if (error instanceof FunctionProblem) throw new ExpressionError('type', `${name}(): ${error.message}`);
      throw error;
    }
  }

  private macro(node: Expression & { kind: 'macro' }): Json {
    const of = this.value(node.of);
    if (of === null || typeof of !== 'object')
      throw new ExpressionError('type', `expected a list or a map before .${node.macro}()`);
    const items: Json[] = Array.isArray(of) ? of : Object.keys(of);
    const outer = this.loops.get(node.variable);
    const body = (item: Json): Json => {
      this.visits += 1;
      if (this.visits > maxVisits) throw new ExpressionError('too-much', 'expected fewer list items to visit');
      this.loops.set(node.variable, item);
      return this.value(node.body);
    };
    const holds = (item: Json): boolean => {
      const value = body(item);
      if (typeof value !== 'boolean') throw new ExpressionError('type', `expected yes/no inside .${node.macro}()`);
      return value;
    };
    try {
      return runMacro[node.macro](items, holds, body);
    } finally {
      if (outer === undefined) this.loops.delete(node.variable);
      else this.loops.set(node.variable, outer);
    }
  }
}

const runMacro: Record<MacroName, (items: Json[], holds: (item: Json) => boolean, body: (item: Json) => Json) => Json> =
  {
    all: (items, holds) => items.every(holds),
    exists: (items, holds) => items.some(holds),
    exists_one: (items, holds) => items.filter(holds).length === 1,
    filter: (items, holds) => items.filter(holds),
    map: (items, _holds, body) => items.map(body),
  };

function pathText(node: Expression): string {
  if (node.kind === 'name') return node.name;
  if (node.kind === 'member') return `${pathText(node.of)}.${node.key}`;
  return 'the value';
}

function number(value: Json, operator: string): number {
  if (typeof value !== 'number') throw new ExpressionError('type', `expected numbers around ${operator}`);
  return value;
}

function binary(operator: BinaryOperator, left: Json, right: Json): Json {
  switch (operator) {
    case '==':
      return equal(left, right);
    case '!=':
      return !equal(left, right);
    case 'in':
      if (Array.isArray(right)) return right.some((item) => equal(left, item));
      if (right !== null && typeof right === 'object' && typeof left === 'string') return Object.hasOwn(right, left);
      throw new ExpressionError('type', 'expected a list, or text and a map, around in');
    case '+':
      if (typeof left === 'string' && typeof right === 'string') return left + right;
      if (Array.isArray(left) && Array.isArray(right)) return [...left, ...right];
      return finite(number(left, '+') + number(right, '+'));
    case '-':
      return finite(number(left, '-') - number(right, '-'));
    case '*':
      return finite(number(left, '*') * number(right, '*'));
    case '/':
      return divide(number(left, '/'), number(right, '/'));
    case '%':
      if (right === 0) throw new ExpressionError('arithmetic', 'expected a divisor other than zero');
      return finite(number(left, '%') % number(right, '%'));
    case '<':
      return compare(left, right, operator) < 0;
    case '<=':
      return compare(left, right, operator) <= 0;
    case '>':
      return compare(left, right, operator) > 0;
    case '>=':
      return compare(left, right, operator) >= 0;
  }
}

function divide(left: number, right: number): number {
  if (right === 0) throw new ExpressionError('arithmetic', 'expected a divisor other than zero');
  return finite(left / right);
}

function finite(value: number): number {
  if (!Number.isFinite(value)) throw new ExpressionError('arithmetic', 'expected a result that is a finite number');
  return value;
}

/** Numbers by size; text by code unit, which orders ISO dates and times too. */
function compare(left: Json, right: Json, operator: string): number {
  if (typeof left === 'number' && typeof right === 'number') return left - right;
  if (typeof left === 'string' && typeof right === 'string') return left < right ? -1 : left > right ? 1 : 0;
  throw new ExpressionError('type', `expected two numbers, or two texts, around ${operator}`);
}

function equal(left: Json, right: Json): boolean {
  if (left === right) return true;
  if (left === null || right === null || typeof left !== 'object' || typeof right !== 'object') return false;
  if (Array.isArray(left) || Array.isArray(right)) {
    return (
      Array.isArray(left) &&
      Array.isArray(right) &&
      left.length === right.length &&
      left.every((item, index) => equal(item, right[index] as Json))
    );
  }
  const keys = Object.keys(left);
  return (
    keys.length === Object.keys(right).length &&
    keys.every((key) => Object.hasOwn(right, key) && equal(left[key] as Json, right[key] as Json))
  );
}
