/** How benchmarks print: our figure, the baseline of the same run, their ratio, and the bar beside it. */
import { cpus, totalmem } from 'node:os';

export interface Row {
  what: string;
  ours: string;
  baseline: string;
  /** Ours over the baseline's: below 1 is better than the baseline. */
  ratio: number;
  /** The most the ratio should be; absent where none is set. */
  bar?: number;
  /** Smallest and largest ratio of one round. */
  spread?: [number, number];
  note?: string;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** The value that this share of the values does not exceed: 0.95 for the 95th of 100. */
export function percentile(values: readonly number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.ceil(values.length * share) - 1] ?? Number.NaN;
}

/** Machine and versions, then a Markdown table. */
export function report(rows: readonly Row[], versions: Record<string, string>): string {
  const [cpu] = cpus();
  const machine = `${cpus().length} x ${cpu?.model ?? 'unknown CPU'}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${process.platform} ${process.arch}`;
  const software = Object.entries({ node: process.version, ...versions }).map(
    ([name, version]) => `${name} ${version}`,
  );
  const header = ['What', 'Waymark', 'Baseline', 'Ratio', 'Bar', 'Rounds from - to', ''];
  const lines = rows.map((row) => [
    row.what,
    row.ours,
    row.baseline,
    `${row.ratio.toFixed(3)}x`,
    row.bar === undefined ? 'none' : `${row.bar.toFixed(2)}x`,
    row.spread ? `${row.spread[0].toFixed(3)} - ${row.spread[1].toFixed(3)}` : 'the same',
    [verdictOf(row), row.note].filter((part) => part !== undefined).join(', '),
  ]);
  return [`Machine: ${machine}`, `Versions: ${software.join(', ')}`, '', ...table([header, ...lines])].join('\n');
}

function verdictOf({ ratio, bar }: Row): string | undefined {
  if (bar === undefined) return undefined;
  return ratio <= bar ? 'within' : 'OVER THE BAR';
}

function table(rows: readonly string[][]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  const line = (cells: string[]) => `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  const rule = widths.map((width) => '-'.repeat(width));
  return [line(rows[0] ?? []), line(rule), ...rows.slice(1).map(line)];
}
