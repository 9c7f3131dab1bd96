/** What is refused before it is parsed, because parsing it could take too long: size and nesting. */
import type { Report } from '../diagnostics.ts';
import type { SourceText } from '../source-text.ts';

const maxDocumentBytes = 2 * 1024 * 1024;
const maxSectionLength = 200 * 1024;
const maxHeadings = 20_000;
const maxNesting = 32;
/** Brackets and emphasis marks of one paragraph: Markdown matches them pairwise, which takes the square of their number. */
const maxMarks = 1000;

/** Line starts of headings that begin in the first column: nothing but an open fence or HTML block can contain them. */
export function headingStarts(text: string): number[] {
  return [...text.matchAll(/^#{1,6}(?=[ \t]|$)/gm)].map((match) => match.index);
}

/** Reports and gives true where the text must not be parsed. */
export function refuseSize(source: SourceText, report: Report): boolean {
  const { text } = source;
  const start = { start: 0, end: 0 };
  if (text.length > maxDocumentBytes || new TextEncoder().encode(text).length > maxDocumentBytes) {
    report.error('too-large', start, 'Unexpected document of more than 2 MB, expected a smaller one');
    return true;
  }
  const headings = headingStarts(text);
  if (headings.length > maxHeadings) {
    const message = `Unexpected document with more than ${maxHeadings} headings, expected fewer`;
    report.error('too-large', start, message);
    return true;
  }
  let refused = false;
  let from = 0;
  for (const to of [...headings, text.length]) {
    if (to - from > maxSectionLength) {
      const at = { start: from, end: text.indexOf('\n', from) };
      report.error('section-too-large', at, 'Unexpected text of more than 200 KB under one heading, expected less');
      refused = true;
    }
    from = to;
  }
  return refuseNesting(text, report) || refused;
}

/** An upper bound of the nesting, from the markers at the beginning of lines and the marks within paragraphs. */
function refuseNesting(text: string, report: Report): boolean {
  const open: number[] = [];
  const paragraph = new Paragraph();
  let offset = 0;
  for (const line of text.split('\n')) {
    const at = { start: offset, end: offset + line.length };
    const startsItem = beginsItem(line, open);
    const depth = blockDepth(line, open);
    const marks = paragraph.marks(line, startsItem);
    if (depth > maxNesting || marks > maxMarks) {
      const what = depth > maxNesting ? 'lists or quotes' : 'brackets and emphasis marks in one paragraph';
      const limit = depth > maxNesting ? `${maxNesting} levels` : `${maxMarks}`;
      report.error('too-deep', at, `Unexpected nesting of ${what}, expected at most ${limit}`);
      return true;
    }
    offset += line.length + 1;
  }
  return false;
}

const marker = /^([ \t]*)(>|[-*+](?=[ \t]|$)|\d{1,9}[.)](?=[ \t]|$))/;

/** A bullet that is not indented beyond the items it may stand in: it begins a paragraph of its own. */
function beginsItem(line: string, open: readonly number[]): boolean {
  const match = /^( *)[-*+] +\S/.exec(line);
  return match !== null && (match[1] ?? '').length <= (open.at(-1) ?? -2) + 5;
}

/** `open` holds the columns of the list items that the line may be inside of; it is brought up to date. */
function blockDepth(line: string, open: number[]): number {
  let quotes = 0;
  let column = 0;
  let rest = line;
  for (let match = marker.exec(rest); match; match = marker.exec(rest)) {
    const start = column + (match[1] ?? '').replaceAll('\t', '    ').length;
    const mark = match[2] ?? '';
    while (open.length > 0 && (open.at(-1) ?? 0) >= start) open.pop();
    if (mark === '>') quotes += 1;
    else open.push(start);
    column = start + mark.length;
    rest = rest.slice(match[0].length);
    if (open.length + quotes > maxNesting) break;
  }
  if (column === 0 && /^\S/.test(line)) open.length = 0;
  return open.length + quotes;
}

/** Counts the marks, opening or closing, of the paragraph that a line belongs to. Rows of a table are paragraphs of their own. */
class Paragraph {
  private opening = 0;
  private closing = 0;
  private cells = 0;
  private inTable = false;

  marks(line: string, startsItem: boolean): number {
    if (line === '' || startsItem) this.inTable = false;
    if (line === '' || startsItem || this.inTable || /^#/.test(line)) {
      this.opening = 0;
      this.closing = 0;
    }
    const cells = line
      .replace(/^ *\|/, '')
      .replace(/\\\||\|$/g, '')
      .split('|').length;
    if (/^ *\|?(?: *:?-+:? *\|)+(?: *:?-+:? *)?$/.test(line) && cells === this.cells) this.inTable = true;
    this.cells = cells;
    this.opening += line.match(/[[*_~]/g)?.length ?? 0;
    // Each looks back for its opening bracket, whether there is one or not.
    this.closing += line.match(/\]/g)?.length ?? 0;
    return Math.max(this.opening, this.closing);
  }
}
