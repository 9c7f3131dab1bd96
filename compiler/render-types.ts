/**
 * Types and fields as a document writes them: in the words of a type where these can say it, fields as a table, else as
 * a list, else the whole type as a JSON Schema.
 */
import type { JsonSchema, NamedTypes } from './json-schema.ts';
import { jsonSchemaOf, resolveType } from './json-schema.ts';
import { nearlyStartsRule, startsRule } from './passes/read-rules.ts';
import { codeText, linkText, numberText, tableText, wordsText } from './render-text.ts';
import type { Field, Json, Rules, Type } from './types.ts';
import { innerTypes } from './types.ts';

export interface TypeWriting {
  /** Of the graph. */
  types: NamedTypes;
  /** Where the link to a type of another document leads, by its name in the graph. */
  linked: ReadonlyMap<string, string>;
}

/** The words of a type; undefined for one that words cannot say: a record, or alternatives within another type. */
export function typeText(type: Type, writing: TypeWriting): string | undefined {
  switch (type.kind) {
    case 'record':
      return undefined;
    case 'list':
    case 'map': {
      const of = type.of.kind === 'union' ? undefined : typeText(type.of, writing);
      return of && `${type.kind} of ${of}`;
    }
    case 'one of': {
      const values = type.values.map(valueText);
      return values.includes(undefined) ? undefined : `one of ${values.join(', ')}`;
    }
    case 'named': {
      const address = writing.linked.get(type.name);
      return address === undefined ? type.name : linkText(type.name, type.name, address);
    }
    case 'union': {
      const parts = type.of.map((one) => (one.kind === 'union' ? undefined : typeText(one, writing)));
      // The values of a `one of` go on to the end.
      const swallows = type.of.slice(0, -1).some(endsInValues);
      return parts.includes(undefined) || swallows ? undefined : parts.join(' or ');
    }
    default:
      return type.kind;
  }
}

function endsInValues(type: Type): boolean {
  return type.kind === 'one of' || ((type.kind === 'list' || type.kind === 'map') && endsInValues(type.of));
}

const bareWords = /^[\p{L}\p{N}_]+(?:[ -][\p{L}\p{N}_]+)*$/u;

function isBare(text: string): boolean {
  return bareWords.test(text) && text === text.normalize('NFC') && !/(^| )or( |$)/i.test(text);
}

function valueText(value: string): string | undefined {
  const entry = [{ kind: 'text' as const, text: value, span: { start: 0, end: 0 } }];
  return isBare(value) && !startsRule(entry) && !nearlyStartsRule(entry) ? value : codeText(value);
}

/** The fields of the inputs as a table or a list. */
export function inputsText(fields: readonly Field[], writing: TypeWriting): string | undefined {
  return fieldTable('Name', fields, writing) ?? fieldList(fields, writing, '');
}

/** What stands under the heading of a type. */
export function declarationText(name: string, type: Type, writing: TypeWriting): string | undefined {
  if (type.kind === 'record') {
    const fields = fieldTable('Field', type.fields, writing) ?? fieldList(type.fields, writing, '');
    if (fields !== undefined) return fields;
  }
  return schemaBlock(name, type);
}

function fieldTable(nameColumn: 'Name' | 'Field', fields: readonly Field[], writing: TypeWriting): string | undefined {
  const rows: string[][] = [];
  for (const field of fields) {
    const words = fieldWords(field, writing);
    if (!words || words.type === undefined) return undefined;
    rows.push([field.name, words.type, words.rules.join(', '), words.meaning]);
  }
  const used = [true, true, rows.some((row) => row[2] !== ''), rows.some((row) => row[3] !== '')];
  const shown = (row: readonly string[]): string[] => row.filter((_, index) => used[index]);
  return tableText(shown([nameColumn, 'Type', 'Rule', 'Meaning']), rows.map(shown));
}

const recordWords = { record: 'record', list: 'list of records', map: 'map of records' } as const;

function fieldList(fields: readonly Field[], writing: TypeWriting, indent: string): string | undefined {
  // A list without items is no list.
  if (fields.length === 0) return undefined;
  const lines: string[] = [];
  for (const field of fields) {
    const words = fieldWords(field, writing);
    if (!words) return undefined;
    const { type } = field;
    const inner = type.kind === 'record' ? type : type.kind === 'list' || type.kind === 'map' ? type.of : undefined;
    const under = inner?.kind === 'record' ? fieldList(inner.fields, writing, `${indent}  `) : undefined;
    const isRecord =
      inner?.kind === 'record' && (type.kind === 'record' || type.kind === 'list' || type.kind === 'map');
    const said = isRecord ? under && recordWords[type.kind] : words.type;
    if (said === undefined) return undefined;
    const dash = words.meaning === '' ? '' : ` — ${words.meaning}`;
    lines.push(`${indent}- ${field.name}: ${[said, ...words.rules].join(', ')}${dash}`);
    if (isRecord && under !== undefined) lines.push(under);
  }
  return lines.join('\n');
}

/** Undefined where some of it cannot be said; `type` where its words cannot say it. */
export function fieldWords(
  field: Field,
  writing: TypeWriting,
): { type: string | undefined; rules: string[]; meaning: string } | undefined {
  const rules = rulesText(field, writing.types);
  const meaning = field.meaning === undefined ? '' : wordsText(field.meaning);
  if (!rules || meaning === undefined) return undefined;
  return { type: typeText(field.type, writing), rules, meaning };
}

const bounds: readonly (readonly [rule: Exclude<keyof Rules, 'matches'>, words: string])[] = [
  ['atLeast', 'at least'],
  ['atMost', 'at most'],
  ['moreThan', 'more than'],
  ['lessThan', 'less than'],
  ['lengthAtLeast', 'length at least'],
  ['lengthAtMost', 'length at most'],
];

function rulesText(field: Field, types: NamedTypes): string[] | undefined {
  const { rules = {}, default: filled } = field;
  const said: (string | undefined)[] = [];
  for (const [rule, words] of bounds) {
    const number = rules[rule];
    if (number === undefined) continue;
    const text = numberText(number);
    said.push(text && `${words} ${text}`);
  }
  const coded = (word: string, code: string | undefined): void => {
    const text = code === undefined ? undefined : codeText(code);
    said.push(text && `${word} ${text}`);
  };
  if (rules.matches !== undefined) coded('matches', rules.matches);
  if (field.optional) said.push('optional');
  if (filled !== undefined) {
    const text = defaultText(filled, field.type, types);
    said.push(text && `default ${text}`);
  }
  if (field.computed !== undefined) coded('computed', field.computed);
  if (field.untrusted) said.push('untrusted');
  return said.includes(undefined) ? undefined : said.filter((one) => one !== undefined);
}

function defaultText(value: Json, type: Type, types: NamedTypes): string | undefined {
  switch (resolveType(type, types)?.kind) {
    case 'text':
    case 'date':
    case 'time':
    case 'url':
    case 'one of':
      return typeof value === 'string' ? (isBare(value) ? value : codeText(value)) : undefined;
    case 'number':
    case 'integer':
      return typeof value === 'number' ? numberText(value) : undefined;
    case 'yes/no':
      return typeof value === 'boolean' ? (value ? 'yes' : 'no') : undefined;
    default:
      return codeText(JSON.stringify(value));
  }
}

/** A type that names other types of the document cannot be said so: a schema knows itself alone. */
function schemaBlock(name: string, type: Type): string | undefined {
  if (namesOthers(type, name) || saysWhatSchemasCannot(type)) return undefined;
  const { $schema: _draft, $defs: _self, ...schema } = jsonSchemaOf(type, [{ name, type }], { defaults: 'written' });
  const itself = (key: string, value: Json): Json => (key === '$ref' ? '#' : value);
  return ['```json schema', JSON.stringify(schema satisfies JsonSchema, itself, 2), '```'].join('\n');
}

function namesOthers(type: Type, name: string): boolean {
  return type.kind === 'named' ? type.name !== name : innerTypes(type).some((one) => namesOthers(one, name));
}

function saysWhatSchemasCannot(type: Type): boolean {
  if (type.kind === 'record' && type.fields.some((one) => one.computed !== undefined || one.untrusted)) return true;
  return innerTypes(type).some(saysWhatSchemasCannot);
}
