import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Skeleton, SkeletonEdge, SkeletonNode } from '../compiler/skeleton.ts';
import type { Ending } from './edges.ts';
import { followEdges } from './edges.ts';

/** The rules as they are written, over the whole graph at once: slow, and without any of the interpreter's bookkeeping. */
function reference(skeleton: Skeleton, endings: Ending[]) {
  const states: (Ending['as'] | 'skipped')[] = [];
  const resolved = new Map<SkeletonEdge, 'live' | 'untaken' | 'refused'>();
  skeleton.nodes.forEach((node, index) => {
    const into = skeleton.edges.filter((edge) => edge.to === index).map((edge) => resolved.get(edge));
    const out = skeleton.edges.filter((edge) => edge.from === index);
    const ending = endings[index]!;
    if (into.includes('refused')) states[index] = 'refused';
    else if (into.length > 0 && !into.includes('live')) states[index] = 'skipped';
    else states[index] = ending.as;
    for (const edge of out) resolved.set(edge, resolution(node, edge, out, states[index]!, ending));
  });
  const ends = skeleton.nodes
    .map((_, index) => index)
    .filter((index) => !skeleton.edges.some(({ from }) => from === index));
  const rejected = ends.some((index) => {
    const ending = endings[index]!;
    const ended = skeleton.nodes[index]!.actions?.[(ending.as === 'committed' && ending.action) || ''] === 'end';
    return states[index] === 'refused' || (states[index] === 'committed' && ended);
  });
  return { states, outcome: rejected ? 'rejected' : 'completed' };
}

function resolution(node: SkeletonNode, edge: SkeletonEdge, out: SkeletonEdge[], state: string, ending: Ending) {
  const plain = edge.arm === undefined && edge.action === undefined;
  if (state === 'refused') return 'refused';
  if (state === 'skipped') return 'untaken';
  if (ending.as !== 'committed') return plain ? 'live' : 'untaken';
  if (node.kind === 'choose') return edge.arm === ending.arm ? 'live' : 'untaken';
  if (node.kind !== 'approve') return plain ? 'live' : 'untaken';
  const leadsOn = out.some(({ action }) => action === ending.action);
  if (leadsOn) return edge.action === ending.action ? 'live' : 'untaken';
  if (node.actions![ending.action!] === 'end') return 'refused';
  return plain ? 'live' : 'untaken';
}

const actions = { approve: 'continue', hand_on: 'continue', reject: 'end' } as const;

interface Case {
  skeleton: Skeleton;
  endings: Ending[];
  /** Which of the running nodes ends next. */
  picks: number[];
}

const cases: fc.Arbitrary<Case> = fc
  .integer({ min: 1, max: 12 })
  .chain((size) => {
    const kinds = fc.array(
      fc.oneof(fc.constant('agent' as const), fc.constant('choose' as const), fc.constant('approve' as const)),
      {
        minLength: size,
        maxLength: size,
      },
    );
    const links = fc.array(fc.tuple(fc.nat(size - 1), fc.nat(size - 1), fc.nat(2)), { maxLength: 2 * size });
    const ends = fc.array(fc.tuple(fc.nat(9), fc.nat(2)), { minLength: size, maxLength: size });
    return fc.record({ kinds, links, ends, picks: fc.array(fc.nat(20), { minLength: size, maxLength: size }) });
  })
  .map(({ kinds, links, ends, picks }) => {
    const nodes = kinds.map((kind, index): SkeletonNode => {
      const more =
        kind === 'choose'
          ? { arms: [{ when: 'input.x' }, { when: 'input.y' }, {}] }
          : kind === 'approve'
            ? { actions }
            : {};
      return { id: `s${index}`, title: `S${index}`, kind, ...more };
    });
    const edges = links
      .filter(([a, b]) => a !== b)
      .map(([a, b, way]): SkeletonEdge => {
        const [from, to] = a < b ? [a, b] : [b, a];
        const kind = kinds[from];
        if (kind === 'choose') return { from, to, arm: way };
        return kind === 'approve' && way > 0 ? { from, to, action: way === 1 ? 'hand_on' : 'reject' } : { from, to };
      });
    const endings = ends.map(([as, way], index): Ending => {
      if (as === 0) return { as: 'refused' };
      if (as === 1 && kinds[index] !== 'choose') return { as: 'bypassed' };
      if (kinds[index] === 'choose') return { as: 'committed', arm: way };
      return kinds[index] === 'approve' ? { as: 'committed', action: Object.keys(actions)[way]! } : { as: 'committed' };
    });
    return { skeleton: { title: 'Random', nodes, edges, resultReads: [] }, endings, picks };
  });

test('every random graph ends as the written rules say, whatever order its steps end in', () => {
  fc.assert(
    fc.property(cases, ({ skeleton, endings, picks }) => {
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
      const expected = reference(skeleton, endings);
      expect([...flow.states]).toEqual(expected.states);
      expect(flow.outcome).toBe(expected.outcome);
      expect(new Set(passed).size).toBe(passed.length);
      for (const over of passed) expect(over).toMatch(/ (skipped|refused)$/);
    }),
    { numRuns: 5000 },
  );
});
