import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { SkeletonEdge } from '../compiler/skeleton.ts';
import { loopsOf } from './loops.ts';

const size = 9;
const pair = fc.tuple(fc.nat({ max: size - 1 }), fc.nat({ max: size - 1 })).filter(([a, b]) => a < b);
const back = { atMost: 2 };

/** By going through all nodes, with no thought of time. */
function bodyOf({ from, to }: SkeletonEdge, edges: readonly SkeletonEdge[]): Set<number> {
  const forward = edges.filter((edge) => edge.back === undefined);
  const reach = (start: number, next: (node: number) => number[]): Set<number> => {
    const reached = new Set([start]);
    for (const node of reached) for (const one of next(node)) reached.add(one);
    return reached;
  };
  const after = reach(to, (node) => forward.filter((edge) => edge.from === node).map((edge) => edge.to));
  return reach(from, (node) => forward.filter((edge) => edge.to === node).map((edge) => edge.from)).intersection(after);
}

const fits = (one: Set<number>, other: Set<number>): boolean =>
  one.isSubsetOf(other) || one.isSupersetOf(other) || one.isDisjointFrom(other);

test('of bodies that nest or are apart, it tells those around each node, those that hold each edge, and their order', () => {
  const given = fc.record({
    forward: fc.uniqueArray(pair, { minLength: 3, maxLength: 14, selector: String }),
    backward: fc.array(pair, { minLength: 1, maxLength: 5 }),
    chained: fc.boolean(),
    // Documents need not stand in the order in which their steps run.
    names: fc.shuffledSubarray([...Array(size).keys()], { minLength: size }),
  });
  let nested = 0;
  fc.assert(
    fc.property(given, ({ forward, backward, chained, names }) => {
      const name = (node: number): number => names[node] ?? 0;
      const chain = chained ? Array.from({ length: size - 1 }, (_, at): [number, number] => [at, at + 1]) : [];
      const edges: SkeletonEdge[] = [
        ...[...chain, ...forward].map(([a, b]) => ({ from: name(a), to: name(b) })),
        ...backward.map(([a, b]) => ({ from: name(b), to: name(a), back })),
      ];
      const bodies = edges.map((edge) => (edge.back === undefined ? new Set<number>() : bodyOf(edge, edges)));
      fc.pre(bodies.every((one) => bodies.every((other) => fits(one, other))));
      const inOrder = edges
        .flatMap((edge, index) => (edge.back === undefined ? [] : [index]))
        .sort((a, b) => (bodies[b]?.size ?? 0) - (bodies[a]?.size ?? 0) || a - b);
      const loops = loopsOf(size, edges);
      expect(loops.all.map(({ edge }) => edge)).toEqual(inOrder);
      for (const { edge, body, size: length } of loops.all) {
        expect(body).toEqual([...(bodies[edge] ?? [])].sort((a, b) => a - b));
        expect(length).toBe(body.length);
      }
      for (const node of names) {
        const around = inOrder.filter((edge) => bodies[edge]?.has(node));
        expect(loops.around(node).map(({ edge }) => edge)).toEqual(around);
        expect(loops.endingAt(node).map(({ edge }) => edge)).toEqual(
          inOrder.filter((edge) => edges[edge]?.from === node),
        );
      }
      for (const edge of edges) {
        const leaves = (index: number): boolean =>
          bodies[index]?.has(edge.from) === true && !bodies[index]?.has(edge.to);
        const holding = inOrder.filter(
          (index) => edge.back === undefined && edges[index]?.from !== edge.from && leaves(index),
        );
        expect(loops.heldBy(edge).map((loop) => loop.edge)).toEqual(holding);
      }
      if (loops.all.some(({ outer, size: length }) => outer !== undefined && length > 1)) nested += 1;
    }),
    { numRuns: 1000 },
  );
  expect(nested).toBeGreaterThan(30);
}, 60_000);

test.each([
  ['within each other', (at: number, half: number): [number, number] => [half + at, half - 1 - at]],
  ['to one step', (at: number, half: number): [number, number] => [half + at, 0]],
])(
  'thousands of loops %s are told in the time that as many steps take',
  (_name, loop) => {
    const half = 10_000;
    const edges: SkeletonEdge[] = Array.from({ length: 2 * half - 1 }, (_, at) => ({ from: at, to: at + 1 }));
    for (let at = 0; at < half; at += 1) {
      const [from, to] = loop(at, half);
      edges.push({ from, to, back });
    }
    const loops = loopsOf(2 * half, edges);
    expect(loops.all[0]?.size).toBe(2 * half);
    expect(loops.around(half - 1)).toHaveLength(half);
    // A second's work; going through every body node by node is that of minutes.
  },
  30_000,
);
