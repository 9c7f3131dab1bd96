/** Can a value of one type ever be a value of the other? Only what is certain not to fit is refused. */
import { resolveType } from '../expressions/check.ts';
import type { Type } from '../types.ts';
import { familyOf } from '../types.ts';

type NamedTypes = ReadonlyMap<string, Type>;

export function mayFit(from: Type, to: Type, types: NamedTypes): boolean {
  return fits(from, to, types, new Set());
}

function fits(from: Type, to: Type, types: NamedTypes, open: Set<string>): boolean {
  if (from.kind === 'named' && to.kind === 'named') {
    if (from.name === to.name) return true;
    const pair = JSON.stringify([from.name, to.name]);
    // Types that contain themselves: what is being compared is taken to fit.
    if (open.has(pair)) return true;
    open.add(pair);
  }
  const a = resolveType(from, types);
  const b = resolveType(to, types);
  if (a.kind === 'anything' || b.kind === 'anything') return true;
  if (a.kind === 'union') return a.of.some((one) => fits(one, b, types, open));
  if (b.kind === 'union') return b.of.some((one) => fits(a, one, types, open));
  if (a.kind === 'list') return b.kind === 'list' && fits(a.of, b.of, types, open);
  if (a.kind === 'map') return b.kind === 'record' || (b.kind === 'map' && fits(a.of, b.of, types, open));
  if (a.kind === 'record') return recordFits(a, b, types, open);
  if (a.kind === 'one of' && b.kind === 'one of') return a.values.some((value) => b.values.includes(value));
  return familyOf(a) !== undefined && familyOf(a) === familyOf(b);
}

function recordFits(from: Type & { kind: 'record' }, to: Type, types: NamedTypes, open: Set<string>): boolean {
  if (to.kind === 'map') return from.fields.every((field) => fits(field.type, to.of, types, open));
  if (to.kind !== 'record') return false;
  const given = new Map(from.fields.map((field) => [field.name, field.type]));
  const known = new Set(to.fields.map((field) => field.name));
  if (from.fields.some((field) => !known.has(field.name))) return false;
  return to.fields.every((field) => {
    const type = given.get(field.name);
    if (type) return fits(type, field.type, types, open);
    return field.optional === true || field.default !== undefined || field.computed !== undefined;
  });
}
