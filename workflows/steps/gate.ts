import type { StepEnd, StepHandler } from './step.ts';
import { parked } from './step.ts';

/** Opens the gate and waits for people; the row says what they decided. */
export const gate: StepHandler = async (step): Promise<StepEnd> => {
  const opened = await step.openGate();
  const { action, output, view } = await step.verdictOf(opened, step.node.waitsFor ?? '');
  if (!Object.hasOwn(step.node.actions ?? {}, action)) return parked('bug');
  return { as: 'committed', action, output, ...(view === undefined ? {} : { view }) };
};
