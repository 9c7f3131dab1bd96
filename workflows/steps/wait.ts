import type { StepEnd, StepHandler } from './step.ts';

/** Lets the time pass that the document says, or that an activity reads from the values. It has no output. */
export const wait: StepHandler = async (step): Promise<StepEnd> => {
  const { waitMs } = step.node;
  const progress = step.progress<{ until?: number }>(() => ({}));
  progress.until ??= waitMs === undefined ? await step.evaluateWait() : step.now() + waitMs;
  await step.sleepUntil(progress.until);
  return { as: 'committed' };
};
