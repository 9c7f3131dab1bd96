/**
 * The ways in which a step can end so that the run goes on: the arms of a choose, the verdicts of a gate, a failure that
 * leads somewhere. A verdict that ends the run is none of them, nor is one that only leads back: another pass follows.
 */

import { unsaidActions } from './action-values.ts';
import type { EdgeDraft, StepDraft } from './draft.ts';

export interface Outcome {
  /** Plain edges are live after it. */
  plain: boolean;
  /** The step has an output. */
  output: boolean;
  /** Is this edge, which is no plain one, live after it? */
  leads: (edge: EdgeDraft) => boolean;
}

const done: Outcome = { plain: true, output: true, leads: () => false };

/** `edges` are all that lead out of the step, those back included. None where nothing can follow the step. */
export function outcomesOf(step: StepDraft, edges: readonly EdgeDraft[]): Outcome[] {
  const { values } = step;
  if (values.arms) return armOutcomes(values.arms.length, edges);
  if (step.kind === 'approve') return gateOutcomes(step, edges);
  const overdue = overdueOutcome(step, false);
  if (overdue) return [done, overdue];
  if (values.ifNotReached?.do === 'link') return [done, on('not reached', { plain: false, output: true })];
  if (values.ifItFails?.do === 'link') return [done, on('failure', { plain: false, output: false })];
  // In a loop it is the item that is left out.
  const skips = values.ifItFails?.do === 'skip' && !values.each;
  return skips ? [done, on('failure', { plain: true, output: false })] : [done];
}

export function isPlain(edge: EdgeDraft): boolean {
  return edge.arm === undefined && edge.action === undefined && edge.on === undefined;
}

function on(outcome: EdgeDraft['on'], { plain, output }: Pick<Outcome, 'plain' | 'output'>): Outcome {
  return { plain, output, leads: (edge) => edge.on === outcome };
}

function armOutcomes(arms: number, edges: readonly EdgeDraft[]): Outcome[] {
  const all = Array.from({ length: arms }, (_, arm): Outcome & { arm: number } => ({
    arm,
    plain: false,
    output: false,
    leads: (edge) => edge.arm === arm && !edge.back,
  }));
  const back = new Set(edges.filter((edge) => edge.back).map((edge) => edge.arm));
  const onward = new Set(edges.filter((edge) => !edge.back).map((edge) => edge.arm));
  return all.filter(({ arm }) => !back.has(arm) || onward.has(arm));
}

function gateOutcomes(step: StepDraft, edges: readonly EdgeDraft[]): Outcome[] {
  const outcomes: Outcome[] = [];
  for (const { name, effect } of step.values.actions ?? unsaidActions) {
    const own = edges.filter((edge) => edge.action === name);
    if (effect === 'end' || (own.some((edge) => edge.back) && own.every((edge) => edge.back))) continue;
    const leads = (edge: EdgeDraft): boolean => edge.action === name && !edge.back;
    outcomes.push({ plain: effect === 'continue', output: true, leads });
  }
  const overdue = overdueOutcome(step, true);
  return overdue ? [...outcomes, overdue] : outcomes;
}

/** A gate that nobody decided in time has a verdict of its own; a task that nobody did has no output. */
function overdueOutcome(step: StepDraft, output: boolean): Outcome | undefined {
  const what = step.values.ifOverdue?.do;
  if (what !== 'continue' && what !== 'link') return undefined;
  return on('overdue', { plain: what === 'continue', output });
}
