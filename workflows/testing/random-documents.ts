/** Random skeletons of all kinds that the compiler could give, for tests against the reference model. */
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import type { Skeleton, SkeletonEdge, SkeletonNode } from '../../compiler/skeleton.ts';
import type { Answers, Done } from './reference-model.ts';
import { bodyOf, referenceRun } from './reference-model.ts';

/** All but a session, which is to the interpreter what a person's task is. */
type Kind = Exclude<SkeletonNode['kind'], 'session'>;

interface Plan {
  kind: Kind;
  /** Numbers to decide its settings by. */
  dice: number[];
  inner: Plan[];
  /** Where it follows others of its scope, by how far back. */
  links: [back: number, way: number][];
}

/** Containers within containers, in the outermost scope of steps. */
const deepest = 2;

function planOf(depth: number): fc.Arbitrary<Plan> {
  return fc
    .record({
      kind: fc.constantFrom<Kind>(
        ...(['agent', 'agent', 'tool', 'tool', 'choose', 'choose', 'approve', 'approve'] as const),
        ...(['set', 'merge', 'run', 'person', 'wait'] as const),
        ...(depth > 0 ? (['steps', 'steps', 'repeat', 'repeat', 'for each', 'for each'] as const) : []),
      ),
      dice: fc.array(fc.nat(99), { minLength: 6, maxLength: 6 }),
      links: fc.array(fc.tuple(fc.integer({ min: 1, max: 3 }), fc.nat(5)), { minLength: 0, maxLength: 2 }),
    })
    .chain(({ kind, ...plan }) => {
      const isContainer = kind === 'steps' || kind === 'repeat' || kind === 'for each';
      const inner = isContainer ? scopeOf(depth - 1) : fc.constant<Plan[]>([]);
      return inner.map((steps): Plan => ({ kind, ...plan, inner: steps }));
    });
}

function scopeOf(depth: number): fc.Arbitrary<Plan[]> {
  return fc.array(planOf(depth), { minLength: 1, maxLength: depth === deepest ? 6 : 3 });
}

export interface RandomDocument {
  skeleton: Skeleton;
  seed: number;
}

export const randomDocuments: fc.Arbitrary<RandomDocument> = fc
  .record({ scope: scopeOf(deepest), seed: fc.nat() })
  .map(({ scope, seed }) => ({ skeleton: skeletonFrom(scope), seed }));

function skeletonFrom(scope: readonly Plan[]): Skeleton {
  const nodes: SkeletonNode[] = [];
  const edges: SkeletonEdge[] = [];
  addScope(scope, undefined);
  return { title: 'Random', nodes, edges, resultReads: [] };

  function addScope(plans: readonly Plan[], parent: number | undefined): void {
    const places: number[] = [];
    for (const plan of plans) {
      const at = nodes.length;
      nodes.push(nodeOf(plan, at, parent));
      for (const [back, way] of plan.links) {
        const from = places.at(-back);
        if (from === undefined) continue;
        const edge = edgeFrom(nodes[from] as SkeletonNode, from, at, way);
        // Two links of the same way between the same steps are one.
        if (!edges.some((one) => JSON.stringify(one) === JSON.stringify(edge))) edges.push(edge);
      }
      places.push(at);
      addScope(plan.inner, at);
    }
    addLinksBack(plans, places);
  }

  /** From gates and chooses, where bodies nest or are apart. */
  function addLinksBack(plans: readonly Plan[], places: readonly number[]): void {
    const forward = edges.filter(({ back, from }) => back === undefined && places.includes(from));
    const bodies: { body: ReadonlySet<number>; to: number; from: number }[] = [];
    plans.forEach(({ kind, dice }, index) => {
      const from = places[index] ?? -1;
      const to = places[index - ((dice[4] ?? 0) % 3) - 1];
      if (to === undefined || (dice[5] ?? 0) < 40 || (kind !== 'approve' && kind !== 'choose')) return;
      const atMost = 1 + ((dice[3] ?? 0) % 2);
      const back: SkeletonEdge =
        kind === 'approve' ? { from, to, action: 'rework', back: { atMost } } : { from, to, arm: 0, back: { atMost } };
      const body = bodyOf(back, forward);
      // The target must lead to the source, and bodies must not overlap.
      if (!body.has(to) || !body.has(from)) return;
      const nests = bodies.every((other) => {
        const shared = [...body].filter((one) => other.body.has(one)).length;
        const isNested = shared === Math.min(body.size, other.body.size) && body.size !== other.body.size;
        return (shared === 0 || isNested) && other.to !== to;
      });
      if (!nests || waitInCircle([...bodies, { body, from }], forward)) return;
      bodies.push({ body, to, from });
      const node = nodes[from] as SkeletonNode;
      if (kind === 'approve') node.actions = { ...node.actions, rework: 'continue' };
      else {
        // An arm leads to one place, or back; with what follows when it is used up.
        for (const edge of edges)
          if (edge.from === from && edge.arm === 0 && edge.back === undefined) edge.on = 'used up';
      }
      edges.push(back);
    });
  }
}

/** What leads out of a body waits for its source; as the compiler, no circle of that. */
function waitInCircle(
  loops: readonly { body: ReadonlySet<number>; from: number }[],
  forward: readonly SkeletonEdge[],
): boolean {
  const waits = forward.flatMap(({ from, to }) =>
    loops.flatMap((loop) => (loop.body.has(from) && !loop.body.has(to) ? [{ from: loop.from, to }] : [])),
  );
  let left = [...forward, ...waits];
  for (;;) {
    const free = left.filter(({ from }) => !left.some(({ to }) => to === from));
    if (free.length === 0) return left.length > 0;
    left = left.filter((edge) => !free.includes(edge));
  }
}

function nodeOf({ kind, dice }: Plan, at: number, parent: number | undefined): SkeletonNode {
  const [first = 0, second = 0, third = 0] = dice;
  const node: SkeletonNode = { id: `s${at}`, title: `S${at}`, kind, ...(parent === undefined ? {} : { parent }) };
  if (kind !== 'choose' && first < 15) node.when = 'input.x';
  switch (kind) {
    case 'agent':
    case 'tool':
      if (second < 15) node.each = { item: 'item', ...(third < 50 ? { atOnce: 1 + (third % 2) } : {}) };
      else if (second < 45) node.ifItFails = second < 30 ? 'skip' : 'link';
      return node;
    case 'run':
      if (second < 30) node.ifItFails = second < 15 ? 'skip' : 'link';
      return node;
    case 'person':
      return { ...node, waitsFor: 'employee' };
    case 'wait':
      // Short, for where the clock is a real one. One without a time asks an activity.
      return second < 50 ? { ...node, waitMs: 1 + (third % 5) } : node;
    case 'choose':
      return { ...node, arms: [{ when: 'input.a' }, { when: 'input.b' }, {}] };
    case 'approve':
      return { ...node, waitsFor: 'manager', actions: { approve: 'continue', hand_on: 'continue', reject: 'end' } };
    case 'repeat':
      return {
        ...node,
        repeat: { atMost: 1 + (second % 3), until: 'input.x', ifNotReached: third < 50 ? 'continue' : 'link' },
      };
    case 'for each':
      return { ...node, each: { item: 'item', ...(third < 50 ? { atOnce: 1 + (third % 3) } : {}) } };
    default:
      return node;
  }
}

function edgeFrom(node: SkeletonNode, from: number, to: number, way: number): SkeletonEdge {
  if (node.kind === 'choose') return { from, to, arm: way % 3 };
  if (node.kind === 'approve' && way < 2) return { from, to, action: way === 0 ? 'hand_on' : 'reject' };
  if (node.ifItFails === 'link' && way < 2) return { from, to, on: 'failure' };
  if (node.repeat?.ifNotReached === 'link' && way < 2) return { from, to, on: 'not reached' };
  return { from, to };
}

/** Answers that depend on the seed, the step and its path alone. A step fails only where the document says what follows. */
export function answersOf({ skeleton, seed }: RandomDocument): Answers {
  const number = (...parts: (string | number)[]): number =>
    createHash('sha256')
      .update([seed, ...parts].join('|'))
      .digest()
      .readUInt32BE(0);
  const byId = new Map(skeleton.nodes.map((node) => [node.id, node]));
  return {
    outcome(node, path) {
      const roll = number('outcome', node, path) % 12;
      const { kind, ifItFails, each } = byId.get(node) ?? {};
      // No tool, model or other run has a part in it.
      if (kind === 'set' || kind === 'merge') return 'committed';
      if (roll === 0) return 'refused';
      return roll < 5 && ifItFails !== undefined && each === undefined ? 'failed' : 'committed';
    },
    verdict: (node, path, offered) => offered[number('verdict', node, path) % offered.length] ?? '',
    holds: (node, path, condition) => number('holds', node, path, condition) % 2 === 0,
    items: (node, path) => number('items', node, path) % 4,
  };
}

/** What the rules say of it. */
export function rulesFor(document: RandomDocument): Done {
  const { outcome, calls, told } = referenceRun(document.skeleton, answersOf(document));
  return { outcome, calls: [...new Set(calls)].sort(), told: [...new Set(told)].sort() };
}
