import type { StepEnd, StepHandler } from './step.ts';
import { committed, parked } from './step.ts';

/** Runs the steps within once; its output is the record of theirs. */
export const group: StepHandler = async (step): Promise<StepEnd> => {
  const end = await step.runWithin({});
  if (end.as === 'refused') return { as: 'refused', told: false };
  if (end.as === 'failed') return parked('given-up');
  return committed(await end.collect());
};
