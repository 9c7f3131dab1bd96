/** What an expression reads: the paths from its free names, and what each `has()` around them says. */
import type { Expression } from './ast.ts';
import { childrenOf } from './ast.ts';

export interface Read {
  /** A step's id, or `input`, `output`, `this`. */
  root: string;
  /** Fields from the root, as far as they are written out; an index or a loop ends it. */
  path: string[];
  /** What must hold where this is read. */
  known: Known;
  /** This read is the `has()` itself. */
  inHas: boolean;
  start: number;
  end: number;
}

/** Paths from a root on, as `viewKey` writes them. */
export interface Known {
  /** Those that are there, and the paths on the way to them. */
  present: ReadonlySet<string>;
  /** Those that are not: a part of each is absent. */
  absent: ReadonlySet<string>;
}

export const nothingKnown: Known = { present: new Set(), absent: new Set() };

/** In source order. A loop's own name is no read; what the loop runs over is. */
export function readsOf(expression: Expression): Read[] {
  const reads: Read[] = [];
  collect(expression, nothingKnown, new Set(), reads);
  return reads;
}

/** What is certain where the expression is true: `has(a.b) && ...` says that `a` and `a.b` are present. */
export function knownWhenTrue(expression: Expression): Known {
  return knownWhen(expression, true);
}

export function bothKnown(one: Known, other: Known): Known {
  if (one === nothingKnown) return other;
  if (other === nothingKnown) return one;
  return { present: one.present.union(other.present), absent: one.absent.union(other.absent) };
}

/** Where a view keeps the value at a path: fields joined by dots. An empty path is the whole value. */
export function viewKey(path: readonly string[]): string {
  return path.map((field) => field.replaceAll('~', '~0').replaceAll('.', '~1')).join('.');
}

/** The inverse of `viewKey`. */
export function viewPath(key: string): string[] {
  return key === '' ? [] : key.split('.').map((field) => field.replaceAll('~1', '.').replaceAll('~0', '~'));
}

/** Root and fields of a name or a chain of members; undefined for anything computed. */
export function pathOf(node: Expression): { root: string; path: string[] } | undefined {
  if (node.kind === 'name') return { root: node.name, path: [] };
  if (node.kind !== 'member') return undefined;
  const of = pathOf(node.of);
  return of && { root: of.root, path: [...of.path, node.key] };
}

function knownWhen(node: Expression, holds: boolean): Known {
  if (node.kind === 'has') {
    const path = pathOf(node.of);
    if (!path) return nothingKnown;
    const fields = [path.root, ...path.path];
    if (!holds) return { present: new Set(), absent: new Set([viewKey(fields)]) };
    return { present: new Set(fields.map((_, index) => viewKey(fields.slice(0, index + 1)))), absent: new Set() };
  }
  if (node.kind === 'not') return knownWhen(node.of, !holds);
  if (node.kind !== 'and' && node.kind !== 'or') return nothingKnown;
  const left = knownWhen(node.left, holds);
  const right = knownWhen(node.right, holds);
  // `a && b` is true where both are; `a || b` is false where both are.
  if ((node.kind === 'and') === holds) return bothKnown(left, right);
  return { present: left.present.intersection(right.present), absent: left.absent.intersection(right.absent) };
}

function collect(node: Expression, known: Known, loops: Set<string>, reads: Read[], inHas = false): void {
  const path = pathOf(node);
  if (path) {
    if (loops.has(path.root)) return;
    reads.push({ ...path, known, inHas, start: node.start, end: node.end });
    return;
  }
  switch (node.kind) {
    case 'has':
      collect(node.of, known, loops, reads, true);
      return;
    case 'and':
    case 'or':
      collect(node.left, known, loops, reads);
      collect(node.right, bothKnown(known, knownWhen(node.left, node.kind === 'and')), loops, reads);
      return;
    case 'if':
      collect(node.condition, known, loops, reads);
      collect(node.whenTrue, bothKnown(known, knownWhen(node.condition, true)), loops, reads);
      collect(node.whenFalse, bothKnown(known, knownWhen(node.condition, false)), loops, reads);
      return;
    case 'macro':
      collect(node.of, known, loops, reads);
      collect(node.body, known, new Set(loops).add(node.variable), reads);
      return;
    default:
      for (const child of childrenOf(node)) collect(child, known, loops, reads, inHas && node.kind === 'member');
  }
}
