import type { StepEnd, StepHandler } from './step.ts';
import { parked } from './step.ts';

/** Opens the gate and waits for people; the row says what they decided. */
export const gate: StepHandler = async (step): Promise<StepEnd> => {
  const progress = step.progress<{ gate?: string }>(() => ({}));
  const opened = progress.gate === undefined ? await step.openGate() : { gate: progress.gate };
  progress.gate = opened.gate;
  const { action, output, view } = await step.verdictOf(opened, step.node.waitsFor ?? '');
  if (!Object.hasOwn(step.node.actions ?? {}, action)) return parked('bug');
  return { as: 'committed', action, output, ...(view === undefined ? {} : { view }) };
};
