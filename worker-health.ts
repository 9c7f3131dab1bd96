/**
 * Exits 0 when a worker on this host has polled its task queue lately, else 1 with the reason: the health check of the
 * worker's container. It asks Temporal, so it also finds a worker that lives but lost its connection.
 *
 * Reads TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE and WAYMARK_TASK_QUEUE, which must be set. Knows its host's workers by the SDK's default
 * identity, `<pid>@<hostname>`.
 */
import { hostname } from 'node:os';
import { Connection } from '@temporalio/client';

/** A poll lasts up to 60 s; a worker not seen for longer than this many milliseconds is gone. */
const LATELY_MS = 90_000;

const names = ['TEMPORAL_ADDRESS', 'TEMPORAL_NAMESPACE', 'WAYMARK_TASK_QUEUE'] as const;
const [address, namespace, taskQueue] = names.map((name) => {
  const value = process.env[name];
  if (!value) {
    console.error(`${name} is not set`);
    process.exit(1);
  }
  return value;
}) as [string, string, string];

try {
  const connection = await Connection.connect({ address, connectTimeout: '5s' });
  const { pollers } = await connection.workflowService.describeTaskQueue({
    namespace,
    taskQueue: { name: taskQueue },
    taskQueueType: 1, // workflow tasks
  });
  await connection.close();
  const isOurs = pollers?.some(
    ({ identity, lastAccessTime }) =>
      identity?.endsWith(`@${hostname()}`) && Date.now() - Number(lastAccessTime?.seconds ?? 0) * 1000 < LATELY_MS,
  );
  if (!isOurs) {
    console.error(`no worker on ${hostname()} polls task queue ${taskQueue} of namespace ${namespace} at ${address}`);
    process.exitCode = 1;
  }
} catch (problem) {
  console.error(`cannot ask Temporal at ${address}: ${problem instanceof Error ? problem.message : String(problem)}`);
  process.exitCode = 1;
}
