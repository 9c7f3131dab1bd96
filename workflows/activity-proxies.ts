/** The activities as the workflow calls them: what each may take, how it is retried, and how it reads in the Web UI. */
import type { ActivityOptions } from '@temporalio/workflow';
import { ActivityCancellationType, proxyLocalActivities, scheduleActivity } from '@temporalio/workflow';
import type { RunActivities } from '../activities/contract.ts';
import { summaryText } from './words.ts';

type Local = 'beginRun' | 'finishRun' | 'flushLog' | 'keepState' | 'readState';
export type RemoteActivity = Exclude<keyof RunActivities, Local>;
export type InputOf<Name extends RemoteActivity> = Parameters<RunActivities[Name]>[0];
export type ResultOf<Name extends RemoteActivity> = Awaited<ReturnType<RunActivities[Name]>>;

/** Activities say themselves what retrying can't cure; all else is retried until it succeeds or the run is cancelled. */
const retry = { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '1 minute' } as const;

/** What is in flight at a cancel is waited for: a write's outcome is known before the run closes. */
const cancellationType = ActivityCancellationType.WAIT_CANCELLATION_COMPLETED;

/** A model or a tool is called: heartbeats tell a lost worker, and carry the cancel. */
const slow: ActivityOptions = {
  retry,
  cancellationType,
  startToCloseTimeout: '5 minutes',
  heartbeatTimeout: '10 seconds',
};

/** A cancelled run ends, though what takes a write back may be away. */
const mostUndoTries = 10;

/** The store alone is asked. */
const fast: ActivityOptions = { retry, cancellationType, startToCloseTimeout: '15 seconds' };

const optionsOf: Record<RemoteActivity, ActivityOptions> = {
  runAgentStep: slow,
  runToolStep: slow,
  runSetStep: fast,
  runSubflow: fast,
  supplyOutput: slow,
  listUndo: fast,
  undoWrite: { ...slow, retry: { ...retry, maximumAttempts: mostUndoTries } },
  runMergeStep: fast,
  runCollect: fast,
  joinItems: fast,
  collectReads: fast,
  listItems: fast,
  evaluateWait: fast,
  evaluateConditions: fast,
  openGate: fast,
  closeOverdue: fast,
  remindGate: fast,
  hear: fast,
  readGates: fast,
  recallSteps: fast,
};

/** One marker event each, in the workflow task that is open anyway. */
export const { beginRun, finishRun, flushLog, keepState, readState } = proxyLocalActivities<Pick<RunActivities, Local>>(
  {
    retry,
    cancellationType,
    startToCloseTimeout: '15 seconds',
  },
);

/**
 * Schedules an activity before it returns. `name` is what pending activities and Reset show, `summary` what the
 * timeline shows beside the activity's type. A name that is pending already may not be used again.
 */
export function callActivity<Name extends RemoteActivity>(
  activity: Name,
  shown: { name: string; summary: string },
  input: InputOf<Name>,
): Promise<ResultOf<Name>> {
  const options = { ...optionsOf[activity], activityId: shown.name, summary: summaryText(shown.summary) };
  return scheduleActivity<ResultOf<Name>>(activity, [input], options);
}
