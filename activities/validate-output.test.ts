import { describe, expect, test } from 'vitest';
import type { LoadedGraph } from './graph-cache.ts';
import { receiptGraph } from './testing/agent-fixture.ts';
import { feedbackOf, judgeOutput, qualityOf } from './validate-output.ts';

const graph = receiptGraph();
const loaded: LoadedGraph = { graph, nodes: new Map(), viewPaths: {}, skeleton: () => '' };
const bindings = { input: { receipt: 'r', claimed: 650 } };
const checks = [{ expr: 'output.amount <= input.claimed' }, { expr: 'output.merchant != missing.name' }];
const judge = (answer: Parameters<typeof judgeOutput>[2], count = 1) =>
  judgeOutput(loaded, { gives: { kind: 'named', name: 'Receipt' }, checks: checks.slice(0, count) }, answer, bindings);

describe('judging an output', () => {
  // Rules: the record, two fields, a bound on each; and one check.
  test('what meets every rule and check is given complete', () => {
    expect(judge({ merchant: 'R', amount: 640 })).toEqual({
      ok: true,
      output: { merchant: 'R', amount: 640 },
      met: 6,
      of: 6,
    });
  });

  test('all that is wrong is named at once, and no check is tried on an output of the wrong type', () => {
    expect(judge({ merchant: '', amount: 'x' })).toEqual({
      ok: false,
      class: 'invalid-output',
      reasons: [
        'merchant: Unexpected text of length 0, expected length at least 1',
        'amount: Unexpected text, expected number',
      ],
      met: 3,
      of: 6,
    });
    expect(judge('none')).toMatchObject({ reasons: ['the output: Unexpected text, expected a record'] });
  });

  test('a check that does not hold, or that can not be told, is named in its own words', () => {
    expect(judge({ merchant: 'R', amount: 900 }, 2)).toEqual({
      ok: false,
      class: 'check-failed',
      reasons: [
        'Unexpected output, expected `output.amount <= input.claimed` to hold',
        'Unexpected output, expected `output.merchant != missing.name` to hold: expected missing.name to be present',
      ],
      met: 5,
      of: 7,
    });
  });
});

test('the score is the share that the first answer met, less a tenth for each correction, and never below 0', () => {
  expect(qualityOf({ met: 6, of: 6 }, 0)).toBe(1);
  expect(qualityOf({ met: 4, of: 6 }, 1)).toBe(0.567);
  expect(qualityOf({ met: 0, of: 1 }, 2)).toBe(0);
});

test('what the model is told is bounded', () => {
  const told = feedbackOf([...Array(30).keys()].map((n) => `${n} ${'x'.repeat(1000)}`)).split('\n');
  expect(told).toHaveLength(23);
  expect(told[1]).toHaveLength(502);
  expect(told.slice(-2)).toEqual(['- and 10 more', 'Give the whole answer again, corrected.']);
});
