/** The document as the compiler reads it, and the way back from an offset to a line and column. */

/** A range of UTF-16 offsets into the normalized text; `end` is exclusive. */
export interface Span {
  start: number;
  end: number;
}

/** One-based; columns count UTF-16 units, as editors do. */
export interface Point {
  line: number;
  column: number;
}

/**
 * Line ends become LF, a byte order mark and trailing spaces go. None of these moves what a reader sees to another line
 * or column, so places in the normalized text are places in the file.
 */
export function normalizeText(markdown: string): string {
  return markdown
    .replace(/^\uFEFF/, '')
    .replace(/\r\n?/g, '\n')
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n')
    .trimEnd()
    .concat('\n');
}

export class SourceText {
  readonly text: string;
  private readonly lineStarts: number[];

  constructor(text: string) {
    this.text = text;
    this.lineStarts = [0];
    for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) this.lineStarts.push(at + 1);
  }

  slice(span: Span): string {
    return this.text.slice(span.start, span.end);
  }

  point(offset: number): Point {
    let low = 0;
    let high = this.lineStarts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.lineStarts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: offset - (this.lineStarts[low] ?? 0) + 1 };
  }

  /** First and last line, one-based, of a span; a line end at its very end does not count as a line more. */
  lines(span: Span): { from: number; to: number } {
    const from = this.point(span.start).line;
    let end = span.end;
    while (end > span.start && this.text[end - 1] === '\n') end -= 1;
    return { from, to: Math.max(from, this.point(Math.max(span.start, end - 1)).line) };
  }
}

/** One line of words: runs of white space become a space, backslash escapes the character they stand for. */
export function plainWords(source: string): string {
  return source
    .replace(/\\([!-/:-@[-`{-~])/g, '$1')
    .replace(/\s+/g, ' ')
    .trim()
    .normalize('NFC');
}

/** How names compare: in NFC, ignoring case. */
export function foldName(name: string): string {
  return plainWords(name).toLowerCase();
}
