/** What is wrong with a value, told in the words of the document language and without a part of the value. */
import type { ErrorObject } from 'ajv/dist/2020.js';
import type { JsonSchema } from './json-schema.ts';
import type { Json } from './types.ts';

/** One thing wrong with a value. Holds no part of the value but names and lengths of its parts. */
export interface Violation {
  /** As in `lines[2].price`; empty for the whole value. */
  path: string;
  /** `Unexpected text, expected number`. */
  message: string;
}

export function isRecord(value: Json): value is { [key: string]: Json } {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

/** The path of a field within a record at `path`. */
export function joined(path: string, key: string): string {
  return path === '' ? key : `${path}.${key}`;
}

/**
 * Ajv's errors (all, with `verbose`) as violations of the value they are about. Where no alternative of a union fits,
 * the union says so alone, not each alternative again.
 */
export function violationsOf(errors: ErrorObject[], value: Json): Violation[] {
  const unions = errors.filter((error) => error.keyword === 'anyOf');
  const told = errors.filter(
    (error) => !unions.some((union) => union !== error && isWithin(error.instancePath, union.instancePath)),
  );
  const violations = told.map((error) => violationOf(error, value));
  return violations.filter(
    (one, index) => violations.findIndex(({ path, message }) => path === one.path && message === one.message) === index,
  );
}

function isWithin(path: string, outer: string): boolean {
  return path === outer || path.startsWith(`${outer}/`);
}

function violationOf(error: ErrorObject, value: Json): Violation {
  const path = pathText(error.instancePath, value);
  const found = inWords(error.data as Json);
  const expected = (words: string, at = path, unexpected = found): Violation => ({
    path: at,
    message: `Unexpected ${unexpected}, expected ${words}`,
  });
  const params = error.params as Record<string, Json>;
  const parent = (error.parentSchema ?? {}) as JsonSchema;
  switch (error.keyword) {
    case 'required': {
      const name = String(params['missingProperty']);
      return expected(schemaInWords(propertySchema(parent, name)), joined(path, name), 'missing value');
    }
    case 'additionalProperties': {
      const fields = Object.keys((parent['properties'] ?? {}) as JsonSchema);
      const words = fields.length > 0 ? `only the fields ${fields.join(', ')}` : 'no fields';
      return expected(words, joined(path, String(params['additionalProperty'])), 'field');
    }
    case 'minimum':
      return expected(`at least ${params['limit']}`);
    case 'maximum':
      return expected(`at most ${params['limit']}`);
    case 'exclusiveMinimum':
      return expected(`more than ${params['limit']}`);
    case 'exclusiveMaximum':
      return expected(`less than ${params['limit']}`);
    case 'minLength':
    case 'minItems':
    case 'minProperties':
      return expected(`length at least ${params['limit']}`, path, `${found} of length ${lengthOf(error.data as Json)}`);
    case 'maxLength':
    case 'maxItems':
    case 'maxProperties':
      return expected(`length at most ${params['limit']}`, path, `${found} of length ${lengthOf(error.data as Json)}`);
    case 'pattern':
      return expected(`text that matches \`${params['pattern']}\``);
    default:
      return expected(schemaInWords(parent));
  }
}

function propertySchema(schema: JsonSchema, name: string): JsonSchema {
  const properties = (schema['properties'] ?? {}) as { [name: string]: JsonSchema };
  return Object.hasOwn(properties, name) ? (properties[name] as JsonSchema) : {};
}

const typeWords: Record<string, string> = {
  string: 'text',
  number: 'number',
  integer: 'integer',
  boolean: 'yes/no (true or false)',
  array: 'a list',
  object: 'a record',
};

const formatWords: Record<string, string> = {
  date: 'date, as in 2026-11-21',
  'date-time': 'time, as in 2026-11-21T09:30:00Z',
  uri: 'url, as in https://example.org/',
};

function schemaInWords(schema: JsonSchema): string {
  if (Array.isArray(schema['enum'])) return `one of ${schema['enum'].join(', ')}`;
  if (typeof schema['format'] === 'string') return formatWords[schema['format']] ?? 'text';
  if (Array.isArray(schema['anyOf'])) return (schema['anyOf'] as JsonSchema[]).map(schemaInWords).join(' or ');
  if (typeof schema['$ref'] === 'string') return schema['$ref'].replace('#/$defs/', '');
  if (schema['type'] === 'object' && schema['properties'] === undefined) return 'a map with text keys';
  return (typeof schema['type'] === 'string' ? typeWords[schema['type']] : undefined) ?? 'a value';
}

function inWords(value: Json): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'list';
  const words = { string: 'text', number: 'number', boolean: 'yes/no', object: 'record' } as const;
  return words[typeof value as keyof typeof words];
}

function lengthOf(value: Json): number {
  if (typeof value === 'string') return [...value].length;
  if (Array.isArray(value)) return value.length;
  return value !== null && typeof value === 'object' ? Object.keys(value).length : 0;
}

/** A JSON pointer in the words of expressions: `/lines/2/price` of a list is `lines[2].price`. */
function pathText(pointer: string, value: Json): string {
  let path = '';
  let at: Json | undefined = value;
  for (const part of pointer.split('/').slice(1)) {
    const key = part.replaceAll('~1', '/').replaceAll('~0', '~');
    if (Array.isArray(at)) {
      path += `[${key}]`;
      at = at[Number(key)];
    } else {
      path = joined(path, key);
      at = at !== undefined && isRecord(at) ? at[key] : undefined;
    }
  }
  return path;
}
