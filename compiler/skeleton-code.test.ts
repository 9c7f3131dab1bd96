import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Skeleton } from './skeleton.ts';
import { decodeSkeleton, encodeSkeleton } from './skeleton-code.ts';

const titled = (title: string): Skeleton => ({
  title,
  nodes: [
    { id: 'a', title, kind: 'agent', when: 'input.x > 1' },
    { id: 'b', title: 'B', kind: 'choose', arms: [{ when: 'a.y' }, {}] },
  ],
  edges: [{ from: 0, to: 1, arm: 1 }],
  resultReads: ['a'],
});

test('a skeleton comes back as it was, whatever its words', () => {
  expect(decodeSkeleton(encodeSkeleton(titled('Hoá đơn 💶')))).toEqual(titled('Hoá đơn 💶'));
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 40 }), (title) => {
      expect(decodeSkeleton(encodeSkeleton(titled(title)))).toEqual(titled(title));
    }),
  );
});

test('the text is standard base64 of raw deflate, so that other tools can read it', async () => {
  const { inflateRawSync } = await import('node:zlib');
  const text = encodeSkeleton(titled('Expense approval'));
  expect(Buffer.from(text, 'base64').toString('base64')).toBe(text);
  expect(inflateRawSync(Buffer.from(text, 'base64')).toString('utf8')).toBe(JSON.stringify(titled('Expense approval')));
});

test('a thousand steps take less than 30 characters each', () => {
  const nodes = Array.from({ length: 1000 }, (_, index) => ({
    id: `s${index}`,
    title: `Step ${index}`,
    kind: 'agent' as const,
  }));
  const edges = nodes.slice(1).map((_, index) => ({ from: index, to: index + 1 }));
  expect(encodeSkeleton({ title: 'Long', nodes, edges, resultReads: [] }).length).toBeLessThan(30_000);
});

test('text that is no skeleton is an error', () => {
  const text = encodeSkeleton(titled('x'));
  for (const broken of [text.slice(1), `*${text.slice(1)}`, text.slice(0, 8)])
    expect(() => decodeSkeleton(broken)).toThrow();
});
