import { ActivityCancellationDetails, ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { expect, test } from 'vitest';
import { withHeartbeats, withPlainFailures } from './heartbeat.ts';

const environment = () => new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR') });

const untilAborted = (signal: AbortSignal) =>
  new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(new Error('PLANTED'))));

test('an activity heartbeats from its start', async () => {
  const mock = environment();
  let beats = 0;
  mock.on('heartbeat', () => {
    beats += 1;
  });
  expect(await mock.run(() => withHeartbeats(async () => 'done'))).toBe('done');
  expect(beats).toBe(1);
});

test('a cancel that was asked for ends the activity as cancelled', async () => {
  const mock = environment();
  const running = mock.run(() => withHeartbeats(untilAborted));
  mock.cancel('CANCELLED', new ActivityCancellationDetails({ cancelRequested: true }));
  const problem = await running.catch((error: unknown) => error);
  expect(problem).toBeInstanceOf(CancelledFailure);
  expect((problem as CancelledFailure).cause).toBeUndefined();
});

test('a worker that shuts down hands the step back to be tried again', async () => {
  const mock = environment();
  const running = mock.run(() => withHeartbeats(untilAborted));
  mock.cancel('WORKER_SHUTDOWN', new ActivityCancellationDetails({ workerShutdown: true }));
  await expect(running).rejects.toMatchObject({ type: 'waymark.transient', nonRetryable: false });
});

test('what was not foreseen reaches history by its name only, and trouble with the store is tried again at one pace', async () => {
  const failed = (problem: Error) => withPlainFailures(() => Promise.reject(problem));
  await expect(failed(new TypeError('PLANTED'))).rejects.toMatchObject({
    type: 'waymark.bug',
    nonRetryable: true,
    message: 'Something unexpected went wrong (TypeError)',
  });
  await expect(failed(Object.assign(new Error('PLANTED'), { code: 'P2028' }))).rejects.toMatchObject({
    type: 'waymark.transient',
    nonRetryable: false,
    message: 'The store could not be reached',
    nextRetryDelay: 1000,
  });
  const ours = ApplicationFailure.nonRetryable('ours', 'waymark.refusal');
  await expect(failed(ours)).rejects.toBe(ours);
});
