/** Temporal's Reset with its defaults, as an operator presses it in the Web UI, and the replay of what was stored. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { bundleWorkflows } from '../../worker.ts';
import { claim } from '../system/documents.ts';
import type { System } from '../system/stack-fixture.ts';
import { startSystem } from '../system/stack-fixture.ts';

const run = promisify(execFile);
const points = ['FirstWorkflowTask', 'LastWorkflowTask'] as const;

let system: System;
beforeAll(async () => {
  system = await startSystem();
  await system.as('Mai Tran').publish(claim);
});
afterAll(() => system?.close());

/** A large claim that waits for the manager, its agent step done. */
async function waitingClaim(claimant: string, amount = 700) {
  const receipt = `${claimant}-receipt`;
  system.models.script(receipt, { says: { merchant: 'Railways', amount } });
  const id = await system.as('An Nguyen').start('claim', { receipt, claimed: 900, claimant });
  const gate = await system.openGateOf(id);
  const { workflowId } = await system.as('An Nguyen').run(id);
  return { id, receipt, gate, workflowId };
}

async function approvedClaim(claimant: string) {
  const waiting = await waitingClaim(claimant);
  await approve(waiting.gate);
  return { ...waiting, view: await system.until(waiting.id, 'completed') };
}

async function approve({ id, subject }: { id: string; subject: string }): Promise<void> {
  expect(await system.as('Mai Tran').decide(id, { action: 'approve', subject })).toMatchObject({ status: 201 });
}

/** Gives the id of the Temporal run that goes on in its place. */
async function reset(workflowId: string, point: (typeof points)[number]): Promise<string> {
  const where = ['--address', inject('temporalAddress'), '--namespace', system.namespace];
  const what = ['--workflow-id', workflowId, '--type', point, '--reason', 'test', '--output', 'json'];
  await run(inject('temporalCli'), ['workflow', 'reset', ...where, ...what]);
  const { runId } = await system.temporal.workflow.getHandle(workflowId).describe();
  return runId;
}

async function decisionsIn(id: string): Promise<number> {
  const { rows } = await system.as('Mai Tran').journal(id);
  return rows.filter(({ event }) => event === 'gate.decided').length;
}

/** The workflow has done what it can: the last event is no task that still has to be worked on. */
async function expectQuiet(workflowId: string): Promise<void> {
  const handle = system.temporal.workflow.getHandle(workflowId);
  const pending = async () => {
    const { raw } = await handle.describe();
    return (raw.pendingActivities?.length ?? 0) + (raw.pendingWorkflowTask ? 1 : 0);
  };
  await expect.poll(pending, { timeout: 30_000 }).toBe(0);
}

describe.each(points)('reset to the %s', (point) => {
  test('of a completed run: it ends as before, asks no model, decides nothing and pays nothing again', async () => {
    const claimant = `completed-${point}`;
    const { id, receipt, workflowId, view } = await approvedClaim(claimant);
    const resetRun = await reset(workflowId, point);
    const again = await system.temporal.workflow.getHandle(workflowId, resetRun).result();
    expect(again).toMatchObject({ outcome: 'completed' });
    expect(await system.until(id, 'completed')).toMatchObject({ result: view.result, waiting: [] });
    expect(system.models.asked(receipt)).toHaveLength(1);
    expect(system.tools.requestsFor(claimant)).toBe(1);
    expect(await decisionsIn(id)).toBe(1);
  });

  test('of a run that waits at a gate: it waits at the same gate, and goes on when that is decided', async () => {
    const claimant = `waiting-${point}`;
    const { id, receipt, gate, workflowId } = await waitingClaim(claimant);
    await reset(workflowId, point);
    await expectQuiet(workflowId);
    const { waiting } = await system.until(id, 'waiting');
    expect(waiting.map((one) => one.gate)).toEqual([gate.id]);
    expect(system.tools.requestsFor(claimant)).toBe(0);

    await approve(gate);
    const { result } = await system.until(id, 'completed');
    expect(result).toMatchObject({ receipt: { amount: 700 } });
    expect(system.models.asked(receipt)).toHaveLength(1);
    expect(system.tools.paymentsTo(claimant)).toEqual([{ to: claimant, amount: 700 }]);
    expect(system.tools.requestsFor(claimant)).toBe(1);
  });
});

test('an approval does not count after a Reset when what it approved no longer stands', async () => {
  const { tools, models, worker } = system;
  const claimant = 'other-amount';
  tools.refusePaymentsTo(claimant);
  const { id, receipt, gate, workflowId } = await waitingClaim(claimant, 700);
  await approve(gate);
  await system.until(id, 'needs-attention');
  expect(tools.paymentsTo(claimant)).toEqual([]);
  tools.acceptPaymentsTo(claimant);

  // Another model stands behind the same alias now, and reads another amount: the step is another piece of work.
  system.configureModels({ small: 'scripted-other' });
  models.script(receipt, { says: { merchant: 'Railways', amount: 800 } });
  await worker.stop();
  await worker.start();
  await reset(workflowId, 'FirstWorkflowTask');
  await expectQuiet(workflowId);

  const asked = await system.openGateOf(id);
  expect(asked.id).not.toBe(gate.id);
  expect(asked.shown.map(({ value }) => value)).toContainEqual({ merchant: 'Railways', amount: 800 });
  expect(asked.verdict).toBeUndefined();
  expect(tools.paymentsTo(claimant)).toEqual([]);
  const late = await system.as('Minh Pham').decide(gate.id, { action: 'approve', subject: gate.subject });
  expect(late.status).toBe(409);
  await system.as('Mai Tran').decide(asked.id, { action: 'reject', subject: asked.subject });
  await system.until(id, 'rejected');
  expect(tools.paymentsTo(claimant)).toEqual([]);
});

test('the stored histories of completed, rejected, waiting and reset runs replay', async () => {
  Runtime._instance ?? Runtime.install({ shutdownSignals: [], logger: new DefaultLogger('ERROR') });
  const completed = await approvedClaim('replayed-completed');
  const waiting = await waitingClaim('replayed-waiting');
  const rejected = await waitingClaim('replayed-rejected');
  await system.as('Mai Tran').decide(rejected.gate.id, { action: 'reject', subject: rejected.gate.subject });
  await system.until(rejected.id, 'rejected');
  await expectQuiet(waiting.workflowId);

  const histories = await Promise.all(
    [completed, waiting, rejected].map(async ({ workflowId }) => ({
      workflowId,
      history: await system.temporal.workflow.getHandle(workflowId).fetchHistory(),
    })),
  );
  const replayed: string[] = [];
  for await (const { workflowId, error } of Worker.runReplayHistories(
    { workflowBundle: await bundleWorkflows() },
    histories,
  )) {
    expect(error, workflowId).toBeUndefined();
    replayed.push(workflowId);
  }
  expect(replayed.toSorted()).toEqual(histories.map(({ workflowId }) => workflowId).toSorted());
});
