/**
 * Which values can carry words of somebody's own choosing, and where inputs are marked as written by people who are not
 * trusted. One definition, for the compiler's check of what flows into writes and for how models are shown values.
 */
import type { NamedTypes } from './json-schema.ts';
import { resolveType } from './json-schema.ts';
import type { Field, Type } from './types.ts';

/** Whether values of the type can hold free text. Numbers, dates, times, yes/no and one of a list can not instruct a model. */
export function hasFreeText(type: Type, types: NamedTypes, seen: ReadonlySet<Type> = new Set()): boolean {
  const resolved = resolveType(type, types);
  if (!resolved) return true;
  if (seen.has(resolved)) return false;
  const inner = new Set(seen).add(resolved);
  switch (resolved.kind) {
    case 'text':
    case 'url':
    case 'anything':
    case 'map':
      return true;
    case 'list':
      return hasFreeText(resolved.of, types, inner);
    case 'union':
      return resolved.of.some((one) => hasFreeText(one, types, inner));
    case 'record':
      return resolved.fields.some((field) => hasFreeText(field.type, types, inner));
    default:
      return false;
  }
}

/** Whether a field on the path, or one below its end, is marked untrusted. */
export function untrustedAt(fields: readonly Field[], path: readonly string[], types: NamedTypes): boolean {
  const [key, ...rest] = path;
  const chosen = key === undefined ? fields : fields.filter(({ name }) => name === key);
  return chosen.some((field) => field.untrusted !== undefined || holdsUntrusted(field.type, rest, types, new Set()));
}

function holdsUntrusted(type: Type, path: readonly string[], types: NamedTypes, seen: ReadonlySet<Type>): boolean {
  const resolved = resolveType(type, types);
  if (!resolved || seen.has(resolved)) return false;
  const inner = new Set(seen).add(resolved);
  switch (resolved.kind) {
    case 'record': {
      const [key, ...rest] = path;
      const chosen = key === undefined ? resolved.fields : resolved.fields.filter(({ name }) => name === key);
      return chosen.some((field) => field.untrusted !== undefined || holdsUntrusted(field.type, rest, types, inner));
    }
    case 'list':
    case 'map':
      return holdsUntrusted(resolved.of, path.slice(resolved.kind === 'map' ? 1 : 0), types, inner);
    case 'union':
      return resolved.of.some((one) => holdsUntrusted(one, path, types, inner));
    default:
      return false;
  }
}
