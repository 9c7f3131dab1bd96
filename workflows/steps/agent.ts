import { runApproved } from './run-approved.ts';
import type { StepHandler } from './step.ts';

export const agent: StepHandler = (step) => runApproved(step, 'runAgentStep');
