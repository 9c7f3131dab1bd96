/** What was listed: a table for people, or JSON for programs. */
import { exitCodes } from './failures.ts';
import { textTable } from './text-table.ts';
import type { World } from './world.ts';

/** Prints the rows, or that there are none; gives the exit code. */
export function showRows<Row>(
  { terminal }: World,
  { json }: { json?: boolean },
  rows: Row[],
  columns: string[],
  cellsOf: (row: Row) => string[],
): number {
  if (json) terminal.printJson(rows);
  else if (rows.length === 0) terminal.print('There are none.');
  else {
    terminal.print(
      textTable(
        columns.map((title) => ({ title })),
        rows.map(cellsOf),
      ),
    );
  }
  return exitCodes.done;
}
