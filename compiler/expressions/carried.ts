/** Which values an expression passes on: conditions, comparisons and numbers made of text pass none of it on. */
import type { Expression } from './ast.ts';
import { childrenOf } from './ast.ts';
import type { FunctionName } from './functions.ts';
import { functions } from './functions.ts';

/** An item of a list, or a value of a map, whichever it is. */
export const anItem = Symbol('an item');

export type Path = readonly (string | typeof anItem)[];

export interface Carried {
  /** `input`, a step's id, or another free name. */
  root: string;
  path: Path;
}

/** What a loop's variable stands for, by the part of it that is asked for. */
type Loops = ReadonlyMap<string, (path: Path) => Carried[]>;

/** Whole values and parts of them that may be, as text, in the part of what the expression gives: in all of it by default. */
export function carriedBy(expression: Expression, path: Path = []): Carried[] {
  return carried(expression, path, new Map());
}

function carried(node: Expression, path: Path, loops: Loops): Carried[] {
  switch (node.kind) {
    case 'name':
      return loops.get(node.name)?.(path) ?? [{ root: node.name, path }];
    case 'member':
      return carried(node.of, [node.key, ...path], loops);
    case 'index':
      return carried(node.of, [keyOf(node.index), ...path], loops);
    case 'list':
      return node.items.flatMap((item) => carried(item, withoutItem(path), loops));
    case 'record': {
      const [key, ...rest] = path;
      const entries = isAny(key) ? node.entries : node.entries.filter((entry) => entry.key === key);
      return entries.flatMap(({ value }) => carried(value, rest, loops));
    }
    case 'literal':
    case 'has':
    case 'not':
    case 'negate':
    case 'and':
    case 'or':
      return [];
    case 'if':
      return [...carried(node.whenTrue, path, loops), ...carried(node.whenFalse, path, loops)];
    case 'binary':
      // Of the operators only + joins texts and lists.
      return node.operator === '+' ? [...carried(node.left, path, loops), ...carried(node.right, path, loops)] : [];
    case 'call': {
      const gives = Object.hasOwn(functions, node.function) ? functions[node.function as FunctionName].gives : 'any';
      return gives === 'number' || gives === 'yes/no' ? [] : childrenOf(node).flatMap((one) => carried(one, [], loops));
    }
    case 'macro': {
      if (node.macro === 'filter') return carried(node.of, path, loops);
      if (node.macro !== 'map') return [];
      const item = (part: Path) => carried(node.of, [anItem, ...part], loops);
      return carried(node.body, withoutItem(path), new Map(loops).set(node.variable, item));
    }
  }
}

/** Is it any part, where no key or not one key alone is asked for? */
export function isAny(key: Path[number] | undefined): key is undefined | typeof anItem {
  return key === undefined || key === anItem;
}

function keyOf(index: Expression): Path[number] {
  return index.kind === 'literal' && typeof index.value === 'string' ? index.value : anItem;
}

/** Of a part of a list the part of its items. */
function withoutItem(path: Path): Path {
  return path[0] === anItem ? path.slice(1) : path;
}
