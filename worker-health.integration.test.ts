import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { NativeConnection, Worker } from '@temporalio/worker';
import { expect, inject, test } from 'vitest';

/** Runs the health check as the container does. */
async function checkHealth(settings: Record<string, string>): Promise<{ exitCode: number | null; said: string }> {
  const script = join(import.meta.dirname, 'worker-health.ts');
  const run = spawn(process.execPath, [script], { env: { PATH: process.env.PATH, ...settings } });
  let said = '';
  run.stderr.on('data', (piece) => {
    said += String(piece);
  });
  const exitCode = await new Promise<number | null>((done) => run.once('close', done));
  return { exitCode, said: said.trim() };
}

test('it passes while a worker of this host polls the task queue, and says what is missing before', async () => {
  const workflowsPath = join(import.meta.dirname, 'tests', 'fixtures', 'idle-workflow.mjs');
  const taskQueue = `health-${randomUUID()}`;
  const address = inject('temporalAddress');
  const namespace = inject('temporalNamespace');
  const settings = { TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: namespace, WAYMARK_TASK_QUEUE: taskQueue };

  expect(await checkHealth(settings)).toEqual({
    exitCode: 1,
    said: `no worker on ${hostname()} polls task queue ${taskQueue} of namespace ${namespace} at ${address}`,
  });

  const connection = await NativeConnection.connect({ address });
  const worker = await Worker.create({ connection, namespace, taskQueue, workflowsPath });
  await worker.runUntil(async () => {
    await expect.poll(() => checkHealth(settings), { timeout: 20_000 }).toEqual({ exitCode: 0, said: '' });
  });
  await connection.close();
});

test('it fails with the reason when Temporal does not answer or a setting is missing', async () => {
  const settings = { TEMPORAL_ADDRESS: '127.0.0.1:1', TEMPORAL_NAMESPACE: 'none', WAYMARK_TASK_QUEUE: 'none' };
  expect(await checkHealth(settings)).toEqual({
    exitCode: 1,
    said: expect.stringMatching(/^cannot ask Temporal at 127\.0\.0\.1:1: /),
  });
  expect(await checkHealth({ ...settings, WAYMARK_TASK_QUEUE: '' })).toEqual({
    exitCode: 1,
    said: 'WAYMARK_TASK_QUEUE is not set',
  });
});
