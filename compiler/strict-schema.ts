/**
 * Types as strict structured outputs of the OpenAI API can express them, and the way back.
 *
 * Strict mode knows no optional fields, maps, defaults or open values, so a model is asked for an equivalent, and code
 * turns its answer into a value of the type.
 */
import type { JsonSchema, NamedTypes } from './json-schema.ts';
import {
  definitionName,
  definitionNames,
  definitions,
  resolveType,
  ruleKeywords,
  rulesInWords,
  simpleSchemas,
  typeInWords,
} from './json-schema.ts';
import type { Field, Json, Type } from './types.ts';

/**
 * The schema to ask a model with: every field required and nothing besides, the root a record (other types are wrapped
 * as `{value}`), optional and defaulted fields nullable, maps as lists of `{key, value}`, `anything` as JSON text,
 * computed fields left out, and alternatives that JSON could not tell apart as `{type, value}`. Rules that strict mode
 * has no keyword for are told in words.
 */
export function strictSchemaOf(type: Type, types: NamedTypes): JsonSchema {
  const names = definitionNames(types);
  const used = new Set<string>();
  const schemaOf = (of: Type): JsonSchema => {
    switch (of.kind) {
      case 'list':
        return { type: 'array', items: schemaOf(of.of) };
      case 'map':
        return { type: 'array', items: closed({ key: { type: 'string' }, value: schemaOf(of.of) }) };
      case 'one of':
        return { type: 'string', enum: of.values };
      case 'named':
        used.add(of.name);
        return { $ref: `#/$defs/${definitionName(names, of.name)}` };
      case 'union':
        return unionSchema(of.of);
      case 'record':
        return recordSchema(of.fields);
      case 'anything':
        return { type: 'string', description: 'Any value, written as JSON text' };
      case 'url':
        return { type: 'string', description: 'A URL with its scheme, as in https://example.org/' };
      default:
        return simpleSchemas[of.kind]();
    }
  };
  const unionSchema = (alternatives: Type[]): JsonSchema => {
    if (!isTagged(alternatives, types)) return { anyOf: alternatives.map(schemaOf) };
    const tags = tagsOf(alternatives);
    return {
      anyOf: alternatives.map((alternative, index) =>
        closed({ type: { type: 'string', enum: [tags[index] as string] }, value: schemaOf(alternative) }),
      ),
    };
  };
  const recordSchema = (fields: Field[]): JsonSchema => {
    const asked = fields.filter((field) => field.computed === undefined);
    return closed(Object.fromEntries(asked.map((field) => [field.name, fieldSchema(field)])));
  };
  const fieldSchema = (field: Field): JsonSchema => {
    const bare = { ...schemaOf(field.type), ...strictKeywords(field, types) };
    const { description: own, ...schema } = bare as JsonSchema;
    const description = [field.meaning, typeof own === 'string' ? own : undefined, rulesText(field)]
      .filter((part) => part)
      .join('. ');
    if (mayBeMissing(field)) return { ...nullable(schema), ...(description ? { description } : {}) };
    if (!description) return schema;
    // Strict mode refuses any keyword beside $ref.
    return { ...('$ref' in schema ? { anyOf: [schema] } : schema), description };
  };
  const resolved = resolveType(type, types);
  const root = resolved?.kind === 'record' ? recordSchema(resolved.fields) : closed({ value: schemaOf(type) });
  return { ...root, ...definitions(types, names, used, schemaOf) };
}

/** Absent from a complete answer by leave of the type: null in strict form. */
function mayBeMissing(field: Field): boolean {
  return field.optional !== undefined || field.default !== undefined;
}

/** Whether the root of the strict form is `{value}` around it. */
function isWrapped(type: Type, types: NamedTypes): boolean {
  return resolveType(type, types)?.kind !== 'record';
}

/** Names of a union's alternatives in strict form, where they need telling apart. */
function tagsOf(alternatives: Type[]): string[] {
  const words = alternatives.map(typeInWords);
  return words.map((word, index) => {
    const before = words.slice(0, index).filter((other) => other === word).length;
    return before === 0 ? word : `${word} (${before + 1})`;
  });
}

/** Whether a union's alternatives must be tagged: two of them could be the same kind of JSON value in strict form. */
function isTagged(alternatives: Type[], types: NamedTypes, within: ReadonlySet<Type> = new Set()): boolean {
  const seen = new Set<string>();
  for (const alternative of alternatives) {
    const kinds = strictKinds(alternative, types, within);
    if (kinds.some((kind) => seen.has(kind))) return true;
    for (const kind of kinds) seen.add(kind);
  }
  return false;
}

/** Kinds of JSON value a type has in strict form. `within` holds the unions being looked into: one in itself adds none. */
function strictKinds(type: Type, types: NamedTypes, within: ReadonlySet<Type>): string[] {
  const resolved = resolveType(type, types);
  switch (resolved?.kind) {
    case undefined:
      return [];
    case 'number':
    case 'integer':
      return ['number'];
    case 'yes/no':
      return ['boolean'];
    case 'list':
    case 'map':
      return ['array'];
    case 'record':
      return ['object'];
    case 'union': {
      if (within.has(resolved)) return [];
      const inner = new Set(within).add(resolved);
      if (isTagged(resolved.of, types, inner)) return ['object'];
      return resolved.of.flatMap((alternative) => strictKinds(alternative, types, inner));
    }
    default:
      return ['string'];
  }
}

function closed(properties: JsonSchema): JsonSchema {
  return { type: 'object', properties, required: Object.keys(properties), additionalProperties: false };
}

function nullable(schema: JsonSchema): JsonSchema {
  if (typeof schema['type'] === 'string' && schema['enum'] === undefined)
    return { ...schema, type: [schema['type'], 'null'] };
  return { anyOf: [schema, { type: 'null' }] };
}

/** The rule keywords that strict mode takes. Patterns are not among them here: ours are RE2's, its are ECMAScript's. */
function strictKeywords(field: Field, types: NamedTypes): JsonSchema {
  const kind = resolveType(field.type, types)?.kind;
  const {
    pattern: _pattern,
    minLength: _min,
    maxLength: _max,
    minProperties,
    maxProperties,
    ...taken
  } = ruleKeywords(field, types);
  if (kind === 'number' || kind === 'integer' || kind === 'list') return field.type.kind === 'named' ? {} : taken;
  if (kind !== 'map' || field.type.kind === 'named') return {};
  return {
    ...(minProperties === undefined ? {} : { minItems: minProperties }),
    ...(maxProperties === undefined ? {} : { maxItems: maxProperties }),
  };
}

function rulesText(field: Field): string {
  const words = field.rules ? rulesInWords(field.rules) : [];
  if (field.default !== undefined) words.push(`null for the default ${JSON.stringify(field.default)}`);
  else if (field.optional) words.push('null when there is none');
  return words.join(', ');
}

/**
 * Turns an answer in strict form into a value of the type: nulls of optional fields are dropped, defaults filled,
 * computed fields dropped. Total and lenient: a part that is not in strict form is left as it is, so that validation
 * names it, and an answer already in the type's own form comes through.
 */
export function fromStrict(answer: Json, type: Type, types: NamedTypes): Json {
  const root =
    isWrapped(type, types) && isRecord(answer) && hasExactly(answer, ['value']) ? (answer['value'] as Json) : answer;
  return valueFrom(root, type, types);
}

function valueFrom(answer: Json, type: Type, types: NamedTypes): Json {
  const resolved = resolveType(type, types);
  switch (resolved?.kind) {
    case 'list':
      return Array.isArray(answer) ? answer.map((item) => valueFrom(item, resolved.of, types)) : answer;
    case 'map':
      return mapFrom(answer, resolved.of, types);
    case 'record':
      return isRecord(answer) ? recordFrom(answer, resolved.fields, types) : answer;
    case 'union':
      return unionFrom(answer, resolved.of, types);
    case 'anything':
      return typeof answer === 'string' ? parsedOr(answer) : answer;
    default:
      return answer;
  }
}

function mapFrom(answer: Json, of: Type, types: NamedTypes): Json {
  if (isRecord(answer)) {
    return Object.fromEntries(Object.entries(answer).map(([key, value]) => [key, valueFrom(value, of, types)]));
  }
  if (!Array.isArray(answer)) return answer;
  const entries = new Map<string, Json>();
  for (const entry of answer) {
    // A key given twice has no one value: left as it is, validation says so.
    if (
      !isRecord(entry) ||
      typeof entry['key'] !== 'string' ||
      !Object.hasOwn(entry, 'value') ||
      entries.has(entry['key'])
    )
      return answer;
    entries.set(entry['key'], valueFrom(entry['value'] as Json, of, types));
  }
  return Object.fromEntries(entries);
}

function recordFrom(answer: { [key: string]: Json }, fields: Field[], types: NamedTypes): Json {
  const declared = new Map(fields.map((field) => [field.name, field]));
  const entries: [string, Json][] = [];
  for (const field of fields) {
    if (field.computed !== undefined) continue;
    const given = Object.hasOwn(answer, field.name) ? answer[field.name] : undefined;
    const missing = given === undefined || (given === null && mayBeMissing(field));
    if (!missing) entries.push([field.name, valueFrom(given as Json, field.type, types)]);
    else if (field.default !== undefined) entries.push([field.name, field.default]);
  }
  for (const [key, value] of Object.entries(answer)) {
    if (!declared.has(key)) entries.push([key, value]);
  }
  return Object.fromEntries(entries);
}

function unionFrom(answer: Json, alternatives: Type[], types: NamedTypes): Json {
  if (isTagged(alternatives, types)) {
    if (!isRecord(answer) || !hasExactly(answer, ['type', 'value'])) return answer;
    const chosen = alternatives[tagsOf(alternatives).indexOf(String(answer['type']))];
    return chosen ? valueFrom(answer['value'] as Json, chosen, types) : answer;
  }
  const kind = Array.isArray(answer) ? 'array' : answer === null ? 'null' : typeof answer;
  const chosen = alternatives.find((alternative) => strictKinds(alternative, types, new Set()).includes(kind));
  return chosen ? valueFrom(answer, chosen, types) : answer;
}

function parsedOr(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return text;
  }
}

function isRecord(value: Json): value is { [key: string]: Json } {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

function hasExactly(value: { [key: string]: Json }, keys: string[]): boolean {
  return Object.keys(value).length === keys.length && keys.every((key) => Object.hasOwn(value, key));
}
