import { describe, expect, test } from 'vitest';
import type { Json, Type } from './types.ts';
import { countRules, valueValidator } from './validate-value.ts';

const line: Type = {
  kind: 'record',
  fields: [
    { name: 'price', type: { kind: 'number' }, rules: { moreThan: 0 } },
    { name: 'count', type: { kind: 'integer' }, default: 1 },
    { name: 'total', type: { kind: 'number' }, computed: 'this.price * this.count', rules: { atMost: 1000 } },
  ],
};
const invoice: Type = {
  kind: 'record',
  fields: [
    { name: 'number', type: { kind: 'text' }, rules: { matches: '^[A-Z]{2}-[0-9]+$' } },
    { name: 'day', type: { kind: 'date' } },
    { name: 'site', type: { kind: 'url' }, optional: true },
    { name: 'kind', type: { kind: 'one of', values: ['travel', 'meals'] } },
    { name: 'lines', type: { kind: 'list', of: { kind: 'named', name: 'Line' } }, rules: { lengthAtLeast: 1 } },
    { name: 'sum', type: { kind: 'number' }, computed: 'sum(this.lines.map(line, line.total))' },
  ],
};
const types = [{ name: 'Line', type: line }];
const validator = valueValidator(invoice, types);
const good = { number: 'AB-12', day: '2026-11-21', kind: 'meals', lines: [{ price: 2.5, count: 4 }, { price: 3 }] };

const violations = (value: Json) => {
  const completed = validator.complete(value);
  return completed.ok ? [] : completed.violations.map(({ path, message }) => `${path}: ${message}`);
};

describe('completing a value', () => {
  test('defaults are filled and computed fields computed, inner ones first; what was sent for them is dropped', () => {
    expect(validator.complete({ ...good, sum: 999 })).toEqual({
      ok: true,
      value: {
        ...good,
        lines: [
          { price: 2.5, count: 4, total: 10 },
          { price: 3, count: 1, total: 3 },
        ],
        sum: 13,
      },
    });
  });

  test('all violations come at once, each with its path and what was expected', () => {
    const value = {
      number: 'ab',
      day: 'tomorrow',
      site: 'nowhere',
      kind: 'fun',
      lines: [{ price: 'x' }, { price: 0, extra: 1 }],
    };
    expect(violations(value)).toEqual([
      'number: Unexpected text, expected text that matches `^[A-Z]{2}-[0-9]+$`',
      'day: Unexpected text, expected date, as in 2026-11-21',
      'site: Unexpected text, expected url, as in https://example.org/',
      'kind: Unexpected text, expected one of travel, meals',
      'lines[0].price: Unexpected text, expected number',
      'lines[1].extra: Unexpected field, expected only the fields price, count',
      'lines[1].price: Unexpected number, expected more than 0',
    ]);
  });

  test('a missing field is named with what it should be', () => {
    expect(violations({ ...good, kind: undefined as unknown as Json, lines: [] })).toContain(
      'lines: Unexpected list of length 0, expected length at least 1',
    );
    const { day: _day, lines: _lines, ...rest } = good;
    expect(violations(rest)).toEqual([
      'day: Unexpected missing value, expected date, as in 2026-11-21',
      'lines: Unexpected missing value, expected a list',
    ]);
    expect(violations('none')).toEqual([': Unexpected text, expected a record']);
  });

  test('rules of computed fields hold too', () => {
    expect(violations({ ...good, lines: [{ price: 600, count: 2 }] })).toEqual([
      'lines[0].total: Unexpected number, expected at most 1000',
    ]);
  });

  test('a pattern that would take a backtracking engine for ever takes RE2 no time', () => {
    const type: Type = {
      kind: 'record',
      fields: [{ name: 'a', type: { kind: 'text' }, rules: { matches: '^(a+)+$' } }],
    };
    const started = performance.now();
    expect(valueValidator(type, []).complete({ a: `${'a'.repeat(5000)}!` }).ok).toBe(false);
    expect(performance.now() - started).toBeLessThan(2000);
  });

  test('a union that nothing fits says so once; the first alternative that fits is filled', () => {
    const type: Type = { kind: 'union', of: [{ kind: 'number' }, { kind: 'named', name: 'Line' }] };
    const union = valueValidator(type, types);
    expect(union.complete('x')).toEqual({
      ok: false,
      violations: [{ path: '', message: 'Unexpected text, expected number or Line' }],
    });
    expect(union.complete({ price: 2 })).toEqual({ ok: true, value: { price: 2, count: 1, total: 2 } });
  });

  test('names of Object.prototype are fields like any other', () => {
    const type: Type = {
      kind: 'record',
      fields: [
        { name: 'toString', type: { kind: 'text' } },
        { name: 'valueOf', type: { kind: 'text' }, optional: true },
      ],
    };
    const own = valueValidator(type, []);
    expect(own.complete({})).toEqual({
      ok: false,
      violations: [{ path: 'toString', message: 'Unexpected missing value, expected text' }],
    });
    expect(own.complete({ toString: 'a', valueOf: 'b' } as unknown as Json).ok).toBe(true);
    const map = valueValidator({ kind: 'map', of: { kind: 'number' } }, []).complete(
      JSON.parse('{"__proto__":1}') as Json,
    );
    expect(JSON.stringify(map)).toBe('{"ok":true,"value":{"__proto__":1}}');
  });

  test('fields a type does not name are dropped where that is asked for', () => {
    expect(valueValidator(line, [], { unknownFields: 'drop' }).complete({ price: 1, id: 'x' })).toEqual({
      ok: true,
      value: { price: 1, count: 1, total: 1 },
    });
  });

  test('a null is left out where a field may be missing and that is asked for, and is refused everywhere else', () => {
    const type: Type = {
      kind: 'record',
      fields: [
        { name: 'a', type: { kind: 'text' }, optional: true },
        { name: 'b', type: { kind: 'text' }, default: 'none' },
        { name: 'c', type: { kind: 'anything' }, optional: true },
        { name: 'd', type: { kind: 'text' } },
      ],
    };
    const answer = { a: null, b: null, c: null, d: 'x' };
    const lenient = valueValidator(type, [], { nulls: 'leave out' });
    expect(lenient.complete(answer)).toEqual({ ok: true, value: { b: 'none', c: null, d: 'x' } });
    expect(lenient.complete({ d: null })).toMatchObject({ ok: false, violations: [{ path: 'd' }] });
    expect(valueValidator(type, []).complete(answer)).toMatchObject({
      ok: false,
      violations: [{ path: 'a' }, { path: 'b' }],
    });
  });

  test('a computed field that can not be computed is a violation, unless it is optional', () => {
    const type = (optional?: true): Type => ({
      kind: 'record',
      fields: [
        { name: 'a', type: { kind: 'number' }, optional: true },
        { name: 'b', type: { kind: 'number' }, computed: 'this.a + 1', ...(optional ? { optional } : {}) },
      ],
    });
    expect(valueValidator(type(), []).complete({})).toEqual({
      ok: false,
      violations: [{ path: 'b', message: 'Unexpected failure to compute this.a + 1: expected this.a to be present' }],
    });
    expect(valueValidator(type(true), []).complete({})).toEqual({ ok: true, value: {} });
  });

  test('rules are counted: types, presence and bounds', () => {
    // The record; merchant: type and length; amount: type and bound.
    const type: Type = {
      kind: 'record',
      fields: [
        { name: 'merchant', type: { kind: 'text' }, rules: { lengthAtLeast: 1 } },
        { name: 'amount', type: { kind: 'number' }, rules: { atLeast: 0 } },
      ],
    };
    expect(countRules(type, [])).toBe(5);
  });
});
