/**
 * The phrases of plain lines: words, inline code, links and emphasis, none within another. What could be more than that in
 * Markdown is refused, and left to its parser.
 */
import type { Nodes, Paragraph } from './markdown.ts';

export type Position = NonNullable<Nodes['position']>;
type Place = Position['start'];
type Phrase = Paragraph['children'][number];

/** A line, or part of one. Line and column count from 1, the offset from 0, in what is read at once. */
export interface LinePart {
  text: string;
  line: number;
  column: number;
  offset: number;
}

export function partOf({ text, line, column, offset }: LinePart, from: number, to: number = text.length): LinePart {
  return { text: text.slice(from, to), line, column: column + from, offset: offset + from };
}

/** Where the character at this index stands; at the length of the text, the end of the part. */
export function placeIn({ line, column, offset }: LinePart, at: number): Place {
  return { line, column: column + at, offset: offset + at };
}

/** From the start of one part to the end of another. */
export function positionOf(first: LinePart, last: LinePart = first): Position {
  return { start: placeIn(first, 0), end: placeIn(last, last.text.length) };
}

/** With characters that begin something only before certain others. */
const words = /(?:[^\\`*_~[\]<&!|]|!(?!\[)|&(?![#A-Za-z])|<(?![A-Za-z/!?]))+/y;
const code = /`([^` ](?:[^`]*[^` ])?)`(?!`)/y;
const link = /\[([^\\`*_~[\]<&!|^ ](?:[^\\`*_~[\]<&!|]*[^\\`*_~[\]<&!| ])?)\]\(([^\s()<>\\&[\]`*!|\p{Cc}]+)\)/uy;
/** Between white space and letters it opens, and between letters and what ends a word it closes; nothing else does either. */
const emphasis = /(?<=^| )(\*\*?)([A-Za-z0-9](?:[^\\`*_~[\]<&!|]*[A-Za-z0-9])?)\1(?=$|[ .,;:)?])/y;

/** The phrases of lines that follow each other, each with something in it; undefined where they are not plain. */
export function plainPhrases(lines: readonly LinePart[]): Phrase[] | undefined {
  const phrases: Phrase[] = [];
  let before: LinePart | undefined;
  for (const line of lines) {
    if (before) addText(phrases, '\n', { start: placeIn(before, before.text.length), end: placeIn(line, 0) });
    if (!addLine(phrases, line)) return undefined;
    before = line;
  }
  return phrases;
}

function addLine(phrases: Phrase[], line: LinePart): boolean {
  const { text } = line;
  let at = 0;
  while (at < text.length) {
    const found =
      matchAt(words, text, at) ?? matchAt(code, text, at) ?? matchAt(link, text, at) ?? matchAt(emphasis, text, at);
    if (!found) return false;
    const end = at + found[0].length;
    const position = positionOf(partOf(line, at, end));
    const [, first, second] = found;
    if (first === undefined) addText(phrases, found[0], position);
    else if (second === undefined) phrases.push({ type: 'inlineCode', value: first, position });
    else if (found[0].startsWith('[')) {
      const inner = plainText(first, line, at + 1);
      phrases.push({ type: 'link', title: null, url: second, children: [inner], position });
    } else {
      const inner = plainText(second, line, at + first.length);
      phrases.push({ type: first === '*' ? 'emphasis' : 'strong', children: [inner], position });
    }
    at = end;
  }
  return true;
}

function matchAt(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(text);
}

function plainText(value: string, line: LinePart, at: number): Phrase & { type: 'text' } {
  return { type: 'text', value, position: positionOf(partOf(line, at, at + value.length)) };
}

/** Text that follows text is one text. */
function addText(phrases: Phrase[], value: string, position: Position): void {
  const last = phrases.at(-1);
  if (last?.type === 'text' && last.position) {
    last.value += value;
    last.position.end = position.end;
  } else phrases.push({ type: 'text', value, position });
}
