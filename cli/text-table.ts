/** Rows as aligned columns of text. */
import { columnsOf } from '../compiler/text-columns.ts';
import { plainLine } from './plain-text.ts';

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
