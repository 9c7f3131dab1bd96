/** The order of steps that a model drafted, as edges of a graph. */
import type { Edge } from '../graph.ts';
import { idOf } from '../passes/resolve-names.ts';
import type { RenderProblem } from '../render-document.ts';
import type { PlacedStep } from './parts-to-nodes.ts';
import { requestChanges } from './parts-to-nodes.ts';

/** A link back that a model drafts is bounded: a person who publishes may say otherwise. */
const returns = 2;

/** By the rules of the dialect where nothing is said. An id that no step has is a problem. */
export function edgesOf(steps: readonly PlacedStep[], problems: RenderProblem[]): Edge[] {
  const at = new Map(steps.map((step, index) => [idOf(step.id), index]));
  const edges: Edge[] = [];
  const lead = (index: number, from: string, to: string, mark: Pick<Edge, 'arm' | 'action'>, said: string): void => {
    const [start, end] = [at.get(idOf(from)), at.get(idOf(to))];
    if (start === undefined || end === undefined) {
      const missing = end === undefined ? to : from;
      problems.push({ at: `/nodes/${index}`, message: `Unexpected ${missing} in ${said}, expected the id of a step` });
      return;
    }
    // To wait for what comes later is no link back, but a mistake.
    const isBack = end <= start && said !== 'after';
    edges.push({ from: idOf(from), to: idOf(to), ...mark, ...(isBack && { back: { atMost: returns } }) });
  };
  for (const [index, step] of steps.entries()) {
    if (step.kind === 'choose') {
      for (const [arm, { to }] of step.arms.entries()) lead(index, step.id, to, { arm }, 'arms');
      lead(index, step.id, step.otherwise, { arm: step.arms.length }, 'otherwise');
    } else if (step.kind === 'approve' && step.sendsBackTo !== null) {
      lead(index, step.id, step.sendsBackTo, { action: requestChanges }, 'sendsBackTo');
    }
  }
  const linked = new Set(edges.filter((edge) => !edge.back).map((edge) => edge.to));
  const kinds = new Map(steps.map((step) => [idOf(step.id), step]));
  for (const [index, step] of steps.entries()) {
    const parent = step.inside === null ? undefined : kinds.get(idOf(step.inside));
    const before = steps.slice(0, index).findLast((one) => one.inside === step.inside);
    const isParallel = parent?.kind === 'group' && parent.parallel;
    const follows = before && before.kind !== 'choose' && !linked.has(idOf(step.id)) && !isParallel;
    const after = step.after ?? (follows ? [before.id] : []);
    for (const id of new Set(after.map(idOf))) {
      // The branches of a choose say themselves where they lead.
      if (kinds.get(id)?.kind === 'choose' && linked.has(idOf(step.id))) continue;
      lead(index, id, step.id, {}, 'after');
    }
  }
  const byOrder = (one: Edge, other: Edge): number =>
    (at.get(one.to) ?? 0) - (at.get(other.to) ?? 0) ||
    (at.get(one.from) ?? 0) - (at.get(other.from) ?? 0) ||
    (one.arm ?? -1) - (other.arm ?? -1);
  return edges.toSorted(byOrder);
}
