import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Bindings } from './evaluate.ts';
import { ExpressionError, evaluate, evaluateCondition } from './evaluate.ts';

const receipt: Bindings = {
  receipt: {
    amount: 120.5,
    category: 'travel',
    lines: [
      { price: 100, kind: 'fare' },
      { price: 20.5, kind: 'tip' },
    ],
    note: null,
  },
  input: { claimed: 150, 'số tiền': 7, due: '2026-11-21' },
  __proto__: { hidden: true },
};

describe('an expression', () => {
  test.each([
    ['receipt.amount <= input.claimed', true],
    ['1 / 2', 0.5],
    ['7 % 4 == 3', true],
    ['receipt.category in ["travel", "meals"]', true],
    ['"fare" in receipt', false],
    ['sum(receipt.lines.map(line, line.price)) == receipt.amount', true],
    ['receipt.lines.exists(line, line.kind == "tip" && line.price < 50)', true],
    ['receipt.lines.exists_one(line, line.price > 1000)', false],
    ['receipt.lines.all(line, line.price > 0)', true],
    ['receipt.lines.filter(line, line.price > 50).size()', 1],
    ['size("a😀b")', 3],
    ['input["số tiền"] + 1', 8],
    ['input.due < "2026-12-01"', true],
    ['receipt.note == null', true],
    ['has(receipt.amount) && !has(receipt.vendor.name)', true],
    ['has(pay.reference)', false],
    ['receipt.amount > 500 ? "large" : "small"', 'small'],
    ['{"total": receipt.amount, "parts": [1, 2]}', { total: 120.5, parts: [1, 2] }],
    ['string(1.5) + "x"', '1.5x'],
    ['int("12") + int(3.9)', 15],
    ['-receipt.amount', -120.5],
    ['[1] + [2] == [1, 2]', true],
    ['{"a": [1]} == {"a": [1]}', true],
    ['"reimbursement".startsWith("re") && "x".endsWith("x") && "abc".contains("b")', true],
  ])('%s gives %j', (source, value) => {
    expect(evaluate(source, receipt)).toEqual(value);
  });

  test.each([
    ['receipt.vendor', 'absent', 'expected receipt.vendor to be present'],
    ['pay.reference', 'absent', 'expected pay.reference to be present'],
    ['receipt.lines[7]', 'absent', 'expected an index within the list'],
    ['receipt.amount > "x"', 'type', 'expected two numbers, or two texts, around >'],
    ['1 / 0', 'arithmetic', 'expected a divisor other than zero'],
    ['1e308 * 10', 'arithmetic', 'expected a result that is a finite number'],
    ['sum(["1"])', 'type', 'sum(): expected a list of numbers'],
    ['a.b(', 'syntax', 'Unexpected end, expected a CEL expression'],
    ['(a', 'syntax', 'Unexpected end, expected )'],
    ['a.-b', 'syntax', 'Unexpected -, expected a name'],
    ['a b', 'syntax', 'Unexpected b, expected a CEL expression'],
    ['"a', 'syntax', 'Unexpected text without an end, expected a quotation mark behind it'],
    ['"\\q"', 'syntax', 'Unexpected \\q, expected a CEL expression'],
    ['for > 1', 'syntax', 'Unexpected for, which is a word of CEL, expected another name'],
    [`${'1 + '.repeat(500)}1`, 'syntax', 'Unexpected expression of more than 500 parts, expected a smaller one'],
    [`${'('.repeat(41)}`, 'syntax', 'Unexpected expression of more than 40 levels, expected a smaller one'],
    ['toString', 'absent', 'expected toString to be present'],
    ['hidden', 'absent', 'expected hidden to be present'],
  ])('%s fails as %s: %s', (source, code, message) => {
    expect(() => evaluate(source, receipt)).toThrow(expect.objectContaining({ code, message }));
  });

  test('a failing side of && or || is absorbed when the other side decides, in either order', () => {
    expect(evaluate('pay.ok && false', receipt)).toBe(false);
    expect(evaluate('true || pay.ok', receipt)).toBe(true);
    expect(evaluate('pay.ok || true', receipt)).toBe(true);
    expect(() => evaluate('pay.ok && true', receipt)).toThrow(ExpressionError);
    expect(() => evaluate('true && pay.ok', receipt)).toThrow(ExpressionError);
  });

  test('a condition must be yes/no: nothing is truthy', () => {
    expect(evaluateCondition('receipt.amount > 1', receipt)).toBe(true);
    expect(() => evaluateCondition('receipt.amount', receipt)).toThrow('expected the condition to be yes/no');
  });

  test('loops within loops over large lists end with an error, not a hang', () => {
    const list = Array.from({ length: 2000 }, (_, index) => index);
    expect(() => evaluate('xs.all(a, xs.all(b, a + b >= 0))', { xs: list })).toThrow(
      expect.objectContaining({ code: 'too-much' }),
    );
  });

  test('any text evaluates or fails with an ExpressionError', () => {
    const words = fc.constantFrom(
      'a',
      'a.b',
      '[',
      ']',
      '(',
      ')',
      '1',
      '"x"',
      '+',
      '-',
      '&&',
      '||',
      'has(',
      'size(',
      '.',
      '?',
      ':',
      'in',
      '{',
      '}',
      ',',
      'map(x, x)',
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(words, { maxLength: 12 }).map((all) => all.join(' ')),
        ),
        (source) => {
          try {
            evaluate(source, { a: { b: [1, 2] } });
          } catch (error) {
            expect(error).toBeInstanceOf(ExpressionError);
          }
        },
      ),
      { numRuns: 2000 },
    );
  });
});
