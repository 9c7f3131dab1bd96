import { askPeople, overdue } from './ask-people.ts';
import type { StepEnd, StepHandler } from './step.ts';
import { parked } from './step.ts';

/** People decide, or nobody does in time. */
export const gate: StepHandler = async (step): Promise<StepEnd> => {
  const { action, output, view } = await askPeople(step);
  const { actions = {}, ifOverdue } = step.node;
  const said = { as: 'committed', output, ...(view === undefined ? {} : { view }) } as const;
  if (action === overdue && ifOverdue === 'link') return { ...said, on: 'overdue' };
  if (!Object.hasOwn(actions, action)) return parked('bug');
  return { ...said, action };
};
