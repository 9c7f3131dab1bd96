import { expect, test } from 'vitest';
import { isUnsettled } from '../workflows/failure-class.ts';
import { applicationFailure, delayAfter, failureClasses } from './failures.ts';

test('the delays double up to their longest', () => {
  const retry = { times: 9, initialMs: 1000, factor: 2, maxMs: 5000 };
  expect([1, 2, 3, 4, 5].map((charged) => delayAfter(retry, charged))).toEqual([1000, 2000, 4000, 5000, 5000]);
});

test('each class has its policy', () => {
  const words = Object.entries(failureClasses).map(
    ([name, { charged, retried, parks }]) =>
      `${name}:${charged ? ' charged' : ''}${retried ? ' retried' : ''}${parks ? ' parks' : ''}`,
  );
  expect(words).toEqual([
    'transient: charged retried parks',
    'throttled: retried parks',
    'breaker-open: retried parks',
    'timeout: charged retried parks',
    'invalid-output: charged retried parks',
    'check-failed: charged retried parks',
    'truncated: charged retried parks',
    'tool-failed: charged retried parks',
    'refusal: parks',
    'budget: parks',
    'not-allowed: parks',
    'run-failed: parks',
    'outcome-unknown: parks',
    'effect-conflict: parks',
    'stale: parks',
    'fence-lost: retried',
    'cancelled:',
    'aborted:',
    'bug: parks',
  ]);
});

test('the workflow knows the classes of which a person says first what is so', () => {
  const known = Object.keys(failureClasses).filter(isUnsettled);
  const unsettled = Object.entries(failureClasses).filter(([, policy]) => 'unsettled' in policy && policy.unsettled);
  expect(known).toEqual(['outcome-unknown', 'effect-conflict']);
  expect(unsettled.map(([name]) => name)).toEqual(known);
});

test('Temporal sees a dotted type, an explicit choice and our own words', () => {
  expect(applicationFailure('pay', 'refusal', { retry: false })).toMatchObject({
    type: 'waymark.refusal',
    nonRetryable: true,
    message: 'Step pay: the model refused to answer (refusal)',
  });
  expect(applicationFailure('pay', 'timeout', { retry: true, delayMs: 1200.4 })).toMatchObject({
    type: 'waymark.timeout',
    nonRetryable: false,
    nextRetryDelay: 1201,
  });
});
