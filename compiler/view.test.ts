import { expect, test } from 'vitest';
import { deriveView } from './view.ts';

const value = {
  amount: 12,
  note: 'x'.repeat(257),
  short: 'é'.repeat(128),
  none: null,
  ok: false,
  vendor: { country: 'DE', 'a.b': 1 },
  lines: [{ price: 1 }],
};

test('small scalars go in by their paths, larger values are opaque, absent ones are in neither', () => {
  expect(
    deriveView(value, [
      'amount',
      'note',
      'short',
      'none',
      'ok',
      'vendor',
      'vendor.country',
      'vendor.a~1b',
      'lines',
      'gone',
      'amount.x',
    ]),
  ).toEqual({
    values: { amount: 12, short: 'é'.repeat(128), none: null, ok: false, 'vendor.country': 'DE', 'vendor.a~1b': 1 },
    opaque: ['note', 'vendor', 'lines'],
  });
});

test('text is measured in bytes', () => {
  expect(deriveView('é'.repeat(129), [''])).toEqual({ opaque: [''] });
  expect(deriveView('é'.repeat(128), [''])).toEqual({ values: { '': 'é'.repeat(128) } });
});

test('an output of which control flow reads nothing has no view, and inherited names are no fields', () => {
  expect(deriveView(value, [])).toBeUndefined();
  expect(deriveView(value, ['constructor', 'toString'])).toBeUndefined();
});
