/** Random graphs with how each step would end, and the written rules over them, as tests compare the interpreter with. */
import fc from 'fast-check';
import type { Skeleton, SkeletonEdge, SkeletonNode } from '../../compiler/skeleton.ts';
import type { Ending, NodeState } from '../edges.ts';

export interface RandomRun {
  skeleton: Skeleton;
  /** By node: how it ends if it runs. */
  endings: Ending[];
  /** Numbers to decide by what happens next. */
  picks: number[];
}

const actions = { approve: 'continue', hand_on: 'continue', reject: 'end' } as const;
const arms = [{ when: 'input.x' }, { when: 'input.y' }, {}];

/** Up to 12 steps of all kinds, two edges a step; arms, actions and joins anywhere. */
export const randomRuns: fc.Arbitrary<RandomRun> = fc
  .integer({ min: 1, max: 12 })
  .chain((size) => {
    const each = { minLength: size, maxLength: size };
    return fc.record({
      kinds: fc.array(fc.constantFrom('agent' as const, 'choose' as const, 'approve' as const), each),
      links: fc.array(fc.tuple(fc.nat(size - 1), fc.nat(size - 1), fc.nat(2)), { maxLength: 2 * size }),
      ends: fc.array(fc.tuple(fc.nat(9), fc.nat(2)), each),
      picks: fc.array(fc.nat(20), each),
    });
  })
  .map(({ kinds, links, ends, picks }) => ({
    skeleton: {
      title: 'Random',
      nodes: kinds.map((kind, index): SkeletonNode => {
        const node = { id: `s${index}`, title: `S${index}`, kind };
        if (kind === 'choose') return { ...node, arms };
        return kind === 'approve' ? { ...node, actions, waitsFor: 'manager' } : node;
      }),
      edges: links
        .filter(([a, b]) => a !== b)
        .map(([a, b, way]) => edgeBetween(kinds, Math.min(a, b), Math.max(a, b), way)),
      resultReads: [],
    },
    endings: ends.map(([as, way], index): Ending => {
      if (kinds[index] === 'choose') return as === 0 ? { as: 'refused' } : { as: 'committed', arm: way };
      if (as === 0) return { as: 'refused' };
      if (as === 1) return { as: 'bypassed' };
      if (kinds[index] === 'agent') return { as: 'committed' };
      return { as: 'committed', action: Object.keys(actions)[way] ?? '' };
    }),
    picks,
  }));

function edgeBetween(kinds: string[], from: number, to: number, way: number): SkeletonEdge {
  if (kinds[from] === 'choose') return { from, to, arm: way };
  if (kinds[from] !== 'approve' || way === 0) return { from, to };
  return { from, to, action: way === 1 ? 'hand_on' : 'reject' };
}

/** The rules as they are written, over the whole graph at once: slow, and without any of the interpreter's bookkeeping. */
export function writtenRules({ skeleton, endings }: RandomRun) {
  const states: NodeState[] = [];
  const resolved = new Map<SkeletonEdge, 'live' | 'untaken' | 'refused'>();
  skeleton.nodes.forEach((node, index) => {
    const into = skeleton.edges.filter((edge) => edge.to === index).map((edge) => resolved.get(edge));
    const out = skeleton.edges.filter((edge) => edge.from === index);
    const ending: Ending = endings[index] ?? { as: 'committed' };
    let state: NodeState = ending.as;
    if (into.includes('refused')) state = 'refused';
    else if (into.length > 0 && !into.includes('live')) state = 'skipped';
    states[index] = state;
    for (const edge of out) resolved.set(edge, resolution(node, edge, out, state, ending));
  });
  const isEnd = (index: number) => !skeleton.edges.some(({ from }) => from === index);
  const rejected = skeleton.nodes.some((node, index) => {
    const ending = endings[index];
    const verdict =
      ending?.as === 'committed' && ending.action !== undefined ? node.actions?.[ending.action] : undefined;
    return isEnd(index) && (states[index] === 'refused' || (states[index] === 'committed' && verdict === 'end'));
  });
  return { states, outcome: rejected ? 'rejected' : 'completed' };
}

function resolution(node: SkeletonNode, edge: SkeletonEdge, out: SkeletonEdge[], state: NodeState, ending: Ending) {
  const plain = edge.arm === undefined && edge.action === undefined;
  if (state === 'refused') return 'refused';
  if (state === 'skipped') return 'untaken';
  if (ending.as !== 'committed') return plain ? 'live' : 'untaken';
  if (node.kind === 'choose') return edge.arm === ending.arm ? 'live' : 'untaken';
  if (node.kind !== 'approve') return plain ? 'live' : 'untaken';
  if (out.some(({ action }) => action === ending.action)) return edge.action === ending.action ? 'live' : 'untaken';
  if (node.actions?.[ending.action ?? ''] === 'end') return 'refused';
  return plain ? 'live' : 'untaken';
}
