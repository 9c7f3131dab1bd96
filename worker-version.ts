/**
 * Versions of the worker. A run stays with the build that started it, so a deploy moves no run that waits: workers of the
 * old build are kept until their runs have ended, or the runs are moved (docs/operations.md).
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { NativeConnection, WorkerDeploymentOptions } from '@temporalio/worker';

export interface WorkerVersion {
  /** All workers of one task queue have the same. */
  deployment: string;
  /** Differs where the code of the workflows does. */
  buildId: string;
}

export function deploymentOptions({ deployment, buildId }: WorkerVersion): WorkerDeploymentOptions {
  return {
    useWorkerVersioning: true,
    version: { deploymentName: deployment, buildId },
    defaultVersioningBehavior: 'PINNED',
  };
}

const patienceMs = 60_000;

/**
 * Of a deployment that has no current version yet, this becomes it: new runs are started on it. A later build is made
 * current by whoever deploys. Resolves with the build that is current then; call it once a worker of the version polls.
 */
export async function becomeCurrentIfNone(
  connection: NativeConnection,
  namespace: string,
  { deployment, buildId }: WorkerVersion,
): Promise<string> {
  const started = Date.now();
  for (;;) {
    try {
      const known = await connection.workflowService.describeWorkerDeployment({
        namespace,
        deploymentName: deployment,
      });
      const current = known.workerDeploymentInfo?.routingConfig?.currentDeploymentVersion?.buildId;
      if (current) return current;
      await connection.workflowService.setWorkerDeploymentCurrentVersion({
        namespace,
        deploymentName: deployment,
        buildId,
        conflictToken: known.conflictToken ?? null,
        identity: 'waymark',
      });
    } catch (problem) {
      // The server learns of a version by its first poll, and another worker may do the same at this moment.
      if (!isPassing(problem) || Date.now() - started > patienceMs) throw problem;
      await delay(200);
    }
  }
}

function isPassing(problem: unknown): boolean {
  const code = problem instanceof Error && 'code' in problem ? problem.code : undefined;
  const notFound = 5;
  const failedPrecondition = 9;
  const aborted = 10;
  const unavailable = 14;
  return [notFound, failedPrecondition, aborted, unavailable].some((one) => one === code);
}
