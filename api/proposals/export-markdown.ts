/** A proposal as a Markdown document: its sections in order, then its state. */
import type { NamedTypes } from '../../compiler/json-schema.ts';
import { resolveType } from '../../compiler/json-schema.ts';
import type { Json, Type } from '../../compiler/types.ts';

export interface ExportedProposal {
  title: string;
  sections: { name: string; content?: Json | undefined }[];
  state?: Json | undefined;
}

/** The value with the fields of its records in the order of their type. The store knows no order of fields. */
export function inOrderOf(type: Type | undefined, types: NamedTypes, value: Json): Json {
  const resolved = type && resolveType(type, types);
  if (resolved?.kind === 'list' && Array.isArray(value))
    return value.map((item) => inOrderOf(resolved.of, types, item));
  if (!isRecord(value)) return value;
  if (resolved?.kind === 'map') {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, inOrderOf(resolved.of, types, item)]));
  }
  if (resolved?.kind !== 'record') return value;
  const fields = resolved.fields.flatMap(({ name, type: of }): [string, Json][] => {
    const item = Object.hasOwn(value, name) ? value[name] : undefined;
    return item === undefined ? [] : [[name, inOrderOf(of, types, item)]];
  });
  return { ...Object.fromEntries(fields), ...value };
}

/** Texts stand as they were written; everything else becomes lists and tables. Sections without content are named. */
export function markdownOf({ title, sections, state }: ExportedProposal): string {
  const parts = [`# ${oneLine(title)}`];
  for (const { name, content } of sections) {
    parts.push(`## ${oneLine(name)}`, content === undefined ? '*Not written yet.*' : blockOf(content));
  }
  if (state !== undefined) parts.push('## State', blockOf(state));
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`;
}

function blockOf(value: Json): string {
  if (typeof value === 'string') return value.trim();
  if (Array.isArray(value)) return tableOf(value) ?? (value.length === 0 ? '*Empty.*' : listOf(value, ''));
  if (isRecord(value)) return Object.keys(value).length === 0 ? '*Empty.*' : listOf(value, '');
  return scalar(value);
}

/** Records that hold scalars alone read best as rows. */
function tableOf(items: Json[]): string | undefined {
  const records = items.filter(isRecord);
  if (records.length !== items.length || items.length === 0) return undefined;
  const columns = [...new Set(records.flatMap((record) => Object.keys(record)))];
  const flat = records.every((record) => Object.values(record).every((one) => one === null || typeof one !== 'object'));
  if (!flat || columns.length === 0) return undefined;
  const row = (cells: string[]) => `| ${cells.join(' | ')} |`;
  const cell = (value: Json | undefined) => (value === undefined ? '' : escaped(scalar(value)).replaceAll('|', '\\|'));
  return [
    row(columns.map((column) => cell(column))),
    row(columns.map(() => '---')),
    ...records.map((record) => row(columns.map((column) => cell(record[column])))),
  ].join('\n');
}

function listOf(value: Json[] | { [key: string]: Json }, indent: string): string {
  const entries: [string, Json][] = Array.isArray(value)
    ? value.map((item) => ['', item])
    : Object.entries(value).map(([key, item]) => [`**${escaped(key)}**: `, item]);
  return entries
    .map(([label, item]) => {
      if (item === null || typeof item !== 'object') return `${indent}- ${label}${escaped(scalar(item))}`;
      const inner = Object.keys(item).length === 0 ? '' : `\n${listOf(item, `${indent}  `)}`;
      return `${`${indent}- ${label}`.trimEnd()}${inner}`;
    })
    .join('\n');
}

function scalar(value: Json): string {
  if (value === null) return '';
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  return String(value);
}

/** On one line, with what Markdown would read as markup taken for what it says. */
const escaped = (text: string): string => oneLine(text).replace(/[\\`*_[\]<>]/g, '\\$&');
const oneLine = (text: string): string => text.replace(/\s*\n\s*/g, ' ').trim();

function isRecord(value: Json): value is { [key: string]: Json } {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}
