import { expect, test } from 'vitest';
import { columnsOf } from './text-columns.ts';

test.each([
  ['', 0],
  ['plain', 5],
  ['Đọc', 3],
  ['e\u0301', 1],
  ['審査', 4],
  ['👩‍💻', 2],
])('%j is %i columns wide', (text, columns) => {
  expect(columnsOf(text)).toBe(columns);
});
