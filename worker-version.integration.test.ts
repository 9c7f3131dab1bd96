import { randomUUID } from 'node:crypto';
import { Client, Connection } from '@temporalio/client';
import proto from '@temporalio/proto';
import type { NativeConnection, WorkflowBundle } from '@temporalio/worker';
import { afterAll, beforeAll, expect, inject, test, vi } from 'vitest';
import { becomeCurrentIfNone, deploymentOptions } from './worker-version.ts';
import { approval, draw } from './workflows/testing/draw-skeleton.ts';
import { scriptedWorld } from './workflows/testing/scripted-run.ts';
import type { StartedRun, Trial } from './workflows/testing/try-interpreter.ts';
import { bundleInterpreter, connectQuietly, tryInterpreter } from './workflows/testing/try-interpreter.ts';
import { decide, patience, told } from './workflows/testing/watch-run.ts';

const pinned = proto.temporal.api.workflow.v1.VersioningOverride.PinnedOverrideBehavior.PINNED_OVERRIDE_BEHAVIOR_PINNED;

let connection: Connection;
let native: NativeConnection;
let client: Client;
let bundle: WorkflowBundle;

beforeAll(async () => {
  const address = inject('temporalAddress');
  connection = await Connection.connect({ address });
  native = await connectQuietly(address);
  client = new Client({ connection, namespace: inject('temporalNamespace') });
  bundle = await bundleInterpreter();
});
afterAll(async () => {
  // Workers of a test that failed still use it.
  await native?.close().catch(() => undefined);
  await connection?.close();
});

const asked = {
  skeleton: draw([
    { id: 'ask', ...approval },
    { id: 'pay', kind: 'tool', after: ['ask'] },
  ]),
};

const buildOf = async ({ handle }: StartedRun): Promise<string> => {
  const { raw } = await handle.describe();
  return raw.workflowExecutionInfo?.versioningInfo?.deploymentVersion?.buildId ?? '';
};

test('a run stays with the build that started it, until somebody moves it', async () => {
  const taskQueue = `versions-${randomUUID()}`;
  const deployment = taskQueue;
  const world = scriptedWorld();
  const { namespace } = client.options;
  const startBuild = (buildId: string): Promise<Trial> => {
    const worker = { workerDeploymentOptions: deploymentOptions({ deployment, buildId }) };
    return tryInterpreter({ client, connection: native, bundle, worker, taskQueue, world });
  };
  const become = (buildId: string) => becomeCurrentIfNone(native, namespace, { deployment, buildId });

  const one = await startBuild('one');
  expect(await become('one')).toBe('one');
  const staying = await one.start(asked);
  const moved = await one.start(asked);
  for (const run of [staying, moved]) {
    await told(run, 'waiting');
    expect(await buildOf(run)).toBe('one');
  }

  const two = await startBuild('two');
  // There is a current version, which only a deploy replaces.
  expect(await become('two')).toBe('one');
  // The server knows a version once its worker has polled.
  await vi.waitFor(
    () =>
      native.workflowService.setWorkerDeploymentCurrentVersion({
        namespace,
        deploymentName: deployment,
        buildId: 'two',
        identity: 'test',
      }),
    patience,
  );
  const later = await two.start(asked);
  await told(later, 'waiting');
  expect(await buildOf(later)).toBe('two');

  await decide(staying, 'gate of ask', 'approve');
  expect((await staying.result()).outcome).toBe('completed');
  expect(await buildOf(staying)).toBe('one');

  await one.stop();
  const deploymentVersion = { deploymentName: deployment, buildId: 'two' };
  await client.workflowService.updateWorkflowExecutionOptions({
    namespace,
    workflowExecution: { workflowId: moved.handle.workflowId },
    workflowExecutionOptions: {
      versioningOverride: { pinned: { behavior: pinned, version: deploymentVersion } },
    },
    updateMask: { paths: ['versioning_override'] },
  });
  await decide(moved, 'gate of ask', 'approve');
  expect((await moved.result()).outcome).toBe('completed');
  await two.stop();
});
