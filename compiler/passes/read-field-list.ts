/** Fields as a bullet list: `- name: Type, rule, rule — what it means`, with a list under a field for a record in it. */
import type { Span } from '../source-text.ts';
import { foldName } from '../source-text.ts';
import type { Type } from '../types.ts';
import { simpleKinds } from '../types.ts';
import { readFieldName } from './field-names.ts';
import type { List, ListItem, RootContent } from './markdown.ts';
import type { Phrase } from './phrases.ts';
import { phrasesSpan, phrasesText, readPhrases, spanOf, splitAtColon, splitAtCommas, splitPhrases } from './phrases.ts';
import type { FieldDraft } from './read-rules.ts';
import { nearlyStartsRule, startsRule } from './read-rules.ts';
import type { Reading } from './read-settings.ts';
import { firstLine, isHidden } from './read-settings.ts';
import { readType } from './read-type.ts';
import type { Names } from './resolve-names.ts';
import { settingNames } from './setting-names.ts';

/** A field, and the words of its rules: they are read when all types are known. */
export interface FieldRow {
  draft: FieldDraft;
  rule: Phrase[];
}

export interface FieldReading extends Reading {
  names: Names;
}

/** A name and a colon at the start of an item, however it is set. */
const keyed = /^[*_`]*([\p{L}\p{N}_][\p{L}\p{N}\p{M} _'’-]*?)[*_`]*:[*_`]*(?=\s|$)/u;

/** The first list of which an item has a name and a colon, and the lists directly after it. Empty where there is none. */
export function fieldListsIn(nodes: readonly RootContent[], reading: Reading): List[] {
  const isList = (node: RootContent): node is List =>
    node.type === 'list' && !node.ordered && node.children.some((item) => keyOf(item, reading) !== undefined);
  const first = nodes.findIndex(isList);
  if (first === -1) return [];
  const after = nodes.slice(first).findIndex((node) => !isList(node));
  return nodes.slice(first, after === -1 ? undefined : first + after).filter(isList);
}

/** The first item that an author must have meant as a field, or as a setting: prose lists have none. */
export function fieldLikeItem(list: List, reading: FieldReading): ListItem | undefined {
  return list.children.find((item) => {
    const key = keyOf(item, reading);
    if (key === undefined) return false;
    const [entry = []] = splitAtCommas(splitAtColon(phrasesOf(item, reading))?.value ?? []);
    return settingNames.has(key) || isTypeStart(entry, reading.names);
  });
}

function isTypeStart(entry: readonly Phrase[], names: Names): boolean {
  const [first] = entry;
  if (first?.kind !== 'text') return false;
  const [word = []] = splitPhrases([first], /(?<![\p{L}\p{N}])or(?![\p{L}\p{N}])/gu);
  const folded = foldName(phrasesText(word));
  return (
    /^(?:list|map|one) of\b/.test(folded) || simpleKinds.some((kind) => kind === folded) || names.types.has(folded)
  );
}

function keyOf(item: ListItem, { source }: Reading): string | undefined {
  const [first] = item.children;
  if (first?.type !== 'paragraph' || typeof item.checked === 'boolean') return undefined;
  const key = keyed.exec(source.slice(spanOf(first)))?.[1];
  return key === undefined ? undefined : foldName(key);
}

function phrasesOf(item: ListItem, { source, targets }: Reading): Phrase[] {
  const [first] = item.children;
  return first?.type === 'paragraph' ? readPhrases(first.children, source, targets) : [];
}

/** Fields in document order; `rows` holds those of records within as well. */
export function readFieldLists(
  lists: readonly List[],
  reading: FieldReading,
): { fields: FieldDraft[]; rows: FieldRow[] } {
  const rows: FieldRow[] = [];
  const items = lists.flatMap((list) => list.children);
  return { fields: readItems(items, rows, reading), rows };
}

function readItems(items: readonly ListItem[], rows: FieldRow[], reading: FieldReading): FieldDraft[] {
  const { report, source } = reading;
  const named = items.filter((item) => keyOf(item, reading) !== undefined);
  const stranger = items.find((item) => !named.includes(item));
  const [first] = named;
  if (stranger && first) {
    const related = [{ span: firstLine(first, source), message: 'this item is a field' }];
    const message = 'Unexpected list item without a name and a colon among fields, expected name: type';
    report.error('mixed-list', firstLine(stranger, source), message, { related });
  }
  const taken = new Map<string, Span>();
  return named.flatMap((item) => readItem(item, taken, rows, reading) ?? []);
}

function readItem(
  item: ListItem,
  taken: Map<string, Span>,
  rows: FieldRow[],
  reading: FieldReading,
): FieldDraft | undefined {
  const { report, source } = reading;
  const place = firstLine(item, source);
  const phrases = phrasesOf(item, reading);
  const parts = splitAtColon(phrases);
  if (!parts) {
    const message = `Unexpected ${phrasesText(phrases)}, expected a name without marks, and a colon after it`;
    report.error('bad-name', place, message);
    return undefined;
  }
  const { key, value } = parts;
  const name = readFieldName({ phrases: key, span: place }, taken, report);
  const nested = listUnder(item, reading);
  const { words, meaning } = splitMeaning(value);
  const entries = splitAtCommas(words).filter((entry) => entry.length > 0);
  const isRecord =
    nested?.children.some((one) => keyOf(one, reading) !== undefined) === true && !opensOneOf(entries[0]);
  const inner = isRecord && nested ? readItems(nested.children, rows, reading) : undefined;
  const all = isRecord || !nested ? entries : withItems(entries, nested, reading);
  const { type, rule } = inner
    ? readRecord(all, inner, place, reading)
    : readTypeAndRules(all, phrasesSpan(key, place), reading);
  if (name === undefined) return undefined;
  const draft: FieldDraft = {
    field: { name, type, ...(meaning !== '' && { meaning }) },
    nameSpan: phrasesSpan(key, place),
    span: spanOf(item),
    ...(inner && { inner }),
  };
  rows.push({ draft, rule });
  return draft;
}

function listUnder(item: ListItem, { source, report }: Reading): List | undefined {
  const [, ...more] = item.children;
  const visible = more.filter((node) => !isHidden(node, source));
  const [list] = visible;
  const stranger = list?.type === 'list' && !list.ordered ? visible[1] : list;
  if (stranger) {
    const message = 'Unexpected text under a field, expected one bullet list of the fields in it';
    report.error('invalid-value', firstLine(stranger, source), message);
  }
  return list?.type === 'list' ? list : undefined;
}

/** A comma list may be written as a nested list: its items go on where the line above them ends. */
function withItems(entries: readonly Phrase[][], nested: List, reading: Reading): Phrase[][] {
  const items = nested.children.map((item) => {
    listUnder(item, reading);
    return phrasesOf(item, reading);
  });
  const all: Phrase[][] = [];
  for (const entry of [...entries, ...items]) {
    const last = all.at(-1);
    if (last && /(?:^| )of$/i.test(phrasesText(last))) last.push(...entry);
    else all.push([...entry]);
  }
  return all;
}

/** What a field means follows a dash between spaces. In inline code a dash is a dash. */
function splitMeaning(value: readonly Phrase[]): { words: readonly Phrase[]; meaning: string } {
  const [words = [], ...after] = splitPhrases(value, /(?<=^|\s)(?:—|–|--?)(?=\s|$)/g);
  const start = after.find((part) => part.length > 0)?.[0]?.span.start;
  if (start === undefined) return { words, meaning: '' };
  const meaning = value.flatMap((phrase) => {
    if (phrase.span.end <= start) return [];
    if (phrase.kind !== 'text' || phrase.span.start >= start) return [phrase];
    return [{ ...phrase, text: phrase.text.slice(start - phrase.span.start), span: { start, end: phrase.span.end } }];
  });
  return { words, meaning: phrasesText(meaning) };
}

const containers: Readonly<Record<string, (record: Type) => Type>> = {
  '': (record) => record,
  record: (record) => record,
  'list of': (of) => ({ kind: 'list', of }),
  'list of records': (of) => ({ kind: 'list', of }),
  'map of': (of) => ({ kind: 'map', of }),
  'map of records': (of) => ({ kind: 'map', of }),
};

function readRecord(
  entries: readonly Phrase[][],
  inner: readonly FieldDraft[],
  place: Span,
  { report }: FieldReading,
): { type: Type; rule: Phrase[] } {
  const [first] = entries;
  const saysRulesOnly = first === undefined || startsRule(first);
  const words = saysRulesOnly ? '' : foldName(phrasesText(first));
  const rule = joinWithCommas(saysRulesOnly ? entries : entries.slice(1));
  const wrap = Object.hasOwn(containers, words) ? containers[words] : undefined;
  if (wrap) return { type: wrap({ kind: 'record', fields: inner.map((one) => one.field) }), rule };
  const span = phrasesSpan(first ?? [], place);
  const expected = 'nothing, list of records or map of records';
  report.error('invalid-type', span, `Unexpected ${words} above a list of fields, expected ${expected}`);
  return { type: { kind: 'anything' }, rule: [] };
}

function readTypeAndRules(
  entries: readonly Phrase[][],
  place: Span,
  { names, report }: FieldReading,
): { type: Type; rule: Phrase[] } {
  const [first] = entries;
  if (!first || (startsRule(first) && !names.types.has(foldName(phrasesText(first))))) {
    const message = 'Unexpected field without a type, expected name: type, or a list of fields under it';
    report.error('missing-value', first ? phrasesSpan(first, place) : place, message);
    return { type: { kind: 'anything' }, rule: [] };
  }
  let count = 1;
  if (opensOneOf(first)) {
    const ends = (entry: readonly Phrase[]): boolean => startsRule(entry) || nearlyStartsRule(entry);
    while (count < entries.length && !ends(entries[count] ?? [])) count += 1;
  }
  const type = readType(joinWithCommas(entries.slice(0, count)), place, names, report) ?? { kind: 'anything' };
  return { type, rule: joinWithCommas(entries.slice(count)) };
}

function opensOneOf(entry: readonly Phrase[] | undefined): boolean {
  return entry?.some((one) => one.kind === 'text' && /(?<![\p{L}\p{N}])one\s+of(?=\s|$)/iu.test(one.text)) === true;
}

/** The entries of a comma list as one list again. */
function joinWithCommas(entries: readonly Phrase[][]): Phrase[] {
  return entries.flatMap((entry, index) => {
    const start = entries[index - 1]?.at(-1)?.span.end;
    const end = entry[0]?.span.start;
    if (start === undefined || end === undefined) return entry;
    return [{ kind: 'text' as const, text: ',', span: { start, end: Math.max(end, start + 1) } }, ...entry];
  });
}
