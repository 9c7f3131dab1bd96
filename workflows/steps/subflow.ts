import { runApproved } from './run-approved.ts';
import type { StepHandler } from './step.ts';

export const subflow: StepHandler = (step) => runApproved(step, 'runSubflow');
