/** The surroundings of an activity: heartbeats while it works, and a cancel told as one. */
import { Context } from '@temporalio/activity';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { storeTrouble } from '../prisma/store-trouble.ts';

/** Milliseconds. A cancel reaches an activity with the answer to a heartbeat. */
const EVERY_MS = 1000;
const STORE_AWAY_MS = 1000;

/** Runs `work` with the activity's cancellation signal, heartbeating until it ends. */
export async function withHeartbeats<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const context = Context.current();
  const timer = setInterval(() => context.heartbeat(), EVERY_MS);
  context.heartbeat();
  try {
    return await work(context.cancellationSignal);
  } catch (problem) {
    if (problem instanceof ApplicationFailure || !context.cancellationSignal.aborted) throw plain(problem);
    // Without its cause: that could quote what was being read.
    if (context.cancellationDetails?.cancelRequested) throw new CancelledFailure('cancelled');
    // The worker is going away, not the step: another worker makes the next attempt.
    throw ApplicationFailure.retryable('The worker is shutting down', 'waymark.transient');
  } finally {
    clearInterval(timer);
  }
}

/** For activities that only ask the store. */
export async function withPlainFailures<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (problem) {
    throw plain(problem);
  }
}

/** Errors of libraries quote what they choked on; history gets our own words only. */
function plain(problem: unknown): unknown {
  if (problem instanceof ApplicationFailure || problem instanceof CancelledFailure) return problem;
  if (storeTrouble(problem)) {
    // Tried again at one pace: with pauses that grow, a run would rest for a minute after the store is back.
    const [message, type] = ['The store could not be reached', 'waymark.transient'];
    return ApplicationFailure.create({ message, type, nextRetryDelay: STORE_AWAY_MS });
  }
  const name = problem instanceof Error ? problem.name : 'unknown';
  return ApplicationFailure.create({
    message: `Something unexpected went wrong (${name})`,
    type: 'waymark.bug',
    nonRetryable: true,
  });
}
