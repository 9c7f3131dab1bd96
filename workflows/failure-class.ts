/** What an activity that failed for good tells the workflow: a class, never content. */
import { ActivityFailure, ApplicationFailure } from '@temporalio/workflow';

export interface FailedForGood {
  /** As the activity named it; anything that is not ours is a `bug`. */
  class: string;
  /** A step's own activity gave it, and has recorded it. */
  recorded: boolean;
}

const prefix = 'waymark.';

const unsettled = new Set(['outcome-unknown', 'effect-conflict']);

/** Of a class under which a write parks until a person has said what became of it: the step has not failed before. */
export const isUnsettled = (failureClass: string): boolean => unsettled.has(failureClass);

/** How the run had ended, told by an activity that was asked to begin a step of it nevertheless: after a Reset. */
export function endedAs(error: unknown): 'cancelled' | 'aborted' | undefined {
  const failed = failedForGood(error)?.class;
  return failed === 'cancelled' || failed === 'aborted' ? failed : undefined;
}

/** Undefined for anything but the failure of an activity. Temporal wraps that of a local one in nothing. */
export function failedForGood(error: unknown): FailedForGood | undefined {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  if (cause === error && !(error instanceof ApplicationFailure)) return undefined;
  const type = cause instanceof ApplicationFailure ? cause.type : undefined;
  if (!type?.startsWith(prefix)) return { class: 'bug', recorded: false };
  const recorded = error instanceof ActivityFailure && /^(run|supply)/.test(error.activityType);
  return { class: type.slice(prefix.length), recorded };
}
