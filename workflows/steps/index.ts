/** A handler for each step kind: a kind without one is a type error. */
import type { SkeletonNode } from '../../compiler/skeleton.ts';
import { agent } from './agent.ts';
import { choose } from './choose.ts';
import { gate } from './gate.ts';
import { set } from './set.ts';
import type { StepHandler } from './step.ts';
import { tool } from './tool.ts';

export const handlers: Record<SkeletonNode['kind'], StepHandler> = { agent, tool, approve: gate, choose, set };
