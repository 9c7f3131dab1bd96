import { runApproved } from './run-approved.ts';
import type { StepHandler } from './step.ts';

export const set: StepHandler = (step) => runApproved(step, 'runSetStep');
