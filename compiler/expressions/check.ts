/**
 * Types of expressions, checked at compile time against the schemas of what they read. Where a type is not known
 * (`anything`), nothing is claimed; every problem is reported once, at the smallest part that causes it.
 */
import type { Field, Type } from '../types.ts';
import type { Expression } from './ast.ts';
import { arithmetic, comparisons } from './ast.ts';
import type { FunctionName, Shape } from './functions.ts';
import { functions } from './functions.ts';
import { parseExpression } from './parse.ts';
import type { Read } from './reads.ts';
import { readsOf } from './reads.ts';
import {
  anything,
  isA,
  isOpen,
  literalType,
  mayBeEqual,
  resolveType,
  sameType,
  shapeText,
  typeText,
} from './type-relations.ts';

export { resolveType, typeText } from './type-relations.ts';

export interface Scope {
  /** Types of the free names. A name that is not here is unknown. */
  names: ReadonlyMap<string, Type>;
  /** Those of this one place, which come first. */
  own?: ReadonlyMap<string, Type>;
  /** Of names that are known in other places only: the message where they are used here. */
  elsewhere?: ReadonlyMap<string, string>;
  /** The document's named types. */
  types: ReadonlyMap<string, Type>;
}

export interface ExpressionProblem {
  code: 'syntax' | 'unknown-function' | 'wrong-arguments' | 'not-allowed' | 'unknown-name' | 'unknown-field' | 'type';
  /** `Unexpected X, expected Y`. */
  message: string;
  /** UTF-16 offset and length in the source. */
  offset: number;
  length: number;
  /** For `unknown-name` and `unknown-field`: the word, and those that would have been right. */
  word?: string;
  candidates?: string[];
}

export interface Checked {
  /** Absent when the expression could not be read or has a problem that leaves no type. */
  type?: Type;
  problems: ExpressionProblem[];
  reads: Read[];
}

/** A document may have thousands of names: a message lists the first of them, and the nearest is one of some more. */
const maxListed = 12;
const maxCandidates = 300;

export function checkExpression(source: string, scope: Scope): Checked {
  const parsed = parseExpression(source);
  if (!parsed.ok) return { problems: [parsed.problem], reads: [] };
  const checker = new Checker(scope);
  const type = checker.typeOf(parsed.expression, new Map());
  return { problems: checker.problems, reads: readsOf(parsed.expression), ...(type && { type }) };
}

type Loops = ReadonlyMap<string, Type>;

class Checker {
  readonly problems: ExpressionProblem[] = [];
  private readonly scope: Scope;

  constructor(scope: Scope) {
    this.scope = scope;
  }

  /** Undefined where a problem was reported: whatever contains it then says nothing more. */
  typeOf(node: Expression, loops: Loops): Type | undefined {
    switch (node.kind) {
      case 'literal':
        return literalType(node.value);
      case 'name':
        return this.name(node, loops);
      case 'member':
        return this.member(node, loops);
      case 'index':
        return this.index(node, loops);
      case 'not':
        this.expect(node.of, 'yes/no', '!', loops);
        return { kind: 'yes/no' };
      case 'negate':
        this.expect(node.of, 'number', '-', loops);
        return { kind: 'number' };
      case 'and':
      case 'or':
        this.expect(node.left, 'yes/no', node.kind === 'and' ? '&&' : '||', loops);
        this.expect(node.right, 'yes/no', node.kind === 'and' ? '&&' : '||', loops);
        return { kind: 'yes/no' };
      case 'binary':
        return this.binary(node, loops);
      case 'if':
        return this.conditional(node, loops);
      case 'list':
        return this.list(node, loops);
      case 'record':
        return this.record(node, loops);
      case 'has':
        this.typeOf(node.of, loops);
        return { kind: 'yes/no' };
      case 'call':
        return this.call(node, loops);
      case 'macro':
        return this.macro(node, loops);
    }
  }

  private name(node: Expression & { kind: 'name' }, loops: Loops): Type | undefined {
    const { own, names, elsewhere } = this.scope;
    const type = loops.get(node.name) ?? own?.get(node.name) ?? names.get(node.name);
    if (type) return type;
    const reason = elsewhere?.get(node.name);
    if (reason !== undefined) {
      this.problem(node, 'unknown-name', reason, node.name);
      return undefined;
    }
    // What has no name of its own stands under words that no expression can read.
    const readable = names.keys().filter((name) => !name.includes(' '));
    const candidates = [...loops.keys(), ...(own?.keys() ?? []), ...readable.take(maxCandidates)];
    const all = loops.size + (own?.size ?? 0) + names.size;
    this.problem(
      node,
      'unknown-name',
      `Unexpected name ${node.name}, expected ${listed(candidates, all)}`,
      node.name,
      candidates,
    );
    return undefined;
  }

  private member(node: Expression & { kind: 'member' }, loops: Loops): Type | undefined {
    const of = this.typeOf(node.of, loops);
    return of && this.fieldType(node, of);
  }

  private fieldType(node: Expression & { kind: 'member' }, of: Type): Type | undefined {
    const resolved = resolveType(of, this.scope.types);
    if (resolved.kind === 'anything') return anything;
    if (resolved.kind === 'map') return resolved.of;
    if (resolved.kind === 'union') return this.unionField(node, resolved.of);
    if (resolved.kind === 'record') {
      const field = resolved.fields.find((one) => one.name === node.key);
      if (field) return field.type;
      const candidates = resolved.fields.map((one) => one.name);
      return this.unknownField(node, candidates);
    }
    this.problem(node, 'type', `Unexpected .${node.key} on ${typeText(of)}, expected a record or a map before the dot`);
    return undefined;
  }

  private unknownField(node: Expression & { kind: 'member' }, candidates: string[]): undefined {
    const message = `Unexpected field ${node.key}, expected ${listed(candidates)}`;
    this.problem(node, 'unknown-field', message, node.key, candidates);
  }

  /** A field that every alternative has; the alternatives' own types may differ. */
  private unionField(node: Expression & { kind: 'member' }, of: Type[]): Type | undefined {
    const fields = of
      .map((one) => resolveType(one, this.scope.types))
      .map((one) => (one.kind === 'record' ? one.fields : undefined));
    if (fields.some((one) => one === undefined)) return anything;
    const found = fields
      .map((one) => one?.find((field) => field.name === node.key)?.type)
      .filter((one) => one !== undefined);
    if (found.length > 0) return found.length === 1 ? found[0] : { kind: 'union', of: found };
    const candidates = fields.flatMap((one) => one?.map((field) => field.name) ?? []);
    return this.unknownField(node, candidates);
  }

  private index(node: Expression & { kind: 'index' }, loops: Loops): Type | undefined {
    const of = this.typeOf(node.of, loops);
    const index = this.typeOf(node.index, loops);
    if (!of) return undefined;
    const resolved = resolveType(of, this.scope.types);
    if (resolved.kind === 'anything' || resolved.kind === 'union' || resolved.kind === 'record') return anything;
    if (resolved.kind !== 'list' && resolved.kind !== 'map') {
      this.problem(node.of, 'type', `Unexpected [ ] on ${typeText(of)}, expected a list or a map before it`);
      return undefined;
    }
    const wanted = resolved.kind === 'list' ? 'number' : 'text';
    if (index && !isA(index, wanted, this.scope.types)) {
      this.problem(node.index, 'type', `Unexpected ${typeText(index)} inside [ ], expected ${wanted}`);
    }
    return resolved.of;
  }

  private binary(node: Expression & { kind: 'binary' }, loops: Loops): Type | undefined {
    const left = this.typeOf(node.left, loops);
    const right = this.typeOf(node.right, loops);
    const { operator } = node;
    if ((arithmetic as readonly string[]).includes(operator)) return this.arithmetic(node, left, right);
    if (left && right) {
      if ((comparisons as readonly string[]).includes(operator)) this.comparison(node, left, right);
      else if (operator === 'in') this.membership(node, left, right);
      else if (!mayBeEqual(left, right, this.scope.types)) {
        this.problem(
          node,
          'type',
          `Unexpected ${operator} between ${typeText(left)} and ${typeText(right)}, expected the same kind of value on both sides`,
        );
      }
    }
    return { kind: 'yes/no' };
  }

  private arithmetic(
    node: Expression & { kind: 'binary' },
    left: Type | undefined,
    right: Type | undefined,
  ): Type | undefined {
    if (!left || !right) return undefined;
    const resolved = resolveType(left, this.scope.types);
    if (node.operator === '+') {
      if (resolved.kind === 'list') {
        if (resolveType(right, this.scope.types).kind === 'list' || isOpen(right, this.scope.types)) return left;
      } else if (
        isA(left, 'text', this.scope.types) &&
        isA(right, 'text', this.scope.types) &&
        !(isOpen(left, this.scope.types) && isOpen(right, this.scope.types))
      ) {
        return { kind: 'text' };
      } else if (isOpen(left, this.scope.types) && isOpen(right, this.scope.types)) return anything;
    }
    if (isA(left, 'number', this.scope.types) && isA(right, 'number', this.scope.types)) return { kind: 'number' };
    const expected = node.operator === '+' ? 'two numbers, two texts or two lists' : 'two numbers';
    this.problem(
      node,
      'type',
      `Unexpected ${typeText(left)} ${node.operator} ${typeText(right)}, expected ${expected}`,
    );
    return undefined;
  }

  private comparison(node: Expression & { kind: 'binary' }, left: Type, right: Type): void {
    const numbers = isA(left, 'number', this.scope.types) && isA(right, 'number', this.scope.types);
    const texts = isA(left, 'text', this.scope.types) && isA(right, 'text', this.scope.types);
    if (numbers || texts) return;
    this.problem(
      node,
      'type',
      `Unexpected ${typeText(left)} ${node.operator} ${typeText(right)}, expected two numbers, or two texts, dates or times`,
    );
  }

  private membership(node: Expression & { kind: 'binary' }, left: Type, right: Type): void {
    const resolved = resolveType(right, this.scope.types);
    if (isOpen(right, this.scope.types) || resolved.kind === 'record') return;
    if (resolved.kind === 'list' && mayBeEqual(left, resolved.of, this.scope.types)) return;
    if (resolved.kind === 'map' && isA(left, 'text', this.scope.types)) return;
    this.problem(
      node,
      'type',
      `Unexpected ${typeText(left)} in ${typeText(right)}, expected a list of such values, or a map`,
    );
  }

  private conditional(node: Expression & { kind: 'if' }, loops: Loops): Type | undefined {
    this.expect(node.condition, 'yes/no', '?', loops);
    const then = this.typeOf(node.whenTrue, loops);
    const otherwise = this.typeOf(node.whenFalse, loops);
    if (!then || !otherwise) return then ?? otherwise;
    return sameType(then, otherwise) ? then : { kind: 'union', of: [then, otherwise] };
  }

  private list(node: Expression & { kind: 'list' }, loops: Loops): Type {
    const types = node.items.map((item) => this.typeOf(item, loops)).filter((one) => one !== undefined);
    const [first] = types;
    if (!first) return { kind: 'list', of: anything };
    return { kind: 'list', of: types.every((one) => sameType(one, first)) ? first : anything };
  }

  private record(node: Expression & { kind: 'record' }, loops: Loops): Type {
    const fields = node.entries.map(
      (entry): Field => ({ name: entry.key, type: this.typeOf(entry.value, loops) ?? anything }),
    );
    return { kind: 'record', fields };
  }

  private call(node: Expression & { kind: 'call' }, loops: Loops): Type {
    const row = functions[node.function as FunctionName];
    node.arguments.forEach((argument, index) => {
      this.expect(argument, row.takes[index] ?? 'any', `${node.function}()`, loops);
    });
    return row.gives === 'text' || row.gives === 'number' || row.gives === 'yes/no' ? { kind: row.gives } : anything;
  }

  private macro(node: Expression & { kind: 'macro' }, loops: Loops): Type | undefined {
    const of = this.typeOf(node.of, loops);
    if (!of) return undefined;
    const resolved = resolveType(of, this.scope.types);
    const item =
      resolved.kind === 'list'
        ? resolved.of
        : resolved.kind === 'map' || resolved.kind === 'record'
          ? ({ kind: 'text' } as const)
          : anything;
    if (item === anything && !isOpen(of, this.scope.types)) {
      this.problem(node.of, 'type', `Unexpected ${typeText(of)} before .${node.macro}(), expected a list or a map`);
      return undefined;
    }
    const inner = new Map(loops).set(node.variable, item);
    if (node.macro === 'map') return { kind: 'list', of: this.typeOf(node.body, inner) ?? anything };
    this.expect(node.body, 'yes/no', `.${node.macro}()`, inner);
    return node.macro === 'filter' ? { kind: 'list', of: item } : { kind: 'yes/no' };
  }

  private expect(node: Expression, shape: Shape, beside: string, loops: Loops): void {
    const type = this.typeOf(node, loops);
    if (!type || isA(type, shape, this.scope.types)) return;
    this.problem(node, 'type', `Unexpected ${typeText(type)} beside ${beside}, expected ${shapeText[shape]}`);
  }

  /** May a value of this type have that shape? Unknown types may have any. */
  private problem(
    node: Expression,
    code: ExpressionProblem['code'],
    message: string,
    word?: string,
    candidates?: string[],
  ): void {
    const problem: ExpressionProblem = { code, message, offset: node.start, length: node.end - node.start };
    if (word !== undefined) problem.word = word;
    if (candidates) problem.candidates = candidates;
    this.problems.push(problem);
  }
}

/** `all`: how many there are, where not all of them are given. */
function listed(words: readonly string[], all = words.length): string {
  if (words.length === 0) return 'nothing here';
  const first = words.slice(0, maxListed).join(', ');
  return all > maxListed ? `one of ${first} and ${all - maxListed} more` : `one of ${first}`;
}
