/** Rows as aligned columns of text. */
import { plainLine } from './plain-text.ts';

const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' });
const wide = /\p{Emoji_Presentation}|\p{Script=Han}|\p{Script=Hiragana}|\p{Script=Katakana}|\p{Script=Hangul}/u;

/** How many columns a terminal gives the text: letters with their marks one, ideographs and emoji two. */
export function columnsOf(text: string): number {
  let columns = 0;
  for (const { segment } of graphemes.segment(text)) columns += wide.test(segment) ? 2 : 1;
  return columns;
}

export interface Column {
  title: string;
  /** Numbers read better at the right. */
  align?: 'left' | 'right';
}

/** A line of titles, a rule and a line for each row; two spaces between columns. Cells are put on one line each. */
export function textTable(columns: Column[], rows: string[][]): string {
  const lines = [columns.map(({ title }) => title), ...rows].map((row) => row.map(plainLine));
  const widths = columns.map((_, index) => Math.max(...lines.map((line) => columnsOf(line[index] ?? ''))));
  const [titles = '', ...body] = lines.map((line) =>
    columns
      .map(({ align }, index) => {
        const cell = line[index] ?? '';
        const padding = ' '.repeat((widths[index] ?? 0) - columnsOf(cell));
        return align === 'right' ? padding + cell : cell + padding;
      })
      .join('  ')
      .trimEnd(),
  );
  const rule = widths
    .map((width) => '-'.repeat(width))
    .join('  ')
    .trimEnd();
  return [titles, rule, ...body].join('\n');
}
