/** A section's one table, by the names of its columns. */

import type { Span } from '../source-text.ts';
import { foldName } from '../source-text.ts';
import type { Nodes, Table, TableRow } from './markdown.ts';
import type { Phrase } from './phrases.ts';
import { phrasesSpan, readPhrases, spanOf, trimPhrases } from './phrases.ts';
import type { Block } from './read-sections.ts';
import type { Body, Reading } from './read-settings.ts';

export interface Column {
  name: string;
  needed: boolean;
}

export interface Row {
  span: Span;
  /** By column name in lower case. Empty cells have no phrases. */
  cells: ReadonlyMap<string, { phrases: Phrase[]; span: Span }>;
}

/** Reports a missing table, columns that are not known or missing, and needed cells that are empty. */
export function readTable(block: Block, body: Body, columns: readonly Column[], reading: Reading): Row[] {
  const { report, source } = reading;
  const tables = body.rest.filter((node) => node.type === 'table');
  const [table, second] = tables;
  const expected = columns.map((column) => column.name).join(', ');
  if (!table) {
    const message = `Unexpected ${block.heading.text} without a table, expected one with the columns ${expected}`;
    report.error('missing-table', block.heading.span, message);
    return [];
  }
  if (second) {
    const related = [{ span: lineOf(table, reading), message: 'the first is here' }];
    report.error('second-table', lineOf(second, reading), 'Unexpected second table, expected one', { related });
  }
  const [head, ...rows] = table.children;
  const names: (string | undefined)[] = (head?.children ?? []).map((cell) => {
    const span = spanOf(cell);
    const phrases = trimPhrases(readPhrases(cell.children, source, reading.targets));
    const word = foldName(source.slice(phrasesSpan(phrases, { start: span.start, end: span.start })));
    const column = columns.find((one) => one.name.toLowerCase() === word);
    if (column) return word;
    const nearest = { word, candidates: columns.map((one) => one.name) };
    const message = `Unexpected column ${word || 'without a name'}, expected ${expected}`;
    report.error('unknown-column', phrasesSpan(phrases, span), message, { nearest });
    return undefined;
  });
  const twice = names.find((name, index) => name !== undefined && names.indexOf(name) !== index);
  const headSpan = lineOf(table, reading);
  if (twice !== undefined)
    report.error('unknown-column', headSpan, `Unexpected second column ${twice}, expected each once`);
  // A misspelt column is one mistake, not also a missing one.
  const complete = names.every((name) => name !== undefined);
  const missing = columns.find((column) => column.needed && !names.includes(column.name.toLowerCase()));
  if (missing && complete) {
    report.error(
      'missing-column',
      headSpan,
      `Unexpected table without the column ${missing.name}, expected ${expected}`,
    );
  }
  if (missing) return [];
  return rows.flatMap((row) => {
    if (refuseCutRow(row, names.length, reading)) return [];
    const cells = new Map<string, { phrases: Phrase[]; span: Span }>();
    for (const [index, cell] of row.children.entries()) {
      const name = names[index];
      if (name === undefined) continue;
      const phrases = trimPhrases(readPhrases(cell.children, source, reading.targets));
      cells.set(name, { phrases, span: phrasesSpan(phrases, spanOf(row)) });
    }
    for (const column of columns) {
      if (!column.needed || cells.get(column.name.toLowerCase())?.phrases.length) continue;
      report.error('missing-cell', spanOf(row), `Unexpected empty cell, expected a ${column.name.toLowerCase()}`);
    }
    return [{ span: spanOf(row), cells }];
  });
}

/** Nobody sees the cells that a row has too many; most often a | in code has made them, which parts cells there too. */
function refuseCutRow(row: TableRow, columns: number, { source, report }: Reading): boolean {
  const [cut, rest] = row.children.filter((cell) => cell.children.some(isHalfCode));
  const extra = row.children[columns];
  if (cut && rest) {
    const span = spanOf(cut);
    const words = source.slice(span).replace(/^\|/, '').trim();
    report.error('extra-cell', span, `Unexpected | after ${words}, which ends the cell, expected \\| inside code`);
  } else if (extra) {
    const message = `Unexpected cell beyond the ${columns} columns of the table, expected \\| where a | belongs to a text`;
    report.error('extra-cell', spanOf(extra), message);
  }
  return rest !== undefined || extra !== undefined;
}

function isHalfCode(node: Nodes): boolean {
  return node.type === 'text' && node.value.includes('`');
}

function lineOf(table: Table, { source }: Reading): Span {
  const { start } = spanOf(table);
  return { start, end: source.text.indexOf('\n', start) };
}
