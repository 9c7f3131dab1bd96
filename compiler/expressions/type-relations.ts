/** How types relate to each other in expressions: what resolves to what, what can be compared, what is where it is not known. */
import type { Type } from '../types.ts';
import { familyOf } from '../types.ts';
import type { Shape } from './functions.ts';

type NamedTypes = ReadonlyMap<string, Type>;

export const anything: Type = { kind: 'anything' };

/** A named type's own shape; cycles and unknown names give `anything`. */
export function resolveType(type: Type, types: NamedTypes): Type {
  const seen = new Set<string>();
  let resolved = type;
  while (resolved.kind === 'named') {
    const next = types.get(resolved.name);
    if (!next || seen.has(resolved.name)) return anything;
    seen.add(resolved.name);
    resolved = next;
  }
  return resolved;
}

/** How a type is written, for messages. */
export function typeText(type: Type): string {
  switch (type.kind) {
    case 'list':
      return `list of ${typeText(type.of)}`;
    case 'map':
      return `map of ${typeText(type.of)}`;
    case 'one of':
      return `one of ${type.values.join(', ')}`;
    case 'named':
      return type.name;
    case 'union':
      return type.of.map(typeText).join(' or ');
    case 'record':
      return 'a record';
    default:
      return type.kind;
  }
}

/** Can a value of the type be one of the shape? */
export function isA(type: Type, shape: Shape, types: NamedTypes): boolean {
  const resolved = resolveType(type, types);
  if (shape === 'any' || resolved.kind === 'anything') return true;
  if (resolved.kind === 'union') return resolved.of.some((one) => isA(one, shape, types));
  const kind = kindOf(resolved);
  if (shape === 'numbers') return resolved.kind === 'list' && isA(resolved.of, 'number', types);
  if (shape === 'sized') return kind === 'text' || kind === 'list' || kind === 'map';
  if (shape === 'scalar') return kind === 'text' || kind === 'number' || kind === 'yes/no';
  return kind === shape;
}

/** Can a value of one type be equal to one of the other? */
export function mayBeEqual(left: Type, right: Type, types: NamedTypes): boolean {
  const a = resolveType(left, types);
  const b = resolveType(right, types);
  if (a.kind === 'anything' || b.kind === 'anything') return true;
  if (a.kind === 'union') return a.of.some((one) => mayBeEqual(one, b, types));
  if (b.kind === 'union') return b.of.some((one) => mayBeEqual(a, one, types));
  if (kindOf(a) !== kindOf(b)) return false;
  if (a.kind === 'one of' && b.kind === 'one of') return a.values.some((value) => b.values.includes(value));
  return true;
}

/** Is it not known which kind of value it is? */
export function isOpen(type: Type, types: NamedTypes): boolean {
  const { kind } = resolveType(type, types);
  return kind === 'anything' || kind === 'union';
}

export const shapeText: Record<Shape, string> = {
  any: 'a value',
  text: 'text',
  number: 'a number',
  'yes/no': 'yes/no',
  numbers: 'a list of numbers',
  sized: 'text, a list or a map',
  scalar: 'text, a number or yes/no',
};

function kindOf(type: Type): 'text' | 'number' | 'yes/no' | 'list' | 'map' | 'other' {
  if (type.kind === 'list') return 'list';
  if (type.kind === 'map' || type.kind === 'record') return 'map';
  return familyOf(type) ?? 'other';
}

/** Of a literal: text is the one text it says. */
export function literalType(value: unknown): Type {
  if (typeof value === 'string') return { kind: 'one of', values: [value] };
  if (typeof value === 'number') return { kind: 'number' };
  if (typeof value === 'boolean') return { kind: 'yes/no' };
  return anything;
}

export function sameType(a: Type, b: Type): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
