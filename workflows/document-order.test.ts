import fc from 'fast-check';
import { expect, test } from 'vitest';
import { inDocumentOrder } from './document-order.ts';

test('takes what was put in, lowest first, also when putting and taking alternate', () => {
  fc.assert(
    fc.property(fc.array(fc.array(fc.nat(50), { maxLength: 8 })), (rounds) => {
      const order = inDocumentOrder();
      const left: number[] = [];
      for (const round of rounds) {
        for (const index of round) order.put(index);
        left.push(...round);
        left.sort((a, b) => a - b);
        expect(order.size).toBe(left.length);
        expect(order.take()).toBe(left.shift());
      }
    }),
  );
});
