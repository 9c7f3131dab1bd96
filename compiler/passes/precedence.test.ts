import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { EdgeDraft } from './draft.ts';
import { Precedence } from './precedence.ts';

const size = 200;

test('of any steps, near each other or far apart, it tells which come before which', () => {
  const leads = fc.array(fc.tuple(fc.nat(size - 1), fc.nat({ max: 12 })), { minLength: size, maxLength: 2 * size });
  fc.assert(
    fc.property(leads, (given) => {
      const edges = new Map<string, EdgeDraft[]>();
      const leadsTo = Array.from({ length: size }, () => new Set<number>());
      for (const [from, further] of given) {
        const to = from + further;
        if (further === 0 || to >= size) continue;
        const edge = { from: `s${from}`, to: `s${to}`, span: { start: 0, end: 0 } };
        edges.set(edge.to, [...(edges.get(edge.to) ?? []), edge]);
        leadsTo[from]?.add(to);
      }
      const after = leadsTo.map((_, from) => {
        const reached = new Set([from]);
        for (const one of reached) for (const next of leadsTo[one] ?? []) reached.add(next);
        return reached;
      });
      const order = Array.from({ length: size }, (_, at) => `s${at}`);
      const precedence = new Precedence(order, (id) => edges.get(id) ?? []);
      for (let one = 0; one < size; one += 1) {
        const before = order.filter((other) => precedence.isBefore(`s${one}`, other));
        const expected = order.filter((_, other) => other !== one && after[one]?.has(other));
        expect(before).toEqual(expected);
      }
    }),
    { numRuns: 10, seed: 7 },
  );
});
