/**
 * The types of the document language, as data inside a graph.
 *
 * A type says what a value may be; a field adds what only a named place in a record can have (rules, default,
 * optional, computed). JSON Schema and validators are derived from these, never written beside them; what is
 * read from outside is held against `type-schemas.ts`.
 */
/** Any value that survives JSON. Values are always plain JSON: dates and times are ISO 8601 text. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** Bounds of one value. Lengths count code points for text, items for lists, keys for maps. */
export interface Rules {
  atLeast?: number | undefined;
  atMost?: number | undefined;
  moreThan?: number | undefined;
  lessThan?: number | undefined;
  lengthAtLeast?: number | undefined;
  lengthAtMost?: number | undefined;
  /** RE2 syntax, so matching is linear in the text. */
  matches?: string | undefined;
}

export const simpleKinds = ['text', 'number', 'integer', 'yes/no', 'date', 'time', 'url', 'anything'] as const;
export type SimpleKind = (typeof simpleKinds)[number];

export type Type =
  | { kind: SimpleKind }
  | { kind: 'list'; of: Type }
  | { kind: 'map'; of: Type }
  | { kind: 'one of'; values: string[] }
  | { kind: 'named'; name: string }
  | { kind: 'union'; of: Type[] }
  | { kind: 'record'; fields: Field[] };

export interface Field {
  name: string;
  type: Type;
  rules?: Rules | undefined;
  /** Absent means required. A field with a default or a computed value is never missing once filled. */
  optional?: true | undefined;
  default?: Json | undefined;
  /** An expression over `this`: code fills the field, no model can. */
  computed?: string | undefined;
  untrusted?: true | undefined;
  /** The author's words on what it means, given to the model. */
  meaning?: string | undefined;
}

/** The types that a type is made of, one level down. A named type is made of none: its name stands for it. */
export function innerTypes(type: Type): Type[] {
  switch (type.kind) {
    case 'list':
    case 'map':
      return [type.of];
    case 'union':
      return type.of;
    case 'record':
      return type.fields.map((field) => field.type);
    default:
      return [];
  }
}

/** What values of a scalar type are in JSON and to an expression; undefined for everything else. */
export function familyOf(type: Type): 'text' | 'number' | 'yes/no' | undefined {
  switch (type.kind) {
    case 'text':
    case 'date':
    case 'time':
    case 'url':
    case 'one of':
      return 'text';
    case 'number':
    case 'integer':
      return 'number';
    case 'yes/no':
      return 'yes/no';
    default:
      return undefined;
  }
}
