/** A type as a fenced block of JSON Schema: the block's text to the type, its mistakes to their lines. */
import { readJsonText } from '../json-text.ts';
import type { SourceText, Span } from '../source-text.ts';
import { typeOfJsonSchema } from '../type-of-json-schema.ts';
import type { Field, Type } from '../types.ts';
import type { CodeBlock, RootContent } from './markdown.ts';
import { spanOf } from './phrases.ts';
import type { FieldDraft } from './read-rules.ts';
import type { Reading } from './read-settings.ts';
import { holdsInvisible } from './visible-text.ts';

export interface SchemaDraft {
  /** Undefined where the schema could not be read. */
  type?: Type;
  /** Of the record that the type is, if it is one. */
  fields: FieldDraft[];
  /** All fields in the type, those of records within it as well. */
  all: FieldDraft[];
}

export function isSchemaBlock(node: RootContent): node is CodeBlock {
  return node.type === 'code' && /^json schema$/i.test(`${node.lang ?? ''} ${node.meta ?? ''}`.trim());
}

/** `name` is what the type is called: a schema that refers to itself means it. */
export function readSchemaBlock(node: CodeBlock, name: string, { source, report }: Reading): SchemaDraft {
  const block = new BlockText(node, source);
  const nothing = { fields: [], all: [] };
  const read = readJsonText(node.value);
  if ('mistake' in read) {
    report.error('json-syntax', block.span(read.mistake.span), read.mistake.message);
    return nothing;
  }
  const placeOf = (pointer: string): Span => block.span(read.places.get(pointer) ?? { start: 0, end: 0 });
  const hidden = hiddenText(node.value);
  if (hidden) {
    const message = 'Unexpected escape of an invisible character, expected visible text';
    report.error('invisible-character', block.span(hidden), message);
    return nothing;
  }
  const made = typeOfJsonSchema(read.value, { name });
  if ('problems' in made) {
    for (const { pointer, message } of made.problems) {
      const where = pointer === '' ? 'the schema' : pointer;
      report.error('invalid-schema', placeOf(pointer), `${message} (at ${where})`);
    }
    return nothing;
  }
  const draftOf = (field: Field, pointer: string): FieldDraft => {
    const span = placeOf(pointer);
    const value = field.default;
    return {
      field,
      nameSpan: span,
      span,
      ...(value !== undefined && { default: { value, span: placeOf(`${pointer}/default`) } }),
    };
  };
  const drafts = new Map([...made.fields].map(([field, pointer]) => [field, draftOf(field, pointer)]));
  const own = made.type.kind === 'record' ? made.type.fields : [];
  const fields = own.flatMap((field) => drafts.get(field) ?? []);
  return { type: made.type, fields, all: [...drafts.values()] };
}

/** The first string of JSON text whose escapes stand for what a reader cannot see. */
function hiddenText(json: string): Span | undefined {
  for (const { index, 0: string } of json.matchAll(/"(?:[^"\\]|\\.)*"/g)) {
    if (string.includes('\\') && holdsInvisible(String(JSON.parse(string))))
      return { start: index, end: index + string.length };
  }
  return undefined;
}

/** Where the text of a block stands in the document: its lines may be indented as the fence is. */
class BlockText {
  private readonly lines: { from: number; start: number }[] = [];
  private readonly source: SourceText;

  constructor(node: CodeBlock, source: SourceText) {
    this.source = source;
    let at = source.text.indexOf('\n', spanOf(node).start) + 1;
    let from = 0;
    for (const line of node.value.split('\n')) {
      const next = source.text.indexOf('\n', at);
      const end = next === -1 ? source.text.length : next;
      this.lines.push({ from, start: Math.max(at, end - line.length) });
      from += line.length + 1;
      at = end + 1;
    }
  }

  /** Up to the end of the line that it begins in. */
  span({ start, end }: Span): Span {
    const line = this.lines.findLast((one) => one.from <= start) ?? { from: 0, start: 0 };
    const first = line.start + start - line.from;
    const lineEnd = this.source.text.indexOf('\n', first);
    return { start: first, end: Math.min(first + end - start, lineEnd === -1 ? this.source.text.length : lineEnd) };
  }
}
