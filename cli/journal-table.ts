/** A run's journal as text: a row for each attempt, turn, effect and transition, and what it all took. */
import type { Journal } from './api-shapes.ts';
import type { Column } from './text-table.ts';
import { textTable } from './text-table.ts';

type Row = Journal['rows'][number];

const columns: (Column & { cell: (row: Row) => string | undefined })[] = [
  { title: '#', align: 'right', cell: ({ seq }) => String(seq) },
  { title: 'time', cell: ({ at }) => new Date(at).toLocaleTimeString('en-GB') },
  { title: 'event', cell: ({ event }) => event },
  { title: 'step', cell: ({ step }) => step },
  { title: 'attempt', align: 'right', cell: ({ attempt }) => attempt?.toString() },
  { title: 'status', cell: ({ status }) => status },
  { title: 'failure', cell: (row) => row.class },
  { title: 'agent', cell: ({ agent }) => agent },
  { title: 'source', cell: ({ source }) => source },
  { title: 'tokens in', align: 'right', cell: ({ tokensIn }) => tokensIn?.toString() },
  { title: 'out', align: 'right', cell: ({ tokensOut }) => tokensOut?.toString() },
  { title: 'USD', align: 'right', cell: ({ costUsd }) => costUsd?.toFixed(4) },
  { title: 'ms', align: 'right', cell: ({ latencyMs }) => latencyMs?.toString() },
  { title: 'ordered', cell: ({ ordered }) => ordered },
  { title: 'by', cell: ({ by }) => by },
  { title: 'comment', cell: ({ comment }) => comment },
  { title: 'quality', align: 'right', cell: ({ qualityScore }) => qualityScore?.toFixed(2) },
];

/** Columns in which no row says anything are left out; the last line holds the totals. */
export function journalTable(journal: Journal): string {
  const said = columns.filter(({ cell }) => journal.rows.some((row) => cell(row) !== undefined));
  const table = textTable(
    said,
    journal.rows.map((row) => said.map(({ cell }) => cell(row) ?? '')),
  );
  const { tokensIn, tokensOut, costUsd } = journal.totals;
  const quality = journal.qualityScore === undefined ? '' : `, quality ${journal.qualityScore.toFixed(2)}`;
  const practice = journal.practice ? ' (practice: answered from a script)' : '';
  return `${table}\n\nIn all: ${tokensIn} tokens in, ${tokensOut} out, ${costUsd.toFixed(4)} USD${quality}${practice}`;
}
