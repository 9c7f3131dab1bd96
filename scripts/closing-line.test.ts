import { expect, test } from 'vitest';
import type { VitestReport } from './closing-line.ts';
import { closingLine, tallyOf } from './closing-line.ts';

const green: VitestReport = {
  numPassedTests: 3,
  numFailedTests: 0,
  numPendingTests: 0,
  numTodoTests: 0,
  testResults: [{ name: 'a.test.ts', status: 'passed', assertionResults: [{ status: 'passed' }] }],
};

test('a green run counts its tests', () => {
  expect(tallyOf(green, 0)).toEqual({ passed: 3, failed: 0, skipped: 0 });
});

test('a file that did not load counts as one failure beside the failing tests', () => {
  const report: VitestReport = {
    ...green,
    numFailedTests: 1,
    testResults: [
      { name: 'broken.test.ts', status: 'failed', assertionResults: [] },
      { name: 'red.test.ts', status: 'failed', assertionResults: [{ status: 'failed' }, { status: 'passed' }] },
    ],
  };
  expect(tallyOf(report, 1)).toEqual({ passed: 3, failed: 2, skipped: 0 });
});

test('a run that ended badly, left no report or ran no test is a failure', () => {
  expect(tallyOf(green, 1)).toEqual({ passed: 3, failed: 1, skipped: 0 });
  expect(tallyOf(green, null)).toEqual({ passed: 3, failed: 1, skipped: 0 });
  expect(tallyOf(undefined, 0)).toEqual({ passed: 0, failed: 1, skipped: 0 });
  expect(tallyOf({ ...green, numPassedTests: 0, testResults: [] }, 0)).toEqual({ passed: 0, failed: 1, skipped: 0 });
});

test('the closing line names skipped tests only when there are some', () => {
  expect(closingLine({ passed: 12, failed: 0, skipped: 0 })).toBe('12 passed, 0 failed');
  expect(closingLine(tallyOf({ ...green, numPendingTests: 1, numTodoTests: 1 }, 0))).toBe(
    '3 passed, 0 failed, 2 skipped',
  );
});
