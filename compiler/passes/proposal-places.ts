/** The places of a proposal that steps write: its sections, and the fields of its state from the top down. */
import { resolveType } from '../expressions/check.ts';
import type { Span } from '../source-text.ts';
import { foldName } from '../source-text.ts';
import type { Type } from '../types.ts';
import type { ProposalDraft } from './draft.ts';

type NamedTypes = ReadonlyMap<string, Type>;

export interface Place {
  type: Type;
  /** Of a section: as the proposal writes it, and where. */
  name?: string;
  span?: Span;
  /** By code, so that nobody writes it. */
  computed?: true;
}

export function sectionOf(name: string, { sectionsByName }: ProposalDraft): Place | undefined {
  const section = sectionsByName.get(foldName(name));
  if (!section) return undefined;
  const { field, nameSpan } = section;
  return {
    type: field.type,
    name: field.name,
    span: nameSpan,
    ...(field.computed !== undefined && { computed: true }),
  };
}

/** `unknown` is the first name of the path that the type before it does not have. */
export type StatePlace = Place | { unknown: string; of: Type; candidates: string[] };

export function stateOf(path: readonly string[], state: Type, types: NamedTypes): StatePlace {
  let place: Place = { type: state };
  for (const name of path) {
    const next = fieldOf(place.type, name, types);
    if (!next) return { unknown: name, of: place.type, candidates: fieldNames(place.type, types) };
    place = { ...next, ...((place.computed || next.computed) && { computed: true }) };
  }
  return place;
}

function fieldOf(type: Type, name: string, types: NamedTypes): Place | undefined {
  const resolved = resolveType(type, types);
  switch (resolved.kind) {
    case 'anything':
      return { type: resolved };
    case 'map':
      return { type: resolved.of };
    case 'record': {
      const field = resolved.fields.find((one) => one.name === name);
      return field && { type: field.type, ...(field.computed !== undefined && { computed: true as const }) };
    }
    case 'union': {
      const found = resolved.of.flatMap((one) => fieldOf(one, name, types) ?? []);
      const [first, second] = found;
      return second ? { type: { kind: 'union', of: found.map((one) => one.type) } } : first;
    }
    default:
      return undefined;
  }
}

function fieldNames(type: Type, types: NamedTypes): string[] {
  const resolved = resolveType(type, types);
  if (resolved.kind === 'union') return resolved.of.flatMap((one) => fieldNames(one, types));
  return resolved.kind === 'record' ? resolved.fields.map((field) => field.name) : [];
}
