/** Pass 3: the bullet list directly under a heading to settings, and the rest to prose. */

import type { Report } from '../diagnostics.ts';
import type { SourceText, Span } from '../source-text.ts';
import { foldName } from '../source-text.ts';
import type { List, ListItem, Nodes, RootContent } from './markdown.ts';
import { walk } from './markdown.ts';
import type { LinkTargets, Phrase } from './phrases.ts';
import { phrasesSpan, readPhrases, spanOf, splitAtColon, splitAtCommas, trimPhrases } from './phrases.ts';
import type { Block } from './read-sections.ts';
import { isContainer, settingNames, stepKindNames } from './setting-names.ts';
import { isComment } from './visible-text.ts';

export interface Setting {
  /** Folded. */
  name: string;
  /** Of the name. */
  nameSpan: Span;
  /** Of the whole item. */
  span: Span;
  /** After the colon. */
  value: Phrase[];
  /** The nested list. */
  items: Phrase[][];
}

export interface Body {
  settings: Setting[];
  /** Nodes after the settings, comments and reference definitions left out. */
  rest: RootContent[];
  /** A deeper heading holds a kind and was refused. */
  stepInside?: true;
  /** Settings that stand after prose and were refused, folded: nobody misses them. */
  late?: readonly string[];
}

export interface Reading {
  source: SourceText;
  targets: LinkTargets;
  report: Report;
}

/** `words:` at the start of an item, then white space or the end. */
const settingStart = /^[\p{L}\p{N}][\p{L}\p{N}\p{M} _'’-]*:(?=\s|$)/u;
/** The same where an author set the name in bold or ticked a box. */
const lookalike = /^[*_`]*([\p{L}\p{N}][\p{L}\p{N}\p{M} _'’-]*?)[*_`]*:[*_`]*(?=\s|$)/u;

export function readSettings(block: Block, reading: Reading): Body {
  const nodes = block.nodes.filter((node) => !isHidden(node, reading.source));
  const lists = settingLists(nodes, reading.source);
  const settings: Setting[] = [];
  for (const { list, named } of lists) {
    reportMixed(list, named, reading);
    for (const item of named) settings.push(readItem(item, reading));
  }
  const rest = nodes.slice(lists.length);
  return { settings, rest, ...reportLate(rest, block, settings, reading) };
}

/** Names of the settings directly under a heading, folded. Says nothing of mistakes. */
export function settingNamesUnder(block: Block, source: SourceText): string[] {
  return settingNamesIn(
    block.nodes.filter((node) => !isHidden(node, source)),
    source,
  );
}

/** Of the settings that the nodes begin with. */
export function settingNamesIn(nodes: readonly RootContent[], source: SourceText): string[] {
  return settingLists(nodes, source).flatMap(({ named }) => named.map((item) => nameOf(item, source)));
}

/** The lists at the start of the nodes that are settings, and those of their items that have a name. */
function settingLists(nodes: readonly RootContent[], source: SourceText): { list: List; named: ListItem[] }[] {
  const lists: { list: List; named: ListItem[] }[] = [];
  for (const list of nodes) {
    if (list.type !== 'list' || list.ordered) break;
    const named = list.children.filter((item) => isSetting(item, source));
    const known = named.some((item) => settingNames.has(nameOf(item, source)));
    if (named.length < list.children.length && (!known || lists.length > 0)) break;
    lists.push({ list, named });
  }
  return lists;
}

/** Comments and reference definitions are not what a reader sees. */
export function isHidden(node: RootContent, source: SourceText): boolean {
  if (node.type === 'definition') return true;
  return node.type === 'html' && isComment(source.slice(spanOf(node)));
}

function textOf(item: ListItem, source: SourceText): string {
  const [first] = item.children;
  return first?.type === 'paragraph' ? source.slice(spanOf(first)) : '';
}

function isSetting(item: ListItem, source: SourceText): boolean {
  return typeof item.checked !== 'boolean' && settingStart.test(textOf(item, source));
}

function nameOf(item: ListItem, source: SourceText): string {
  return foldName(lookalike.exec(textOf(item, source))?.[1] ?? '');
}

function reportMixed(list: List, named: ListItem[], { source, report }: Reading): void {
  const stranger = list.children.find((item) => !named.includes(item));
  const first = named[0];
  if (!stranger || !first) return;
  const related = [{ span: spanOf(first), message: 'this item is a setting' }];
  const message = 'Unexpected list item without a name and a colon among settings, expected name: value';
  report.error('mixed-list', firstLine(stranger, source), message, { related });
}

/** One mistake for a list: its first item that an author must have meant as a setting. */
function reportLate(
  rest: RootContent[],
  block: Block,
  settings: Setting[],
  reading: Reading,
): Pick<Body, 'stepInside' | 'late'> {
  let stepInside = false;
  const late: string[] = [];
  let under: RootContent | undefined;
  for (const root of rest) {
    const items = lateItems(root, reading.source);
    const [item] = items;
    if (item && under && stepKindNames.has(nameOf(item, reading.source))) {
      stepInside = true;
      reportStepInside(item, under, expectedDepth(block, settings), reading);
    } else if (item) {
      late.push(...items.map((one) => nameOf(one, reading.source)));
      reportLateItem(item, settings, reading);
    }
    under = root.type === 'heading' ? root : undefined;
  }
  return { ...(stepInside && { stepInside }), ...(late.length > 0 && { late }) };
}

/** Items in the node that an author must have meant as settings. */
export function lateItems(root: RootContent, source: SourceText): ListItem[] {
  return [...walk(root)].filter(
    (node): node is ListItem => node.type === 'listItem' && settingNames.has(nameOf(node, source)),
  );
}

/** How many # a step needs to be one of its own, or one of this container. */
function expectedDepth({ heading }: Block, settings: readonly Setting[]): number {
  const isInside = isContainer(settings.map((one) => one.name)) && heading.depth < 6;
  return Math.max(3, heading.depth + (isInside ? 1 : 0));
}

function reportStepInside(item: ListItem, under: RootContent, depth: number, { source, report }: Reading): void {
  const related = [{ span: firstLine(under, source), message: 'the heading it stands under' }];
  const message = `Unexpected ${nameOf(item, source)}: under a heading inside a step, expected a step of its own with ${'#'.repeat(depth)}`;
  report.error('step-in-step', firstLine(item, source), message, { related });
}

function reportLateItem(item: ListItem, settings: Setting[], { source, report }: Reading): void {
  const first = settings[0];
  const related = first && [{ span: first.span, message: 'settings are read here' }];
  const message = `Unexpected ${nameOf(item, source)}: after prose, expected it in the list directly under the heading`;
  report.error('late-setting', firstLine(item, source), message, related && { related });
}

/** The span of the node's first line. */
export function firstLine(node: Nodes, source: SourceText): Span {
  const span = spanOf(node);
  const end = source.text.indexOf('\n', span.start);
  return { start: span.start, end: Math.min(span.end, end === -1 ? span.end : end) };
}

function readItem(item: ListItem, reading: Reading): Setting {
  const { source, targets, report } = reading;
  const [first, ...more] = item.children;
  const span = spanOf(item);
  const phrases = first?.type === 'paragraph' ? readPhrases(first.children, source, targets) : [];
  const parts = splitAtColon(phrases) ?? { key: phrases, value: [] };
  const nameSpan = phrasesSpan(parts.key, span);
  const name = foldName(source.slice(nameSpan));
  const [list, extra] = more.filter((node) => !isHidden(node, source));
  const items = list?.type === 'list' ? list.children.flatMap((one) => readEntry(one, reading)) : [];
  const stranger = list && list.type !== 'list' ? list : extra;
  if (stranger) {
    const message = `Unexpected text under ${name}, expected a value after the colon or one list under it`;
    report.error('invalid-value', firstLine(stranger, source), message);
  } else if (parts.value.length > 0 && items.length > 0 && list) {
    const message = `Unexpected list under ${name}, expected either a value after the colon or a list under it`;
    report.error('invalid-value', firstLine(list, source), message);
  }
  return { name, nameSpan, span: firstLine(item, source), value: parts.value, items };
}

/** None for an item in which nothing can be seen; one without phrases for one that was refused. */
function readEntry(item: ListItem, { source, targets, report }: Reading): Phrase[][] {
  const [line, ...more] = item.children.filter((node) => !isHidden(node, source));
  const stranger = line?.type === 'paragraph' ? more[0] : line;
  if (stranger) {
    const message = 'Unexpected text or list inside a list of a setting, expected one line';
    report.error('invalid-value', firstLine(stranger, source), message);
  }
  const entry = trimPhrases(line?.type === 'paragraph' ? readPhrases(line.children, source, targets) : []);
  return line ? [entry] : [];
}

/** The parts of a comma list, or of the nested list that stands for it. */
export function entriesOf(setting: Setting): Phrase[][] {
  if (setting.items.length > 0) return setting.items.filter((entry) => entry.length > 0);
  return splitAtCommas(setting.value).filter((entry) => entry.length > 0);
}

export function valueSpan(setting: Setting): Span {
  const last = setting.items.at(-1) ?? setting.value;
  const first = setting.items[0] ?? setting.value;
  return phrasesSpan([...first.slice(0, 1), ...last.slice(-1)], setting.span);
}

/** Source text of the prose, comments and reference definitions left out. */
export function proseOf(rest: readonly RootContent[], source: SourceText): string {
  const parts = rest.map((node) => visibleSource(node, source));
  return parts
    .map((text, index) => (index === 0 ? text : gap(rest, index, source) + text))
    .join('')
    .trim();
}

function gap(rest: readonly RootContent[], index: number, source: SourceText): string {
  const before = rest[index - 1];
  const node = rest[index];
  if (!before || !node) return '';
  const between = source.text.slice(spanOf(before).end, spanOf(node).start);
  return between.trim() === '' ? between : '\n\n';
}

function visibleSource(root: RootContent, source: SourceText): string {
  let text = '';
  let from = spanOf(root).start;
  for (const node of walk(root)) {
    const span = spanOf(node);
    if (span.start < from || !(node.type === 'definition' || (node.type === 'html' && isComment(source.slice(span)))))
      continue;
    text += source.text.slice(from, span.start);
    // Of the spaces on both sides of a comment one stays.
    from = /\s$/.test(text) && source.text[span.end] === ' ' ? span.end + 1 : span.end;
  }
  const whole = text + source.text.slice(from, spanOf(root).end);
  return from === spanOf(root).start ? whole : whole.replace(/[ \t]+$/gm, '');
}
