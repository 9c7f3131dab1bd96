import { randomUUID } from 'node:crypto';
import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import type { Workflows } from './temporal-client.ts';
import { connectWorkflows } from './temporal-client.ts';

let workflows: Workflows;
let connection: Connection;
let client: Client;
beforeAll(async () => {
  const [address, namespace] = [inject('temporalAddress'), inject('temporalNamespace')];
  workflows = connectWorkflows({ address, namespace, taskQueue: 'nobody-works-here' });
  connection = await Connection.connect({ address });
  client = new Client({ connection, namespace });
});
afterAll(async () => {
  await workflows.close();
  await connection.close();
});

const toStart = () => {
  const run = randomUUID();
  return { run, workflowId: `claim/${run}`, document: 'claim', title: 'Expense claim' };
};

test('a run is started under its id with what operators search and read, and its input is the run’s id alone', async () => {
  const run = toStart();
  await workflows.start(run);
  const handle = client.workflow.getHandle(run.workflowId);
  const described = await handle.describe();
  expect([described.type, described.taskQueue, await described.staticSummary()]).toEqual([
    'runDocument',
    'nobody-works-here',
    'Expense claim',
  ]);
  expect(
    Object.fromEntries(described.typedSearchAttributes.getAll().map(({ key, value }) => [key.name, value])),
  ).toEqual({
    WaymarkDocument: 'claim',
    WaymarkStatus: 'running',
  });
  const { events } = await handle.fetchHistory();
  const [payload] = events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads ?? [];
  expect(JSON.parse(Buffer.from(payload?.data ?? []).toString())).toEqual({ run: run.run });
  await handle.terminate();
});

test('starting again is success and starts nothing, while it runs and after it has ended', async () => {
  const run = toStart();
  await workflows.start(run);
  const handle = client.workflow.getHandle(run.workflowId);
  const first = (await handle.describe()).runId;
  await workflows.start(run);
  await handle.terminate();
  await workflows.start(run);
  expect((await handle.describe()).runId).toBe(first);
});

test('a ring is a signal that carries ids; without a running workflow it is absent', async () => {
  const run = toStart();
  expect(await workflows.ring(run.workflowId, { gate: 'g1' })).toBe('absent');
  await workflows.start(run);
  expect(await workflows.ring(run.workflowId, { gate: 'g1' })).toBe('rung');
  const handle = client.workflow.getHandle(run.workflowId);
  const { events } = await handle.fetchHistory();
  const signals = (events ?? []).flatMap((event) => event.workflowExecutionSignaledEventAttributes ?? []);
  expect(
    signals.map(({ signalName, input }) => [
      signalName,
      JSON.parse(Buffer.from(input?.payloads?.[0]?.data ?? []).toString()),
    ]),
  ).toEqual([['ring', { gate: 'g1' }]]);
  await handle.terminate();
  expect(await workflows.ring(run.workflowId, { gate: 'g1' })).toBe('absent');
});

test('the check passes with a server that answers and fails soon without one', async () => {
  await expect(workflows.check()).resolves.toBeUndefined();
  const nowhere = connectWorkflows({ address: '127.0.0.1:9', namespace: 'default', taskQueue: 'q' });
  await expect(nowhere.check()).rejects.toThrow();
  await nowhere.close();
});

test('a workflow is found running, ended however it was, or not at all', async () => {
  const run = toStart();
  expect(await workflows.look(run.workflowId)).toBe('absent');
  await workflows.start(run);
  expect(await workflows.look(run.workflowId)).toBe('running');
  await client.workflow.getHandle(run.workflowId).terminate();
  expect(await workflows.look(run.workflowId)).toBe('ended');
});
