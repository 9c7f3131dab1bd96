/** What a word of a document is: what to show of it, and where it comes from. */
import { parseExpression } from '../expressions/parse.ts';
import type { Read } from '../expressions/reads.ts';
import { readsOf } from '../expressions/reads.ts';
import type { StepDraft } from '../passes/draft.ts';
import type { Nodes } from '../passes/markdown.ts';
import { walk } from '../passes/markdown.ts';
import type { Code, Link } from '../passes/phrases.ts';
import { codeSpan, readPhrases, spanOf } from '../passes/phrases.ts';
import type { FieldDraft } from '../passes/read-rules.ts';
import type { Heading } from '../passes/read-sections.ts';
import type { Point, SourceText, Span } from '../source-text.ts';
import { foldName } from '../source-text.ts';
import type { Type } from '../types.ts';
import { simpleKinds } from '../types.ts';
import type { Analysis, Findings } from './analyze.ts';
import { describeAgent, describeField, describeStep, describeType, plain, simpleTypes } from './describe.ts';
import { meaningOf, settingsHere } from './setting-meanings.ts';
import type { Spot } from './spot.ts';
import { fieldBefore, fieldsAround, spotAt } from './spot.ts';

export interface Found {
  /** The word that was pointed at. */
  span: Span;
  /** Markdown. */
  description: string;
  /** Where it is declared, within the same document. */
  declaredAt?: Span;
}

/** Undefined where nothing is known of the word. */
export function lookAt(analysis: Analysis, point: Point): Found | undefined {
  const spot = spotAt(analysis, point);
  if (!spot) return undefined;
  const { source } = analysis;
  const offset = offsetOf(source, point);
  const { heading } = spot.block;
  if (spot.at.in === 'heading') return describeHeading(heading, heading.span, spot.findings);
  const field = atFieldName(spot, offset);
  if (field) return field;
  if (spot.at.in === 'setting name') return atSettingName(spot, source, offset);
  const node = spot.block.nodes.flatMap((one) => [...walk(one)]).findLast((one) => isPointedAt(one, offset));
  const [phrase] = node ? readPhrases([node], source, spot.findings.reading.targets) : [];
  if (phrase?.kind === 'link') return atLink(phrase, spot.findings);
  if (phrase?.kind === 'code') return spot.at.in === 'prose' ? undefined : atCode(phrase, spot, offset);
  return atTypeName(spot, source, offset);
}

/** Offset of a place; columns beyond the end of a line are its end. */
export function offsetOf(source: SourceText, { line, column }: Point): number {
  let start = 0;
  for (let at = 1; at < line; at += 1) {
    const next = source.text.indexOf('\n', start);
    if (next === -1) return source.text.length;
    start = next + 1;
  }
  const end = source.text.indexOf('\n', start);
  return Math.min(start + column - 1, end === -1 ? source.text.length : end);
}

function isPointedAt(node: Nodes, offset: number): boolean {
  const span = spanOf(node);
  const points = node.type === 'link' || node.type === 'linkReference' || node.type === 'inlineCode';
  return points && span.start <= offset && offset < span.end;
}

function describeHeading(heading: Heading, span: Span, findings: Findings): Found | undefined {
  const { draft } = findings;
  const is = (one: { block: { heading: Heading } }): boolean => one.block.heading === heading;
  const found = (description: string): Found => ({ span, description, declaredAt: heading.span });
  const step = draft.steps.find(is);
  if (step) return found(describeStep(step, findings));
  const agent = draft.agents.find(is);
  if (agent) return found(describeAgent(agent));
  const type = draft.types.find(is);
  if (type) return found(describeType({ kind: 'named', name: type.name }, findings));
  return heading.text === '' ? undefined : found(plain(heading.text));
}

/** The name of a field in a table, a list or a JSON Schema. */
function atFieldName({ surroundings, findings: { draft }, block }: Spot, offset: number): Found | undefined {
  if (surroundings !== 'inputs' && surroundings !== 'type') return undefined;
  const type = draft.types.find((one) => one.block.heading === block.heading);
  const waiting = [...(type?.fields ?? draft.inputs)];
  for (let one = waiting.pop(); one; one = waiting.pop()) {
    const { field, nameSpan: span } = one;
    if (span.start <= offset && offset < span.end) return { span, description: describeField(field), declaredAt: span };
    waiting.push(...(one.inner ?? []));
  }
  return undefined;
}

function atSettingName(
  { at, settings, surroundings, kind }: Spot,
  source: SourceText,
  offset: number,
): Found | undefined {
  const setting = at.in === 'setting name' ? settings.find((one) => one.line === at.line) : undefined;
  const place =
    surroundings === 'document' || surroundings === 'agent' || surroundings === 'proposal' ? surroundings : 'step';
  const row = setting && meaningOf(setting.name, place);
  if (!setting?.hasColon || !row) return undefined;
  const lineStart = offsetOf(source, { line: setting.line, column: 1 });
  const colon = source.text.indexOf(':', lineStart);
  const marker = /^\s*[-*+]\s+/.exec(source.text.slice(lineStart, colon))?.[0].length ?? 0;
  const span = { start: lineStart + marker, end: colon };
  if (offset < span.start) return undefined;
  const isRead = settingsHere(place, kind).includes(setting.name) || (place === 'step' && kind === undefined);
  const note = isRead ? '' : `\n\nNot read on ${place === 'step' ? `a step of the kind ${kind}` : `the ${place}`}.`;
  return {
    span,
    description: `**${setting.name}**: ${row.meaning}${note}\n\n\`\`\`markdown\n- ${row.example}\n\`\`\``,
  };
}

function atLink(link: Link, findings: Findings): Found | undefined {
  if (!link.url.startsWith('#')) return undefined;
  const heading = findings.names.anchors.get(decode(link.url.slice(1)).normalize('NFC').toLowerCase());
  return heading && describeHeading(heading, link.span, findings);
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The name in an expression that is pointed at, and what it is of. */
function atCode(code: Code, spot: Spot, offset: number): Found | undefined {
  const at = code.places.findLastIndex((place) => place <= offset);
  const read = readsIn(code.code).find((one) => one.start <= at && at < one.end);
  if (!read) return undefined;
  const names = [...code.code.slice(read.start, read.end).matchAll(/[A-Za-z_]\w*/g)];
  const index = names.findIndex((name) => at < read.start + name.index + name[0].length);
  const name = names[index];
  if (!name) return undefined;
  const span = codeSpan(code, read.start + name.index, name[0].length);
  const root = rootOf(read.root, spot);
  if (index === 0 || !root) return root && { span, ...root.found };
  let place: Typed = root;
  for (const key of read.path.slice(0, index)) {
    const next = fieldOf(place, key, spot.findings);
    if (!next) return undefined;
    place = next;
  }
  return { span, ...place.found };
}

/** Of an expression that cannot be read, whatever looks like a path. */
function readsIn(code: string): Pick<Read, 'root' | 'path' | 'start' | 'end'>[] {
  const parsed = parseExpression(code);
  if (parsed.ok) return readsOf(parsed.expression);
  return [...code.matchAll(/[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*/g)].map((match) => {
    const [root = '', ...path] = match[0].split('.');
    return { root, path, start: match.index, end: match.index + match[0].length };
  });
}

/** A value on the way along a path. */
interface Typed {
  type: Type;
  /** Of a record whose fields stand somewhere in the document. */
  fields?: readonly Pick<FieldDraft, 'field' | 'nameSpan' | 'inner'>[];
  found: Omit<Found, 'span'>;
}

function rootOf(name: string, spot: Spot): Typed | undefined {
  const { draft, outline, outputs } = spot.findings;
  const record = (fields: readonly FieldDraft[]): Type => ({ kind: 'record', fields: fields.map((one) => one.field) });
  if (name === 'input') {
    const heading = outline.sections.get('inputs')?.heading;
    const type = record(draft.inputs);
    const description = [
      'The inputs of the run:',
      '',
      ...draft.inputs.map(({ field }) => `- ${describeField(field)}`),
    ].join('\n');
    return { type, fields: draft.inputs, found: { description, ...(heading && { declaredAt: heading.span }) } };
  }
  if (name === 'this' && (spot.at.in === 'cell' || fieldBefore(spot) !== undefined)) {
    const own = fieldsAround(spot);
    return { type: record(own), fields: own, found: { description: 'The record that this field is part of' } };
  }
  const step = name === 'output' ? spot.step : draft.steps.find((one) => one.id === name);
  if (!step) return undefined;
  const found =
    name === 'output'
      ? {
          description: `What this step gives: ${describeType(outputs.get(step.id) ?? { kind: 'anything' }, spot.findings)}`,
        }
      : { description: describeStep(step, spot.findings), declaredAt: step.headingSpan };
  return { type: outputs.get(step.id) ?? { kind: 'anything' }, ...valuesOfSet(step, outputs), found };
}

/** The fields of a `set` without `gives` stand in its list. */
function valuesOfSet(step: StepDraft, outputs: ReadonlyMap<string, Type>): Pick<Typed, 'fields'> {
  const type = outputs.get(step.id);
  if (step.kind !== 'set' || type?.kind !== 'record') return {};
  const spans = new Map((step.values.values ?? []).map((one) => [one.name, one.nameSpan]));
  return { fields: type.fields.flatMap((field) => ({ field, nameSpan: spans.get(field.name) ?? step.headingSpan })) };
}

function fieldOf({ type, fields }: Typed, key: string, findings: Findings): Typed | undefined {
  const declared = type.kind === 'named' ? findings.draft.types.find((one) => one.name === type.name)?.fields : fields;
  const draft = declared?.find((one) => one.field.name === key);
  const field = draft?.field ?? (type.kind === 'record' ? type.fields.find((one) => one.name === key) : undefined);
  if (!field) return undefined;
  const inner = field.type.kind === 'named' ? `\n\n${describeType(field.type, findings)}` : '';
  const description = describeField(field) + inner;
  const found = { description, ...(draft && { declaredAt: draft.nameSpan }) };
  return { type: field.type, found, ...(draft?.inner && { fields: draft.inner }) };
}

/** In `gives` and in columns of types. Of names within each other the longest counts. */
function atTypeName(spot: Spot, source: SourceText, offset: number): Found | undefined {
  const { at, findings, block } = spot;
  const field = fieldBefore(spot);
  const isType =
    at.in === 'cell'
      ? at.column === 'type'
      : field !== undefined || (at.in === 'value' && (at.setting === 'gives' || at.setting === 'ask'));
  // After a dash it is what a field means.
  if (!isType || /(?:^|\s)(?:—|–|--?)\s/.test(field ?? '')) return undefined;
  const start = source.text.lastIndexOf('\n', offset - 1) + 1;
  const line = source.text.slice(start, source.text.indexOf('\n', offset)).normalize('NFC').toLowerCase();
  const names = [...findings.draft.types.map((one) => one.name), ...simpleKinds];
  for (const name of names.toSorted((a, b) => b.length - a.length)) {
    const span = occurrence(line, foldName(name), offset - start);
    if (!span) continue;
    const place = { start: start + span.start, end: start + span.end };
    const type = findings.draft.types.find((one) => one.name === name);
    if (type) return describeHeading(type.block.heading, place, findings);
    const simple = simpleKinds.find((one) => one === name);
    if (simple && block.nodes.length > 0) return { span: place, description: `${simple}: ${simpleTypes[simple]}` };
  }
  return undefined;
}

function occurrence(line: string, name: string, offset: number): Span | undefined {
  for (let at = line.indexOf(name); at !== -1; at = line.indexOf(name, at + 1)) {
    const end = at + name.length;
    const isWhole = !/[\p{L}\p{N}]/u.test(line[at - 1] ?? ' ') && !/[\p{L}\p{N}]/u.test(line[end] ?? ' ');
    if (isWhole && at <= offset && offset <= end) return { start: at, end };
  }
  return undefined;
}
