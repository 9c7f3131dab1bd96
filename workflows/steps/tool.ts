import { runApproved } from './run-approved.ts';
import type { StepHandler } from './step.ts';

export const tool: StepHandler = (step) => runApproved(step, 'runToolStep');
