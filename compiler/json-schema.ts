/** JSON Schemas of the document language's types, for validating values. For asking a model see strict-schema.ts. */
import type { Graph } from './graph.ts';
import type { Field, Json, Rules, Type } from './types.ts';

export type NamedTypes = Graph['types'];
export type JsonSchema = { [keyword: string]: Json };

/** The type a name stands for, through any number of names. Undefined for an unknown name or a circle of names. */
export function resolveType(type: Type, types: NamedTypes): Exclude<Type, { kind: 'named' }> | undefined {
  const seen = new Set<string>();
  let current: Type | undefined = type;
  while (current?.kind === 'named') {
    const name: string = current.name;
    if (seen.has(name)) return undefined;
    seen.add(name);
    current = types.find((candidate) => candidate.name === name)?.type;
  }
  return current;
}

/** The type in the author's words: `list of text`, `Receipt`, `one of travel, meals`. */
export function typeInWords(type: Type): string {
  switch (type.kind) {
    case 'list':
    case 'map':
      return `${type.kind} of ${typeInWords(type.of)}`;
    case 'one of':
      return `one of ${type.values.join(', ')}`;
    case 'named':
      return type.name;
    case 'union':
      return type.of.map(typeInWords).join(' or ');
    case 'record':
      return `a record of ${type.fields.map((field) => field.name).join(', ') || 'no fields'}`;
    default:
      return type.kind;
  }
}

/** Each rule in the author's words: `at least 0`, ``matches `^a` ``. */
export function rulesInWords(rules: Rules): string[] {
  const words: string[] = [];
  if (rules.atLeast !== undefined) words.push(`at least ${rules.atLeast}`);
  if (rules.atMost !== undefined) words.push(`at most ${rules.atMost}`);
  if (rules.moreThan !== undefined) words.push(`more than ${rules.moreThan}`);
  if (rules.lessThan !== undefined) words.push(`less than ${rules.lessThan}`);
  if (rules.lengthAtLeast !== undefined) words.push(`length at least ${rules.lengthAtLeast}`);
  if (rules.lengthAtMost !== undefined) words.push(`length at most ${rules.lengthAtMost}`);
  if (rules.matches !== undefined) words.push(`matches \`${rules.matches}\``);
  return words;
}

export interface SchemaOptions {
  /**
   * `required` (the default): of a complete value, where code has filled them. `left out`: of a value before that; a
   * computed field is then not allowed.
   */
  computed?: 'required' | 'left out';
  /** `written`: fields have their defaults, and with one are not required. Unsaid, of values where they are filled. */
  defaults?: 'written';
}

/**
 * JSON Schema (2020-12) of values whose defaults are filled. `pattern` holds RE2 syntax: give the validator an RE2 engine.
 * A `time` is a moment (RFC 3339 date-time), a `url` a URI with a scheme.
 */
export function jsonSchemaOf(type: Type, types: NamedTypes, options: SchemaOptions = {}): JsonSchema {
  const names = definitionNames(types);
  const used = new Set<string>();
  const schemaOf = (of: Type): JsonSchema => {
    switch (of.kind) {
      case 'list':
        return { type: 'array', items: schemaOf(of.of) };
      case 'map':
        return { type: 'object', additionalProperties: schemaOf(of.of) };
      case 'one of':
        return { type: 'string', enum: of.values };
      case 'named':
        used.add(of.name);
        return { $ref: `#/$defs/${definitionName(names, of.name)}` };
      case 'union':
        return { anyOf: of.of.map(schemaOf) };
      case 'record':
        return recordSchema(of.fields);
      default:
        return simpleSchemas[of.kind]();
    }
  };
  const written = options.defaults === 'written';
  const recordSchema = (fields: Field[]): JsonSchema => {
    const present = options.computed === 'left out' ? fields.filter((field) => field.computed === undefined) : fields;
    return {
      type: 'object',
      properties: Object.fromEntries(
        present.map((field) => [
          field.name,
          {
            ...schemaOf(field.type),
            ...ruleKeywords(field, types),
            ...(written && defaultOf(field)),
            ...meaningOf(field),
          },
        ]),
      ),
      required: present
        .filter((field) => field.optional === undefined && !(written && field.default !== undefined))
        .map((field) => field.name),
      additionalProperties: false,
    };
  };
  const root = schemaOf(type);
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    ...root,
    ...definitions(types, names, used, schemaOf),
  };
}

/** Schemas of the simple types. */
export const simpleSchemas = {
  text: () => ({ type: 'string' }),
  number: () => ({ type: 'number' }),
  integer: () => ({ type: 'integer' }),
  'yes/no': () => ({ type: 'boolean' }),
  date: () => ({ type: 'string', format: 'date' }),
  time: () => ({ type: 'string', format: 'date-time' }),
  url: () => ({ type: 'string', format: 'uri' }),
  anything: () => ({}),
} satisfies Record<string, () => JsonSchema>;

/** Keywords of JSON Schema speak each of one kind of value, so a length gives the keyword of every kind it may meet. */
export function ruleKeywords(field: Field, types: NamedTypes): JsonSchema {
  const rules = field.rules ?? {};
  const schema: JsonSchema = {};
  if (rules.atLeast !== undefined) schema['minimum'] = rules.atLeast;
  if (rules.atMost !== undefined) schema['maximum'] = rules.atMost;
  if (rules.moreThan !== undefined) schema['exclusiveMinimum'] = rules.moreThan;
  if (rules.lessThan !== undefined) schema['exclusiveMaximum'] = rules.lessThan;
  const kind = resolveType(field.type, types)?.kind;
  for (const noun of lengthNouns(kind)) {
    if (rules.lengthAtLeast !== undefined) schema[`min${noun}`] = rules.lengthAtLeast;
    if (rules.lengthAtMost !== undefined) schema[`max${noun}`] = rules.lengthAtMost;
  }
  if (rules.matches !== undefined) schema['pattern'] = rules.matches;
  return schema;
}

function lengthNouns(kind: Type['kind'] | undefined): string[] {
  if (kind === 'list') return ['Items'];
  if (kind === 'map') return ['Properties'];
  if (kind === 'union' || kind === 'anything') return ['Length', 'Items', 'Properties'];
  return ['Length'];
}

function defaultOf(field: Field): JsonSchema {
  return field.default === undefined ? {} : { default: field.default };
}

function meaningOf(field: Field): JsonSchema {
  return field.meaning ? { description: field.meaning } : {};
}

/** Strict mode is picky about the names of definitions, and authors write type names in any language. */
export function definitionNames(types: NamedTypes): Map<string, string> {
  const names = new Map<string, string>();
  const taken = new Set<string>();
  for (const { name } of types) {
    const plain = name.normalize('NFD').replace(/[^A-Za-z0-9_-]+/g, '') || 'Type';
    let unique = plain;
    for (let n = 2; taken.has(unique); n++) unique = `${plain}_${n}`;
    taken.add(unique);
    names.set(name, unique);
  }
  return names;
}

export function definitionName(names: Map<string, string>, name: string): string {
  const found = names.get(name);
  if (found === undefined) throw new Error(`The graph has no type ${name}: it is not valid`);
  return found;
}

/** `$defs` of the names used, and of the names those use, in the order of the graph. */
export function definitions(
  types: NamedTypes,
  names: Map<string, string>,
  used: Set<string>,
  schemaOf: (type: Type) => JsonSchema,
): JsonSchema {
  const made = new Map<string, JsonSchema>();
  for (;;) {
    const next = types.find(({ name }) => used.has(name) && !made.has(name));
    if (!next) break;
    made.set(next.name, schemaOf(next.type));
  }
  if (made.size === 0) return {};
  const inOrder = types.filter(({ name }) => made.has(name));
  return {
    $defs: Object.fromEntries(inOrder.map(({ name }) => [definitionName(names, name), made.get(name) as JsonSchema])),
  };
}
