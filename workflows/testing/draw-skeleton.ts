/** Skeletons for tests, in a line per step: `draw(['a', 'b after a', 'c? after b'])`. */
import type { Skeleton, SkeletonEdge, SkeletonNode } from '../../compiler/skeleton.ts';

export interface Drawn extends Partial<Omit<SkeletonNode, 'id' | 'parent'>> {
  id: string;
  /** Ids, or `id/arm`, `id:action` and `id!outcome` for an edge of a choose, of a gate, or of an outcome. */
  after?: string[];
  /** The same with `*N`: links that lead back to this step, at most N times. */
  backFrom?: string[];
  /** Id of the container. */
  in?: string;
}

/** A step without a kind is an agent step; one without a title is called as its id with spaces. */
export function draw(steps: Drawn[], more: { resultReads?: string[]; title?: string } = {}): Skeleton {
  const indexOf = new Map(steps.map(({ id }, index) => [id, index]));
  const nodes = steps.map(({ after: _, backFrom: __, in: container, ...step }): SkeletonNode => {
    const title = step.id.replaceAll('_', ' ');
    const parent = container === undefined ? {} : { parent: indexOf.get(container) ?? -1 };
    return { kind: 'agent', title: `${title.slice(0, 1).toUpperCase()}${title.slice(1)}`, ...step, ...parent };
  });
  const edges = steps.flatMap(({ after = [], backFrom = [] }, to) =>
    [...after, ...backFrom].map((link): SkeletonEdge => {
      const [, id = '', arm, action, on, atMost] =
        /^(\w+)(?:\/(\d))?(?::(\w+))?(?:!([\w ]+))?(?:\*(\d+))?$/.exec(link) ?? [];
      const from = indexOf.get(id);
      if (from === undefined) throw new Error(`no step ${link}`);
      return {
        from,
        to,
        ...(arm === undefined ? {} : { arm: Number(arm) }),
        ...(action === undefined ? {} : { action }),
        ...(on === undefined ? {} : { on: on as NonNullable<SkeletonEdge['on']> }),
        ...(atMost === undefined ? {} : { back: { atMost: Number(atMost) } }),
      };
    }),
  );
  return { title: more.title ?? 'Expense approval', nodes, edges, resultReads: more.resultReads ?? [] };
}

export const approval = {
  kind: 'approve',
  waitsFor: 'manager',
  actions: { approve: 'continue', reject: 'end' },
} as const;

/** `a` to the last letter needed, each after the one before. */
export function chain(length: number): Skeleton {
  return draw(Array.from({ length }, (_, index) => ({ id: `s${index}`, after: index === 0 ? [] : [`s${index - 1}`] })));
}

/** Steps that wait for nothing. */
export function fan(length: number): Skeleton {
  return draw(Array.from({ length }, (_, index) => ({ id: `s${index}` })));
}
