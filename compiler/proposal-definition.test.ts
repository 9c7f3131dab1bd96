import { expect, test } from 'vitest';
import type { Graph } from './graph.ts';
import { createDefinitionCache, definitionOf, loadDefinition, STATE } from './proposal-definition.ts';
import type { Field } from './types.ts';

const number = { kind: 'number' } as const;
const sections: Field[] = [
  { name: 'Price', type: number, default: 2 },
  { name: 'Count', type: number, rules: { atLeast: 1 } },
  { name: 'Total', type: number, computed: 'this.Price * this.Count', rules: { atMost: 100 } },
];
const definition = loadDefinition({
  types: [],
  sections,
  state: { kind: 'record', fields: [{ name: 'open', type: { kind: 'yes/no' }, default: true }] },
});

test('what there is before anybody writes are the defaults, and what can be computed from them', () => {
  expect(definition.initial()).toEqual({ Price: 2, [STATE]: { open: true } });
});

test('a section that is computed from others follows them, as soon as they are there', () => {
  expect(definition.complete('Count', 4, { Price: 2 })).toEqual({
    ok: true,
    contents: { Price: 2, Count: 4, Total: 8 },
  });
  expect(definition.complete('Price', 3, {})).toEqual({ ok: true, contents: { Price: 3 } });
  // What the store has of a computed section is never an input.
  expect(definition.complete('Price', 3, { Count: 2, Total: 99 })).toMatchObject({ contents: { Total: 6 } });
});

test('rules of the section written, and of those computed from it, are named by their place', () => {
  expect(definition.complete('Count', 0, { Price: 2 })).toEqual({
    ok: false,
    violations: [{ path: 'Count', message: 'Unexpected number, expected at least 1' }],
  });
  expect(definition.complete('Count', 51, { Price: 2 })).toMatchObject({ ok: false, violations: [{ path: 'Total' }] });
});

test('a document without a Proposal has the rows of its Result for sections', () => {
  const graph = { types: [], result: [{ name: 'paid', type: number, value: 'pay.amount' }] } as unknown as Graph;
  expect(definitionOf(graph).definition).toEqual({ types: [], sections: [{ name: 'paid', type: number }] });
});

test('a cache gives what it has, for as many definitions as it holds', () => {
  const cache = createDefinitionCache(2);
  const textOf = (name: string) => JSON.stringify({ types: [], sections: [{ name, type: number }] });
  const first = cache.load(textOf('a'));
  expect(cache.load(textOf('a'))).toBe(first);
  cache.load(textOf('b'));
  cache.load(textOf('c'));
  expect(cache.load(textOf('a'))).not.toBe(first);
});
