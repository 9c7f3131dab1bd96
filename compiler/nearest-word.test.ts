import { expect, test } from 'vitest';
import { editDistance, nearestWord } from './nearest-word.ts';

test('counts inserted, deleted, replaced and swapped letters', () => {
  expect(editDistance('retry', 'retry')).toBe(0);
  expect(editDistance('rety', 'retry')).toBe(1);
  expect(editDistance('rettry', 'retry')).toBe(1);
  expect(editDistance('retri', 'retry')).toBe(1);
  expect(editDistance('rerty', 'retry')).toBe(1);
  expect(editDistance('', 'abc')).toBe(3);
});

test('gives the nearest word within a third of the length, ignoring case, and else nothing', () => {
  expect(nearestWord('Approove', ['agent', 'approve', 'after'])).toBe('approve');
  expect(nearestWord('budget', ['agent', 'approve', 'after'])).toBeUndefined();
  expect(nearestWord('x', [])).toBeUndefined();
});
