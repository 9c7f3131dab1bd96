/** Skeletons for tests, in a line per step: `draw(['a', 'b after a', 'c? after b'])`. */
import type { Skeleton, SkeletonEdge, SkeletonNode } from '../../compiler/skeleton.ts';

export interface Drawn extends Partial<Omit<SkeletonNode, 'id'>> {
  id: string;
  /** Ids, or `id/arm` and `id:action` for an edge of a choose or of a gate. */
  after?: string[];
}

/** A step without a kind is an agent step; one without a title is called as its id with spaces. */
export function draw(steps: Drawn[], more: { resultReads?: string[]; title?: string } = {}): Skeleton {
  const indexOf = new Map(steps.map(({ id }, index) => [id, index]));
  const nodes = steps.map(({ after: _, ...step }): SkeletonNode => {
    const title = step.id.replaceAll('_', ' ');
    return { kind: 'agent', title: `${title.slice(0, 1).toUpperCase()}${title.slice(1)}`, ...step };
  });
  const edges = steps.flatMap(({ after = [] }, to) =>
    after.map((link): SkeletonEdge => {
      const [id = '', arm] = link.split('/');
      const [gate = '', action] = id.split(':');
      const from = indexOf.get(gate);
      if (from === undefined) throw new Error(`no step ${gate}`);
      return {
        from,
        to,
        ...(arm === undefined ? {} : { arm: Number(arm) }),
        ...(action === undefined ? {} : { action }),
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
