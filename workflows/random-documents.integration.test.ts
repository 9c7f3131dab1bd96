/**
 * Random documents on a real server: what they do is what the rules say, and their histories replay.
 * `WAYMARK_ALL_ROUNDS` in the environment makes it 200.
 */
import { randomUUID } from 'node:crypto';
import { Client, Connection } from '@temporalio/client';
import { Worker } from '@temporalio/worker';
import fc from 'fast-check';
import { expect, inject, test } from 'vitest';
import { runDocumentWorkflow } from './messages.ts';
import { answeringWorld } from './testing/answering-world.ts';
import type { RandomDocument } from './testing/random-documents.ts';
import { randomDocuments, rulesFor } from './testing/random-documents.ts';
import { bundleInterpreter, connectQuietly } from './testing/try-interpreter.ts';

const count = process.env.WAYMARK_ALL_ROUNDS === undefined ? 25 : 200;

test(`${count} random documents do what the rules say, and replay`, async () => {
  const address = inject('temporalAddress');
  const namespace = inject('temporalNamespace');
  const documents = new Map<string, RandomDocument>();
  for (const document of fc.sample(randomDocuments, { numRuns: count, seed: 20_261_121 })) {
    documents.set(`random-${randomUUID()}`, document);
  }
  const connection = await Connection.connect({ address });
  const native = await connectQuietly(address);
  const client = new Client({ connection, namespace });
  const workflowBundle = await bundleInterpreter();
  const world = answeringWorld(documents);
  const taskQueue = `random-${randomUUID()}`;
  const worker = await Worker.create({
    connection: native,
    namespace,
    taskQueue,
    workflowBundle,
    activities: { ...world.activities },
  });
  const histories = await worker.runUntil(async () => {
    const runs = [...documents.keys()];
    const started = await Promise.all(
      runs.map((run) => client.workflow.start(runDocumentWorkflow, { taskQueue, workflowId: run, args: [{ run }] })),
    );
    await Promise.all(started.map((handle) => handle.result()));
    return Promise.all(
      started.map(async (handle) => ({ workflowId: handle.workflowId, history: await handle.fetchHistory() })),
    );
  });
  for (const [run, document] of documents) expect([run, world.doneBy(run)]).toEqual([run, rulesFor(document)]);
  const errors: unknown[] = [];
  for await (const { error } of Worker.runReplayHistories({ workflowBundle }, histories)) {
    if (error !== undefined) errors.push(error);
  }
  expect(errors).toEqual([]);
  await native.close();
  await connection.close();
}, 600_000);
