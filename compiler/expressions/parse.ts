/** Source text to expression, refusing what the language leaves out (bytes, unsigned and oversized numbers, `matches`). */
import type { ASTNode } from '@marcbachmann/cel-js';
import { Environment, ParseError } from '@marcbachmann/cel-js';
import type { BinaryOperator, Expression, MacroName } from './ast.ts';
import { macros } from './ast.ts';
import type { FunctionName } from './functions.ts';
import { functions } from './functions.ts';
import { syntaxMistake } from './syntax-mistakes.ts';

export interface ParseProblem {
  code: 'syntax' | 'unknown-function' | 'wrong-arguments' | 'not-allowed';
  message: string;
  /** UTF-16 offset and length in the source. */
  offset: number;
  length: number;
  /** Words that would have been right, for a nearest-word hint. */
  candidates?: string[];
}

export type Parsed = { ok: true; expression: Expression } | { ok: false; problem: ParseProblem };

/** Bounds that keep evaluation cheap: nodes of one expression, and how deep it nests. */
const limits = { maxAstNodes: 500, maxDepth: 40, maxListElements: 200, maxMapEntries: 200, maxCallArguments: 8 };

const forbiddenKeys = new Set(['__proto__', 'constructor', 'prototype']);

class Refused extends Error {
  readonly problem: ParseProblem;
  constructor(problem: ParseProblem) {
    super(problem.message);
    this.problem = problem;
  }
}

/** CEL's grammar with no variables and no types of its own: it keeps no state between calls. */
const grammar = new Environment({ unlistedVariablesAreDyn: true, limits });

/** Never throws. */
export function parseExpression(source: string): Parsed {
  if (source.length > 4000) {
    return refuse({
      code: 'not-allowed',
      message: 'Unexpected expression longer than 4000 characters, expected a shorter one',
      offset: 0,
      length: source.length,
    });
  }
  try {
    const { ast } = grammar.parse(source);
    return { ok: true, expression: convert(ast) };
  } catch (error) {
    if (error instanceof Refused) return refuse(error.problem);
    if (error instanceof ParseError) {
      const start = error.range?.start ?? error.node?.start ?? 0;
      const end = error.range?.end ?? start;
      return refuse({
        code: 'syntax',
        message: syntaxMistake(error, source),
        offset: start,
        length: Math.max(end - start, 0),
      });
    }
    return refuse({
      code: 'syntax',
      message: 'Unexpected text, expected a CEL expression',
      offset: 0,
      length: source.length,
    });
  }
}

function refuse(problem: ParseProblem): Parsed {
  return { ok: false, problem };
}

function refused(node: ASTNode, code: ParseProblem['code'], message: string, candidates?: string[]): Refused {
  const problem: ParseProblem = { code, message, offset: node.start, length: node.end - node.start };
  if (candidates) problem.candidates = candidates;
  return new Refused(problem);
}

function convert(node: ASTNode): Expression {
  const at = { start: node.start, end: node.end };
  switch (node.op) {
    case 'value':
      return { ...at, kind: 'literal', value: literal(node, node.args) };
    case 'id':
      if (forbiddenKeys.has(node.args))
        throw refused(node, 'not-allowed', `Unexpected name ${node.args}, expected another`);
      return { ...at, kind: 'name', name: node.args };
    case '.':
      return member(at, node, node.args[0], node.args[1]);
    case '[]': {
      const [of, index] = node.args;
      if (index.op === 'value' && typeof index.args === 'string') return member(at, node, of, index.args);
      return { ...at, kind: 'index', of: convert(of), index: convert(index) };
    }
    case '!_':
      return { ...at, kind: 'not', of: convert(node.args) };
    case '-_':
      return { ...at, kind: 'negate', of: convert(node.args) };
    case '&&':
      return { ...at, kind: 'and', left: convert(node.args[0]), right: convert(node.args[1]) };
    case '||':
      return { ...at, kind: 'or', left: convert(node.args[0]), right: convert(node.args[1]) };
    case '?:':
      return {
        ...at,
        kind: 'if',
        condition: convert(node.args[0]),
        whenTrue: convert(node.args[1]),
        whenFalse: convert(node.args[2]),
      };
    case 'list':
      return { ...at, kind: 'list', items: node.args.map(convert) };
    case 'map':
      return {
        ...at,
        kind: 'record',
        entries: node.args.map(([key, value]) => ({ key: recordKey(key), value: convert(value) })),
      };
    case 'call':
      return call(at, node, node.args[0], node.args[1]);
    case 'rcall':
      return method(at, node, node.args[0], node.args[1], node.args[2]);
    case '.?':
    case '[?]':
      throw refused(node, 'not-allowed', 'Unexpected optional access, expected has() and plain access');
    default:
      return {
        ...at,
        kind: 'binary',
        operator: node.op as BinaryOperator,
        left: convert(node.args[0]),
        right: convert(node.args[1]),
      };
  }
}

function literal(node: ASTNode, value: unknown): null | boolean | number | string {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return value;
  if (typeof value === 'number') return value;
  if (typeof value === 'bigint') {
    const number = Number(value);
    if (Number.isSafeInteger(number)) return number;
    throw refused(
      node,
      'not-allowed',
      `Unexpected number ${value}, expected one that is exact (at most 9007199254740991)`,
    );
  }
  throw refused(
    node,
    'not-allowed',
    'Unexpected bytes or unsigned number, expected a plain number, text, true, false or null',
  );
}

function member(at: { start: number; end: number }, node: ASTNode, of: ASTNode, key: string): Expression {
  if (forbiddenKeys.has(key)) throw refused(node, 'not-allowed', `Unexpected field ${key}, expected another`);
  return { ...at, kind: 'member', of: convert(of), key };
}

function recordKey(key: ASTNode): string {
  if (key.op === 'value' && typeof key.args === 'string' && !forbiddenKeys.has(key.args)) return key.args;
  throw refused(key, 'not-allowed', 'Unexpected key, expected text in quotes');
}

function call(at: { start: number; end: number }, node: ASTNode, name: string, args: ASTNode[]): Expression {
  if (name !== 'has') return knownCall(at, node, name, args.map(convert), false);
  const [of] = args;
  if (args.length !== 1 || !of || (of.op !== '.' && of.op !== '[]' && of.op !== 'id')) {
    throw refused(node, 'wrong-arguments', 'Unexpected argument of has(), expected one path such as step.field');
  }
  return { ...at, kind: 'has', of: convert(of) };
}

function method(
  at: { start: number; end: number },
  node: ASTNode,
  name: string,
  receiver: ASTNode,
  args: ASTNode[],
): Expression {
  if (!(macros as readonly string[]).includes(name)) {
    return knownCall(at, node, name, [convert(receiver), ...args.map(convert)], true);
  }
  const [variable, body] = args;
  if (args.length !== 2 || variable?.op !== 'id' || !body) {
    throw refused(
      node,
      'wrong-arguments',
      `Unexpected arguments of ${name}(), expected a name and an expression, as in list.${name}(item, item > 0)`,
    );
  }
  const loop = convert(variable);
  if (loop.kind !== 'name') throw refused(variable, 'wrong-arguments', 'Unexpected loop name, expected a word');
  return {
    ...at,
    kind: 'macro',
    macro: name as MacroName,
    of: convert(receiver),
    variable: loop.name,
    body: convert(body),
  };
}

function knownCall(
  at: { start: number; end: number },
  node: ASTNode,
  name: string,
  args: Expression[],
  isMethod: boolean,
): Expression {
  if (name === 'matches') {
    throw refused(
      node,
      'not-allowed',
      'Unexpected matches(), expected a `matches` rule on the field: patterns are checked where the type says so',
    );
  }
  const known = Object.hasOwn(functions, name) ? functions[name as FunctionName] : undefined;
  if (!known || (isMethod && !known.method)) {
    const candidates = Object.entries(functions)
      .filter(([, row]) => !isMethod || row.method)
      .map(([key]) => key);
    throw refused(
      node,
      'unknown-function',
      `Unexpected function ${name}(), expected one of ${candidates.join(', ')}`,
      candidates,
    );
  }
  if (args.length !== known.takes.length) {
    throw refused(
      node,
      'wrong-arguments',
      `Unexpected ${args.length} arguments of ${name}(), expected ${known.takes.length}`,
    );
  }
  return { ...at, kind: 'call', function: name, arguments: args };
}
