import { expect, test } from 'vitest';
import { activityName, markdownText, summaryText } from './words.ts';

test('a summary is one line of at most 200 bytes, cut between characters', () => {
  expect(summaryText('Read\n the   receipt')).toBe('Read the receipt');
  expect(summaryText('a'.repeat(200))).toBe('a'.repeat(200));
  expect(summaryText('a'.repeat(201))).toBe(`${'a'.repeat(197)}…`);
  expect(summaryText('💶'.repeat(100))).toBe(`${'💶'.repeat(49)}…`);
});

test('an activity is named after its step, counted when it is asked again, and unique when the id is cut', () => {
  expect(activityName('pay', 3, 1)).toBe('pay');
  expect(activityName('pay', 3, 2)).toBe('pay#2');
  expect(activityName('x'.repeat(201), 3, 2)).toBe(`${'x'.repeat(200)}~3#2`);
});

test('a title is shown literally, whatever Markdown it holds', () => {
  expect(markdownText('Pay *now* [here](http://x) `a_b` <b>')).toBe(
    'Pay \\*now\\* \\[here\\](http://x) \\`a\\_b\\` \\<b\\>',
  );
});
