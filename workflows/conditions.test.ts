import { expect, test } from 'vitest';
import type { View } from '../activities/contract.ts';
import { decide } from './conditions.ts';

const views = (entries: Record<string, View>) => new Map(Object.entries(entries));

test('reads scalars of views by path, nested and whole', () => {
  const known = views({
    input: { values: { claimed: 40 } },
    read_it: { values: { amount: 600, 'vendor.country': 'VN', 'vendor.name': 'A' } },
    judge: { values: { '': 'yes' } },
  });
  expect(decide('read_it.amount > 500 && read_it.vendor.country == "VN" && input.claimed < 50', known)).toBe(true);
  expect(decide('judge == "no"', known)).toBe(false);
});

test('a field whose name holds a dot is read by its own name', () => {
  expect(decide('read_it["a.b"] == 1', views({ read_it: { values: { 'a~1b': 1 } } }))).toBe(true);
});

test('has() is false of a step that has not run, and of a field that is absent', () => {
  expect(decide('has(read_it.amount)', views({}))).toBe(false);
  expect(decide('has(read_it.amount)', views({ read_it: {} }))).toBe(false);
  expect(decide('has(read_it.amount)', views({ read_it: { values: { amount: null } } }))).toBe(true);
});

test('a condition that reads what is not in the views is left to an activity', () => {
  const known = views({ read_it: { values: { amount: 1 }, opaque: ['lines', 'vendor'] } });
  expect(decide('size(read_it.lines) > 2', known)).toBe('opaque');
  expect(decide('read_it.vendor.country == "VN"', known)).toBe('opaque');
  expect(decide('read_it.amount == 1', known)).toBe(true);
  expect(decide('read_it == "x"', views({ read_it: { opaque: [''] } }))).toBe('opaque');
});

test('an absent value, a value that is not yes/no and text that does not parse are errors, never false', () => {
  const codeOf = (source: string) => {
    try {
      return decide(source, views({ read_it: { values: { amount: 1 } } }));
    } catch (error) {
      return (error as { code: string }).code;
    }
  };
  expect(codeOf('read_it.missing > 1')).toBe('absent');
  expect(codeOf('pay.amount > 1')).toBe('absent');
  expect(codeOf('read_it.amount')).toBe('type');
  expect(codeOf('read_it.amount / 0 > 1')).toBe('arithmetic');
  expect(codeOf('read_it.amount >')).toBe('syntax');
});
