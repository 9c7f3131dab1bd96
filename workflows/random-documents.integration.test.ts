/**
 * Random documents on the time-skipping server: what they do is what the rules say, and their histories replay with the same
 * commands. `WAYMARK_ALL_ROUNDS` in the environment makes it 200.
 */
import { randomUUID } from 'node:crypto';
import { Client } from '@temporalio/client';
import { Worker } from '@temporalio/worker';
import fc from 'fast-check';
import { expect, inject, test } from 'vitest';
import { createTimeSkipping } from '../dev/test-temporal.ts';
import { ringSignal, runDocumentWorkflow, searchAttributes } from './messages.ts';
import { answeringWorld } from './testing/answering-world.ts';
import type { RandomDocument } from './testing/random-documents.ts';
import { randomDocuments, rulesFor } from './testing/random-documents.ts';
import { bundleInterpreter, quietRuntime } from './testing/try-interpreter.ts';

const count = process.env.WAYMARK_ALL_ROUNDS === undefined ? 25 : 200;

test(`${count} random documents do what the rules say, and replay`, async () => {
  const documents = new Map<string, RandomDocument>();
  for (const document of fc.sample(randomDocuments, { numRuns: count, seed: 20_261_121 })) {
    documents.set(`random-${randomUUID()}`, document);
  }
  quietRuntime();
  const environment = await createTimeSkipping({ binary: inject('temporalTestServer'), searchAttributes });
  try {
    const { connection: own, nativeConnection: connection } = environment;
    // Not the environment's own client, which has the clock jump while it awaits: nothing in these documents waits by the clock,
    // and with dozens of runs under way the server now and then jumps for ever.
    const client = new Client({ connection: own });
    const workflowBundle = await bundleInterpreter();
    // A run that has ended meanwhile needs no ring; any other is rung again.
    const world = answeringWorld(documents, (run, ring) => {
      client.workflow
        .getHandle(run)
        .signal(ringSignal, ring)
        .catch(() => undefined);
    });
    const taskQueue = `random-${randomUUID()}`;
    const worker = await Worker.create({ connection, taskQueue, workflowBundle, activities: { ...world.activities } });
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
  } finally {
    await environment.teardown();
  }
}, 600_000);
