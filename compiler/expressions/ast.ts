/**
 * Expressions as a small closed union. The grammar is CEL's (its parser does the reading); the semantics are ours: one
 * number type, values that are plain JSON, and only the functions of `functions.ts`.
 */
import type { Json } from '../types.ts';

interface At {
  /** Offsets into the source, in UTF-16 units. */
  start: number;
  end: number;
}

export const comparisons = ['<', '<=', '>', '>='] as const;
export const arithmetic = ['+', '-', '*', '/', '%'] as const;
export type BinaryOperator = '==' | '!=' | 'in' | (typeof comparisons)[number] | (typeof arithmetic)[number];

export const macros = ['all', 'exists', 'exists_one', 'filter', 'map'] as const;
export type MacroName = (typeof macros)[number];

export type Expression =
  | (At & { kind: 'literal'; value: Json })
  | (At & { kind: 'name'; name: string })
  | (At & { kind: 'member'; of: Expression; key: string })
  | (At & { kind: 'index'; of: Expression; index: Expression })
  | (At & { kind: 'not' | 'negate'; of: Expression })
  | (At & { kind: 'and' | 'or'; left: Expression; right: Expression })
  | (At & { kind: 'binary'; operator: BinaryOperator; left: Expression; right: Expression })
  | (At & { kind: 'if'; condition: Expression; whenTrue: Expression; whenFalse: Expression })
  | (At & { kind: 'list'; items: Expression[] })
  | (At & { kind: 'record'; entries: { key: string; value: Expression }[] })
  | (At & { kind: 'has'; of: Expression })
  /** Methods are calls too: `text.contains("x")` has `text` as its first argument. */
  | (At & { kind: 'call'; function: string; arguments: Expression[] })
  | (At & { kind: 'macro'; macro: MacroName; of: Expression; variable: string; body: Expression });

export function childrenOf(node: Expression): Expression[] {
  switch (node.kind) {
    case 'literal':
    case 'name':
      return [];
    case 'member':
    case 'not':
    case 'negate':
    case 'has':
      return [node.of];
    case 'index':
      return [node.of, node.index];
    case 'and':
    case 'or':
    case 'binary':
      return [node.left, node.right];
    case 'if':
      return [node.condition, node.whenTrue, node.whenFalse];
    case 'list':
      return node.items;
    case 'record':
      return node.entries.map((entry) => entry.value);
    case 'call':
      return node.arguments;
    case 'macro':
      return [node.of, node.body];
  }
}
