import { runApproved } from './run-approved.ts';
import type { StepHandler } from './step.ts';

export const merge: StepHandler = (step) => runApproved(step, 'runMergeStep');
