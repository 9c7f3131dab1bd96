import type { SkeletonNode } from '../../compiler/skeleton.ts';
import { askPeople, overdue } from './ask-people.ts';
import type { StepEnd, StepHandler } from './step.ts';
import { parked } from './step.ts';

/** People decide, or nobody does in time. */
export const gate: StepHandler = async (step): Promise<StepEnd> => {
  const { action, output, view } = await askPeople(step);
  const ending = endingBy(step.node, action);
  return ending === undefined ? parked('bug') : { ...ending, output, ...(view === undefined ? {} : { view }) };
};

/** How a gate ends by this verdict; undefined of a word that it does not know. */
export function endingBy({ actions = {}, ifOverdue }: SkeletonNode, action: string): GateEnding | undefined {
  if (action === overdue && ifOverdue === 'link') return { as: 'committed', on: 'overdue' };
  return Object.hasOwn(actions, action) ? { as: 'committed', action } : undefined;
}

type GateEnding = { as: 'committed'; action: string } | { as: 'committed'; on: 'overdue' };
