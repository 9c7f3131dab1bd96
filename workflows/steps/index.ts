/** A handler for each step kind: a kind without one is a type error. */
import type { SkeletonNode } from '../../compiler/skeleton.ts';
import { agent } from './agent.ts';
import { choose } from './choose.ts';
import { forEach } from './for-each.ts';
import { gate } from './gate.ts';
import { group } from './group.ts';
import { merge } from './merge.ts';
import { person } from './person.ts';
import { repeat } from './repeat.ts';
import { set } from './set.ts';
import type { StepHandler } from './step.ts';
import { subflow } from './subflow.ts';
import { tool } from './tool.ts';
import { wait } from './wait.ts';

const handlers: Record<SkeletonNode['kind'], StepHandler> = {
  agent,
  tool,
  approve: gate,
  person,
  // Whoever talks it over says when they are done, as of a task.
  session: person,
  choose,
  merge,
  set,
  wait,
  repeat,
  'for each': forEach,
  steps: group,
  run: subflow,
};

/** An agent or tool step may run once for each item: then it is that first. */
export function handlerOf(node: SkeletonNode): StepHandler {
  return node.each === undefined ? handlers[node.kind] : forEach;
}
