import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { EdgeDraft } from './draft.ts';
import { LoopRegions } from './loop-regions.ts';
import { sortByEdges } from './topological-order.ts';

const edge = (from: number, to: number, start = 0): EdgeDraft => ({
  from: `s${from}`,
  to: `s${to}`,
  span: { start, end: start },
});

/** All bodies by going through the steps, with no thought of time. */
function bodiesOf(edges: readonly EdgeDraft[], loops: readonly EdgeDraft[]): Map<EdgeDraft, Set<string>> {
  const from = (start: string, next: (id: string) => string[]): Set<string> => {
    const reached = new Set([start]);
    for (const id of reached) for (const one of next(id)) reached.add(one);
    return reached;
  };
  return new Map(
    loops.map((loop) => {
      const before = from(loop.from, (id) => edges.filter(({ to }) => to === id).map((one) => one.from));
      const after = from(loop.to, (id) => edges.filter((one) => one.from === id).map(({ to }) => to));
      return [loop, before.intersection(after)];
    }),
  );
}

const fits = (one: Set<string>, other: Set<string>): boolean =>
  one.isSubsetOf(other) || one.isSupersetOf(other) || one.isDisjointFrom(other);

test('of any steps and links back, it tells the ones without a body, and a clash where two bodies share a part', () => {
  const pair = fc.tuple(fc.nat({ max: 9 }), fc.nat({ max: 9 })).filter(([a, b]) => a < b);
  const given = fc.record({
    forward: fc.uniqueArray(pair, { minLength: 6, maxLength: 20, selector: String }),
    back: fc.array(pair, { minLength: 1, maxLength: 5 }),
    chained: fc.boolean(),
  });
  let sound = 0;
  fc.assert(
    fc.property(given, ({ forward, back, chained }) => {
      const chain = chained ? Array.from({ length: 9 }, (_, at): [number, number] => [at, at + 1]) : [];
      const edges = [...chain, ...forward].map(([a, b]) => edge(a, b));
      const loops = back.map(([a, b], index) => edge(b, a, index));
      const bodies = bodiesOf(edges, loops);
      const regions = new LoopRegions(
        Array.from({ length: 10 }, (_, id) => `s${id}`),
        edges,
      );
      const results = new Map(regions.fromInnermost(loops).map((loop) => [loop, regions.enclose(loop)]));
      const body = (loop: EdgeDraft): Set<string> => bodies.get(loop) ?? new Set();
      for (const loop of loops) expect(results.get(loop) === 'no body').toBe(body(loop).size === 0);
      for (const [loop, result] of results) {
        if (typeof result === 'string') continue;
        expect(fits(body(loop), body(result.clash))).toBe(false);
        expect(body(loop).intersection(body(result.clash)).has(result.shared)).toBe(true);
      }
      const clashes = [...results.values()].some((result) => typeof result !== 'string');
      const fitting = loops.every((one) => loops.every((other) => fits(body(one), body(other))));
      expect(clashes).toBe(!fitting);
      if (fitting && [...bodies.values()].filter(({ size }) => size > 2).length > 1) sound += 1;
    }),
    { numRuns: 2000, seed: 1 },
  );
  expect(sound).toBeGreaterThan(100);
});

test('of any loops within each other or apart, it tells what each makes wait: circles are those of all that leads out of bodies', () => {
  const pair = fc.tuple(fc.nat({ max: 7 }), fc.nat({ max: 7 })).filter(([a, b]) => a < b);
  const given = fc.record({
    forward: fc.uniqueArray(pair, { minLength: 5, maxLength: 14, selector: String }),
    back: fc.array(pair, { minLength: 2, maxLength: 4 }),
  });
  const ids = Array.from({ length: 8 }, (_, id) => `s${id}`);
  const hasCircle = (edges: readonly EdgeDraft[]): boolean => {
    const into = (id: string) => edges.filter(({ to }) => to === id);
    const outOf = (id: string) => edges.filter(({ from }) => from === id);
    return sortByEdges(ids, { into, outOf }).cycles.length > 0;
  };
  let circles = 0;
  fc.assert(
    fc.property(given, ({ forward, back }) => {
      const edges = forward.map(([a, b]) => edge(a, b));
      const loops = back.map(([a, b], index) => edge(b, a, index));
      const regions = new LoopRegions(ids, edges);
      const results = regions.fromInnermost(loops).map((loop) => regions.enclose(loop));
      if (results.some((result) => result !== 'enclosed')) return;
      const waits = [...bodiesOf(edges, loops)].flatMap(([loop, body]) =>
        edges.filter(({ from, to }) => body.has(from) && !body.has(to)).map(({ to }) => ({ ...loop, to })),
      );
      const expected = hasCircle([...edges, ...waits]);
      expect(hasCircle([...edges, ...regions.waitsForLoops()])).toBe(expected);
      if (expected) circles += 1;
    }),
    { numRuns: 5000, seed: 1 },
  );
  expect(circles).toBeGreaterThan(10);
});

test('thousands of loops within each other are enclosed in the time that as many steps take', () => {
  const size = 20_000;
  const edges = Array.from({ length: 2 * size - 1 }, (_, at) => edge(at, at + 1));
  const regions = new LoopRegions(
    Array.from({ length: 2 * size }, (_, id) => `s${id}`),
    edges,
  );
  const loops = Array.from({ length: size }, (_, at) => edge(size + at, size - 1 - at, at));
  expect(new Set(regions.fromInnermost(loops).map((loop) => regions.enclose(loop)))).toEqual(new Set(['enclosed']));
  // A second's work; going through every body step by step is that of minutes.
}, 30_000);
