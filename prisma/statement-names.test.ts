import { expect, test } from 'vitest';
import { createStatementNames } from './statement-names.ts';

test('a query keeps its name, another gets another', () => {
  const nameOf = createStatementNames();
  expect(nameOf({ sql: 'SELECT 1' })).toBe('waymark_0');
  expect(nameOf({ sql: '\n  insert into t values (1)' })).toBe('waymark_1');
  expect(nameOf({ sql: 'SELECT 1' })).toBe('waymark_0');
});

test('what begins and ends transactions has no name', () => {
  const nameOf = createStatementNames();
  expect(['BEGIN', 'COMMIT', 'ROLLBACK', 'SELECTION'].map((sql) => nameOf({ sql }))).toEqual(['', '', '', '']);
});

test('past the most there are, new queries have no name and known ones keep theirs', () => {
  const nameOf = createStatementNames(2);
  expect(['SELECT 1', 'SELECT 2', 'SELECT 3', 'SELECT 1'].map((sql) => nameOf({ sql }))).toEqual([
    'waymark_0',
    'waymark_1',
    '',
    'waymark_0',
  ]);
});
