/** Prints the coverage of each room as a Markdown table, from the summary that `npm run coverage` leaves. */
import { readFileSync } from 'node:fs';
import { join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkout } from './checks.ts';

const MEASURES = ['lines', 'statements', 'functions', 'branches'] as const;

interface Count {
  readonly covered: number;
  readonly total: number;
}
/** The shape of istanbul's `coverage-summary.json`: per absolute file path, and for `total`. */
export type CoverageSummary = Readonly<Record<string, Readonly<Record<(typeof MEASURES)[number], Count>>>>;

/** One row a room, in alphabetical order; percentages with one decimal, cut and never rounded up. */
export function coverageTable(summary: CoverageSummary, root: string): string {
  const rooms = Map.groupBy(
    Object.entries(summary).filter(([file]) => file !== 'total'),
    ([file]) => relative(root, file).split(sep)[0] ?? '',
  );
  const rows = [...rooms.keys()].sort().map((room) => {
    const files = rooms.get(room) ?? [];
    const shares = MEASURES.map((measure) => {
      const covered = files.reduce((sum, [, counts]) => sum + counts[measure].covered, 0);
      const total = files.reduce((sum, [, counts]) => sum + counts[measure].total, 0);
      return total === 0 ? '-' : `${(Math.floor((covered * 1000) / total) / 10).toFixed(1)} %`;
    });
    return `| ${[room, ...shares].join(' | ')} |`;
  });
  return [`| Room | ${MEASURES.join(' | ')} |`, '|---|---:|---:|---:|---:|', ...rows].join('\n');
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const file = join(checkout, 'coverage', 'coverage-summary.json');
  console.log(coverageTable(JSON.parse(readFileSync(file, 'utf8')) as CoverageSummary, checkout));
}
