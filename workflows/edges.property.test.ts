import fc from 'fast-check';
import { expect, test } from 'vitest';
import { followEdges } from './edges.ts';
import { randomRuns, writtenRules } from './testing/random-graphs.ts';

test('every random graph ends as the written rules say, whatever order its steps end in', () => {
  fc.assert(
    fc.property(randomRuns, (random) => {
      const { skeleton, endings, picks } = random;
      const flow = followEdges(skeleton);
      const running: number[] = [];
      const passed: string[] = [];
      let turn = 0;
      while (!flow.done) {
        let last = -1;
        for (let node = flow.start(); node !== undefined; node = flow.start()) {
          expect(node).toBeGreaterThan(last);
          last = node;
          running.push(node);
        }
        expect(running.length).toBeGreaterThan(0);
        const [node] = running.splice(picks[turn++ % picks.length]! % running.length, 1);
        passed.push(...flow.end(node!, endings[node!]!).map(({ node: over, as }) => `${over} ${as}`));
      }
      const expected = writtenRules(random);
      expect([...flow.states]).toEqual(expected.states);
      expect(flow.outcome).toBe(expected.outcome);
      expect(new Set(passed).size).toBe(passed.length);
      for (const over of passed) expect(over).toMatch(/ (skipped|refused)$/);
    }),
    { numRuns: 5000 },
  );
});
