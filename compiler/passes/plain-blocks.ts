/**
 * Markdown that is plain: a heading, paragraphs, lists of one line an item and two levels, tables and quotes of one
 * paragraph, each apart from the next by an empty line, with plain phrases in them. Most of what people write is, and is
 * read here in a tenth of the time that a parser takes; the nodes are the parser's own, to the last column.
 */
import type { List, RootContent, Table, TableRow } from './markdown.ts';
import type { LinePart } from './plain-phrases.ts';
import { partOf, plainPhrases, positionOf } from './plain-phrases.ts';

/** Addresses, which become links, and white space that counts or that only some see. */
const beyondPlain = /[^\S\n ]|[\0@]|:\/\/|www\.| $/im;
/** What begins another block than a paragraph, or may turn the line before it into one. */
const startsOther = /^(?:[#>+=:|~ -]|\d{1,9}[.)](?: |$))/;

/**
 * The nodes of a text that stands by itself, such as what stands under a heading; undefined where it is not plain. Reference
 * definitions elsewhere make no difference to a plain text.
 */
export function plainBlocks(text: string): RootContent[] | undefined {
  if (beyondPlain.test(text)) return undefined;
  const lines = linesOf(text);
  const blocks: RootContent[] = [];
  let at = 0;
  while (at < lines.length) {
    const line = lines[at] as LinePart;
    if (line.text === '') {
      at += 1;
      continue;
    }
    const read = readerFor(line.text)(lines, at, blocks);
    if (read === undefined) return undefined;
    at = read;
  }
  return blocks;
}

function linesOf(text: string): LinePart[] {
  let offset = 0;
  return text.split('\n').map((line, index) => {
    const part = { text: line, line: index + 1, column: 1, offset };
    offset += line.length + 1;
    return part;
  });
}

/** Adds the block that begins at a line, and gives the line after it. */
type Reader = (lines: readonly LinePart[], at: number, blocks: RootContent[]) => number | undefined;

function readerFor(line: string): Reader {
  if (line.startsWith('#')) return readHeading;
  if (line.startsWith('- ')) return readList;
  if (line.startsWith('|')) return readTable;
  return line.startsWith('> ') ? readQuote : readParagraph;
}

/** How many lines from this one on fit. */
function runFrom(lines: readonly LinePart[], at: number, fits: (text: string) => boolean): LinePart[] {
  let end = at;
  while (end < lines.length && fits((lines[end] as LinePart).text)) end += 1;
  return lines.slice(at, end);
}

const isEmpty = (line: LinePart | undefined): boolean => line === undefined || line.text === '';

const readHeading: Reader = (lines, at, blocks) => {
  const line = lines[at] as LinePart;
  const [start, marks] = /^(#{1,6}) +(?=[^ ])/.exec(line.text) ?? [];
  // Marks at the end are not part of it.
  if (start === undefined || marks === undefined || line.text.endsWith('#')) return undefined;
  const children = plainPhrases([partOf(line, start.length)]);
  if (!children) return undefined;
  blocks.push({ type: 'heading', depth: marks.length as 1 | 2 | 3 | 4 | 5 | 6, children, position: positionOf(line) });
  return at + 1;
};

const readParagraph: Reader = (lines, at, blocks) => {
  const own = runFrom(lines, at, (text) => text !== '' && !startsOther.test(text));
  const after = lines[at + own.length];
  // A list ends a paragraph without an empty line between them.
  if (own.length === 0 || !(isEmpty(after) || after?.text.startsWith('- '))) return undefined;
  const children = plainPhrases(own);
  if (!children) return undefined;
  blocks.push({ type: 'paragraph', children, position: positionOf(own[0] as LinePart, own.at(-1)) });
  return at + own.length;
};

const readQuote: Reader = (lines, at, blocks) => {
  const own = runFrom(lines, at, (text) => text.startsWith('> ')).map((line) => ({ line, words: partOf(line, 2) }));
  const [first, last] = [own[0], own.at(-1)];
  if (!first || !last || !isEmpty(lines[at + own.length])) return undefined;
  const words = own.map((one) => one.words);
  const children = words.some(({ text }) => startsOther.test(text)) ? undefined : plainPhrases(words);
  if (!children) return undefined;
  const paragraph = { type: 'paragraph' as const, children, position: positionOf(first.words, last.words) };
  blocks.push({ type: 'blockquote', children: [paragraph], position: positionOf(first.line, last.line) });
  return at + own.length;
};

const readList: Reader = (lines, at, blocks) => {
  const own = runFrom(lines, at, (text) => text.startsWith('- ') || text.startsWith('  - '));
  const end = at + own.length;
  if (!isEmpty(lines[end])) return undefined;
  const next = lines.slice(end).find(({ text }) => text !== '')?.text;
  // It would go on after the empty line.
  if (next?.startsWith('-') || next?.startsWith(' ')) return undefined;
  const list = listOf(own[0] as LinePart);
  for (const line of own) {
    const isInner = line.text.startsWith(' ');
    const item = itemOf(isInner ? partOf(line, 2) : line);
    if (!item) return undefined;
    const outer = list.children.at(-1);
    if (isInner && outer) {
      const inner = outer.children[1];
      if (inner?.type === 'list') inner.children.push(item);
      else outer.children.push({ ...listOf(partOf(line, 2)), children: [item] });
    } else list.children.push(item);
  }
  endAtLastItem(list);
  blocks.push(list);
  return end;
};

const listOf = (first: LinePart): List => ({
  type: 'list',
  ordered: false,
  start: null,
  spread: false,
  children: [],
  position: positionOf(first),
});

function itemOf(line: LinePart): List['children'][number] | undefined {
  const words = partOf(line, 2);
  const children = words.text === '' || startsOther.test(words.text) ? undefined : plainPhrases([words]);
  if (!children) return undefined;
  const paragraph = { type: 'paragraph' as const, children, position: positionOf(words) };
  return { type: 'listItem', spread: false, checked: null, children: [paragraph], position: positionOf(line) };
}

/** A list ends where its last item does, and an item where the list in it does. */
function endAtLastItem(list: List): void {
  for (const item of list.children) {
    const [, inner] = item.children;
    if (inner?.type !== 'list') continue;
    endAtLastItem(inner);
    if (item.position && inner.position) item.position.end = { ...inner.position.end };
  }
  const last = list.children.at(-1)?.position;
  if (list.position && last) list.position.end = { ...last.end };
}

const readTable: Reader = (lines, at, blocks) => {
  const own = runFrom(lines, at, (text) => text !== '');
  const [head, rule, ...body] = own;
  const last = own.at(-1);
  if (!head || !rule || !last || !/^\|(?: *:?-+:? *\|)+$/.test(rule.text)) return undefined;
  const align = rule.text.slice(1, -1).split('|').map(alignOf);
  const rows: TableRow[] = [];
  for (const line of [head, ...body]) {
    const row = rowOf(line, align.length);
    if (!row) return undefined;
    rows.push(row);
  }
  blocks.push({ type: 'table', align, children: rows, position: positionOf(head, last) });
  return at + own.length;
};

function alignOf(cell: string): NonNullable<Table['align']>[number] {
  const [left, right] = [cell.trim().startsWith(':'), cell.trim().endsWith(':')];
  if (left && right) return 'center';
  return left ? 'left' : right ? 'right' : null;
}

/** A cell holds the | before it; the last, that after it, too. */
function rowOf(line: LinePart, width: number): TableRow | undefined {
  const { text } = line;
  if (!/^\|.*\|$/.test(text) || text.includes('\\|')) return undefined;
  const cells = text.slice(1, -1).split('|');
  if (cells.length !== width) return undefined;
  const children: TableRow['children'] = [];
  let from = 0;
  for (const [index, cell] of cells.entries()) {
    const next = from + 1 + cell.length;
    const start = from + 1 + cell.length - cell.trimStart().length;
    const phrases = cell.trim() === '' ? [] : plainPhrases([partOf(line, start, start + cell.trim().length)]);
    if (!phrases) return undefined;
    const position = positionOf(partOf(line, from, index === cells.length - 1 ? text.length : next));
    children.push({ type: 'tableCell', children: phrases, position });
    from = next;
  }
  return { type: 'tableRow', children, position: positionOf(line) };
}
