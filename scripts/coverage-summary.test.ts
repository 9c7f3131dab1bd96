import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { CoverageSummary } from './coverage-summary.ts';
import { coverageTable } from './coverage-summary.ts';

const counts = (covered: number, total: number): CoverageSummary[string] => ({
  lines: { covered, total },
  statements: { covered, total },
  functions: { covered: 0, total: 0 },
  branches: { covered, total },
});

test('the files of a room are added up before the share is taken, and a share is never rounded up', () => {
  const root = join('/', 'checkout');
  const summary = {
    total: counts(3, 4),
    [join(root, 'workflows', 'steps', 'agent.ts')]: counts(1, 1),
    [join(root, 'compiler', 'one.ts')]: counts(1999, 2000),
    [join(root, 'compiler', 'two.ts')]: counts(0, 0),
  };
  expect(coverageTable(summary, root)).toBe(
    [
      '| Room | lines | statements | functions | branches |',
      '|---|---:|---:|---:|---:|',
      '| compiler | 99.9 % | 99.9 % | - | 99.9 % |',
      '| workflows | 100.0 % | 100.0 % | - | 100.0 % |',
    ].join('\n'),
  );
});
