import { askPeople, overdue } from './ask-people.ts';
import type { StepEnd, StepHandler } from './step.ts';

/** A person does a task, and what they filled in is its output. One that nobody does in time has none. */
export const person: StepHandler = async (step): Promise<StepEnd> => {
  const { action, output, view } = await askPeople(step);
  if (action !== overdue) return { as: 'committed', output, ...(view === undefined ? {} : { view }) };
  return step.node.ifOverdue === 'link' ? { as: 'committed', on: 'overdue' } : { as: 'refused', told: false };
};
