/** What becomes of a run's state when a step has ended: what it gave, what it decides about others, where it leads back to. */
import type { CancellationScope } from '@temporalio/workflow';
import { isCancellation } from '@temporalio/workflow';
import type { Transition } from '../activities/contract.ts';
import { ExpressionError } from '../compiler/expressions/evaluate.ts';
import type { Ending } from './edges.ts';
import { failedForGood, isUnsettled } from './failure-class.ts';
import { endingFrame, pathOf } from './frames.ts';
import { placeName } from './heed-order.ts';
import type { At, RunState } from './run-state.ts';
import type { StepEnd } from './steps/step.ts';

export type Performed = StepEnd | { as: 'parked'; reason: string; recorded?: true; why?: string } | 'cancelled';

/** @throws what is neither a cancel, a failed condition nor the failure of an activity */
export function whyNot(error: unknown, work: CancellationScope): Performed {
  if (work.consideredCancelled && isCancellation(error)) return 'cancelled';
  if (error instanceof ExpressionError) return { as: 'parked', reason: 'condition-failed', why: error.message };
  const failed = failedForGood(error);
  if (failed === undefined) throw error;
  return { as: 'parked', reason: failed.class, ...(failed.recorded ? { recorded: true } : {}) };
}

/** Takes in how a step ended, and what that decides about others. */
export function settle(state: RunState, at: At, end: Exclude<Performed, 'cancelled'>): void {
  const { frame, place } = at;
  const node = frame.scope.nodes[place];
  const key = placeName(at);
  if (end.as === 'parked') {
    if (!('recorded' in end)) {
      const parked = transition(at, 'parked', end.reason);
      state.log.add('why' in end ? { ...parked, why: end.why } : parked);
    }
    const isSettled = !isUnsettled(end.reason);
    const handled = isSettled ? handledFailure(at) : undefined;
    if (handled === undefined) {
      frame.flow.fail(place);
      const ending = isSettled ? endingFrame(frame) : undefined;
      if (ending === undefined) state.failures.set(key, { at, id: node?.id ?? '', class: end.reason });
      else ending.failed = true;
      return;
    }
    settle(state, at, handled);
    return;
  }
  frame.progress.delete(place);
  if (end.as === 'committed') take(state, at, end);
  else if (end.as === 'bypassed' || !end.told) state.log.add(transition(at, end.as));

  const ending = endingOf(end);
  if (frame.flow.leadsBack(place, ending)) {
    goBack(at, ending, end);
    return;
  }
  frame.orders.delete(place);
  for (const over of frame.flow.end(place, ending)) {
    state.log.add(transition({ frame, place: over.node }, over.as));
  }
}

/** `if it fails`, of a step that runs once: an item's failure is its container's to handle. */
function handledFailure({ frame, place }: At): Exclude<StepEnd, { as: 'parked' }> | undefined {
  switch (frame.scope.nodes[place]?.ifItFails) {
    case 'skip':
      return { as: 'bypassed' };
    case 'link':
      return { as: 'committed', on: 'failure' };
    default:
      return undefined;
  }
}

function take(state: RunState, at: At, end: StepEnd & { as: 'committed' }): void {
  const { frame, place } = at;
  const { id, arms } = frame.scope.nodes[place] ?? { id: '' };
  if (end.output !== undefined) frame.values.set(id, { digest: end.output, view: end.view ?? {} });
  if (end.action !== undefined) frame.remarks.set(place, end.action);
  if (end.on !== undefined) frame.remarks.set(place, end.on);
  if (arms === undefined) return;
  const target = frame.scope.edges.find((edge) => edge.from === place && edge.arm === end.arm);
  const chosen = frame.scope.nodes[target?.to ?? -1];
  if (chosen !== undefined) frame.remarks.set(place, `chose ${chosen.title}`);
  state.log.add(transition(at, 'chosen', String(end.arm)));
}

/** Forgets what the body gave, and tells the step it begins with why it runs again. */
function goBack({ frame, place }: At, ending: Ending, end: StepEnd): void {
  const { to, body } = frame.flow.goBack(place, ending);
  const verdict = frame.values.get(frame.scope.nodes[place]?.id ?? '');
  const said = end.as === 'committed' && end.feedback !== undefined ? end.feedback : verdict;
  for (const one of body) {
    frame.values.delete(frame.scope.nodes[one]?.id ?? '');
    frame.feedback.delete(one);
    frame.orders.delete(one);
    if (one !== place) frame.remarks.delete(one);
  }
  if (said !== undefined) frame.feedback.set(to, said);
}

function transition(at: At, to: Transition['to'], detail?: string): Transition {
  const path = pathOf(at.frame, at.place);
  const order = at.frame.orders.get(at.place);
  const told: Transition = { node: at.frame.scope.nodes[at.place]?.id ?? '', to };
  if (path !== '') told.path = path;
  if (detail !== undefined) told.detail = detail;
  if (order !== undefined && (to === 'parked' || to === 'bypassed')) told.order = order.command;
  return told;
}

function endingOf(end: Exclude<StepEnd, { as: 'parked' }>): Ending {
  if (end.as !== 'committed') return { as: end.as };
  const { arm, action, on } = end;
  return {
    as: 'committed',
    ...(arm === undefined ? {} : { arm }),
    ...(action === undefined ? {} : { action }),
    ...(on === undefined ? {} : { on }),
  };
}
