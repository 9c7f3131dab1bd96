/** Which values an expression passes on: conditions, comparisons and numbers made of text pass none of it on. */
import type { Expression } from './ast.ts';
import { childrenOf } from './ast.ts';
import type { FunctionName } from './functions.ts';
import { functions } from './functions.ts';

/** An item of a list, or a value of a map, whichever it is. */
export const anItem = Symbol('an item');

export interface Carried {
  /** `input`, a step's id, or another free name. */
  root: string;
  path: readonly (string | typeof anItem)[];
}

/** Whole values and parts of them that may be in what the expression gives, as text. */
export function carriedBy(expression: Expression): Carried[] {
  return carried(expression, new Map());
}

function carried(node: Expression, loops: ReadonlyMap<string, readonly Carried[]>): Carried[] {
  switch (node.kind) {
    case 'name':
      return [...(loops.get(node.name) ?? [{ root: node.name, path: [] }])];
    case 'member':
      return carried(node.of, loops).map(({ root, path }) => ({ root, path: [...path, node.key] }));
    case 'index':
      return items(carried(node.of, loops));
    case 'literal':
    case 'has':
    case 'not':
    case 'negate':
    case 'and':
    case 'or':
      return [];
    case 'if':
      return [...carried(node.whenTrue, loops), ...carried(node.whenFalse, loops)];
    case 'binary':
      // Of the operators only + joins texts and lists.
      return node.operator === '+' ? [...carried(node.left, loops), ...carried(node.right, loops)] : [];
    case 'call': {
      const gives = Object.hasOwn(functions, node.function) ? functions[node.function as FunctionName].gives : 'any';
      return gives === 'number' || gives === 'yes/no' ? [] : node.arguments.flatMap((one) => carried(one, loops));
    }
    case 'macro': {
      const of = carried(node.of, loops);
      if (node.macro === 'filter') return of;
      return node.macro === 'map' ? carried(node.body, new Map(loops).set(node.variable, items(of))) : [];
    }
    default:
      return childrenOf(node).flatMap((child) => carried(child, loops));
  }
}

function items(of: readonly Carried[]): Carried[] {
  return of.map(({ root, path }) => ({ root, path: [...path, anItem] }));
}
