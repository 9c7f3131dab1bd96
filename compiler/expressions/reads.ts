/** What an expression reads: the paths from its free names, and which of them a `has()` guards. */
import type { Expression } from './ast.ts';
import { childrenOf } from './ast.ts';

export interface Read {
  /** A step's id, or `input`, `output`, `this`. */
  root: string;
  /** Fields from the root, as far as they are written out; an index or a loop ends it. */
  path: string[];
  /** A `has()` on the same root must hold where this is read, or this read is the `has()` itself. */
  guarded: boolean;
  start: number;
  end: number;
}

/** In source order. A loop's own name is no read; what the loop runs over is. */
export function readsOf(expression: Expression): Read[] {
  const reads: Read[] = [];
  collect(expression, new Set(), new Set(), reads);
  return reads;
}

/** Roots that are certainly present where the expression is true: `has(a.b) && ...` gives `a`. */
export function rootsPresentWhenTrue(expression: Expression): Set<string> {
  return rootsPresent(expression, true);
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

function rootsPresent(node: Expression, when: boolean): Set<string> {
  if (node.kind === 'has') {
    const path = pathOf(node.of);
    return when && path ? new Set([path.root]) : new Set();
  }
  if (node.kind === 'not') return rootsPresent(node.of, !when);
  if (node.kind === 'and' || node.kind === 'or') {
    const left = rootsPresent(node.left, when);
    const right = rootsPresent(node.right, when);
    // `a && b` is true where both are; `a || b` is false where both are.
    return (node.kind === 'and') === when ? left.union(right) : left.intersection(right);
  }
  return new Set();
}

function collect(node: Expression, guards: Set<string>, loops: Set<string>, reads: Read[], inHas = false): void {
  const path = pathOf(node);
  if (path) {
    if (loops.has(path.root)) return;
    reads.push({ ...path, guarded: inHas || guards.has(path.root), start: node.start, end: node.end });
    return;
  }
  switch (node.kind) {
    case 'has':
      collect(node.of, guards, loops, reads, true);
      return;
    case 'and':
    case 'or':
      collect(node.left, guards, loops, reads);
      collect(node.right, guards.union(rootsPresent(node.left, node.kind === 'and')), loops, reads);
      return;
    case 'if':
      collect(node.condition, guards, loops, reads);
      collect(node.whenTrue, guards.union(rootsPresent(node.condition, true)), loops, reads);
      collect(node.whenFalse, guards.union(rootsPresent(node.condition, false)), loops, reads);
      return;
    case 'macro':
      collect(node.of, guards, loops, reads);
      collect(node.body, guards, new Set(loops).add(node.variable), reads);
      return;
    default:
      for (const child of childrenOf(node)) collect(child, guards, loops, reads, inHas && node.kind === 'member');
  }
}
