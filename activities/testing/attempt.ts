/** One attempt of an activity as Temporal makes it. */
import { ApplicationFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { withHeartbeats } from '../heartbeat.ts';

/** Its outcome, or the failure that Temporal would see. Anything else that is thrown is a fault, and thrown on. */
export async function attemptOf<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T | ApplicationFailure> {
  // Failures are what many tests are about: the SDK need not print each.
  const environment = new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR') });
  try {
    return await environment.run(() => withHeartbeats(work));
  } catch (problem) {
    if (problem instanceof ApplicationFailure) return problem;
    throw problem;
  }
}
