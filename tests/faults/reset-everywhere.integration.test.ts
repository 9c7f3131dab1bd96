/**
 * Temporal's Reset at every completed workflow task of a purchase with a loop, two gates and two writes: with its defaults, which
 * bring the signals again, and without signals. Short here: a few points; `npm run test:faults` takes every one.
 */
import { randomUUID } from 'node:crypto';
import type proto from '@temporalio/proto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openStore } from '../../prisma/open.ts';
import { ringSignal } from '../../workflows/messages.ts';
import type { System } from '../system/stack-fixture.ts';
import { startSystem } from '../system/stack-fixture.ts';
import type { Purchase, Purchases } from './purchases.ts';
import { lossesOf, openPurchases } from './purchases.ts';

const all = process.env.WAYMARK_FAULT_TIMES !== undefined;
/** Asked to change it, approved, paid, accepted, paid. */
const course = 1;
/** Of the enumeration that the server calls ResetReapplyExcludeType and ResetReapplyType. */
const [signals, allEligible] = [1, 3];
const modes = { 'with its defaults': [], 'without signals': [signals] };

let system: System;
let purchases: Purchases;
let store: Awaited<ReturnType<typeof openStore>>;
beforeAll(async () => {
  system = await startSystem();
  store = await openStore({ url: system.database.apiUrl, role: 'api' });
  purchases = await openPurchases(system);
});
afterAll(async () => {
  await store?.close();
  await system?.close();
});

interface Execution {
  workflowId: string;
  runId: string;
}

async function executionOf({ run }: Purchase): Promise<Execution> {
  const { workflowId } = await system.as('Mai Tran').run(run);
  const { runId } = await system.temporal.workflow.getHandle(workflowId).describe();
  return { workflowId, runId };
}

type Point = NonNullable<proto.temporal.api.history.v1.IHistoryEvent['eventId']>;

/** Ids of the events at which a workflow task was completed. */
async function allPointsOf({ workflowId, runId }: Execution): Promise<Point[]> {
  const { events } = await system.temporal.workflow.getHandle(workflowId, runId).fetchHistory();
  return (events ?? []).flatMap(({ eventId, workflowTaskCompletedEventAttributes: completed }) =>
    completed && eventId ? [eventId] : [],
  );
}

/** In the short form a few of them. */
async function pointsOf(execution: Execution): Promise<Point[]> {
  const points = await allPointsOf(execution);
  expect(points.length).toBeGreaterThan(10);
  return all ? points : points.filter((_, index) => index % 5 === 1);
}

/** Resolves when what goes on in its place has done all it can. */
async function reset(of: Execution, point: Point, exclude: readonly number[]): Promise<Execution> {
  const { runId = '' } = await system.temporal.workflowService.resetWorkflowExecution({
    namespace: system.namespace,
    workflowExecution: of,
    workflowTaskFinishEventId: point,
    requestId: randomUUID(),
    reason: 'test',
    resetReapplyType: allEligible,
    resetReapplyExcludeTypes: [...exclude],
  });
  const now = { workflowId: of.workflowId, runId };
  await quiet(now);
  return now;
}

async function quiet({ workflowId, runId }: Execution): Promise<void> {
  const handle = system.temporal.workflow.getHandle(workflowId, runId);
  const pending = async () => {
    const { raw } = await handle.describe();
    return (raw.pendingActivities?.length ?? 0) + (raw.pendingWorkflowTask ? 1 : 0);
  };
  await expect.poll(pending, { timeout: 60_000 }).toBe(0);
}

/** As docs/operations.md has it: a Reset without signals has lost the rings, and nobody repeats those that were heard. */
async function ringAll({ workflowId, runId }: Execution, { decided }: Purchase): Promise<void> {
  const handle = system.temporal.workflow.getHandle(workflowId, runId);
  for (const gate of decided.keys()) {
    if ((await handle.describe()).status.name !== 'RUNNING') return;
    await handle.signal(ringSignal, { gate });
    await quiet({ workflowId, runId });
  }
}

async function hasAsked({ workflowId, runId }: Execution, gate: string): Promise<boolean> {
  const { events } = await system.temporal.workflow.getHandle(workflowId, runId).fetchHistory();
  return (events ?? []).some(({ activityTaskScheduledEventAttributes: one }) => one?.activityId?.startsWith(gate));
}

/** What the world has seen of it. */
const seenOf = ({ supplier }: Purchase) => ({
  payments: system.tools.paymentsTo(supplier).map(({ amount }) => amount),
  paymentRequests: system.tools.requestsFor(supplier),
  modelRequests: system.models.asked(supplier).length,
});

async function upToSecondGate(supplier: string): Promise<Purchase> {
  const bought = await purchases.start(supplier, course);
  for (const action of bought.course.says.slice(0, -1)) await purchases.decide(bought, action);
  await purchases.nextGate(bought);
  await quiet(await executionOf(bought));
  return bought;
}

test('of a run that has completed: it completes again, and nobody is asked, nothing is paid again', async ({
  task,
}) => {
  const bought = await purchases.buy('reset-completed-of', course);
  const first = await executionOf(bought);
  const seen = seenOf(bought);
  const lost = await lossesOf(system, store, bought);
  const points = await pointsOf(first);
  for (const point of points) {
    for (const [mode, exclude] of Object.entries(modes)) {
      const now = await reset(first, point, exclude);
      await ringAll(now, bought);
      const { status } = await system.temporal.workflow.getHandle(now.workflowId, now.runId).describe();
      const losses = await lossesOf(system, store, bought);
      if (status.name !== 'COMPLETED') losses.push(`the workflow is ${status.name}`);
      lost.push(...losses.map((what) => `at ${point} ${mode}: ${what}`));
    }
  }
  expect(seenOf(bought)).toEqual(seen);
  Object.assign(task.meta, { tried: points.length * 2, lost: lost.length });
  expect(lost).toEqual([]);
}, 3_600_000);

test('of a run that waits at its second gate: it waits there again, what was approved counts once, and it goes on', async ({
  task,
}) => {
  const bought = await upToSecondGate('reset-waiting-of');
  const { id: gate } = await purchases.nextGate(bought);
  const first = await executionOf(bought);
  const seen = seenOf(bought);
  expect(seen.payments).toEqual([100]);
  const lost: string[] = [];
  const points = await pointsOf(first);
  for (const point of points) {
    for (const [mode, exclude] of Object.entries(modes)) {
      const now = await reset(first, point, exclude);
      await ringAll(now, bought);
      const { waiting } = await system.as('Mai Tran').run(bought.run);
      const stands = [waiting.map((one) => one.gate).join(), await hasAsked(now, 'manager_accepts')];
      if (stands.join() !== [gate, true].join()) lost.push(`at ${point} ${mode}: ${stands}`);
    }
  }
  expect(seenOf(bought)).toEqual(seen);
  for (const action of bought.course.says.slice(-1)) await purchases.decide(bought, action);
  await purchases.ended(bought);
  lost.push(...(await lossesOf(system, store, bought)));
  Object.assign(task.meta, { tried: points.length * 2, lost: lost.length });
  expect(lost).toEqual([]);
}, 3_600_000);

test('as the second gate is being decided: the decision counts, once', async ({ task }) => {
  const lost: string[] = [];
  const waiting = await upToSecondGate('reset-undecided-of');
  const points = await pointsOf(await executionOf(waiting));
  const tries = points.flatMap((point) => Object.entries(modes).map(([mode, exclude]) => ({ point, mode, exclude })));
  for (const [index, { point, mode, exclude }] of tries.entries()) {
    const bought = await upToSecondGate(`reset-deciding-${index}-of`);
    const before = await executionOf(bought);
    // Histories of the same course differ by a few events; the task nearest before the point is reset to.
    const nearest = (await allPointsOf(before)).findLast((one) => one.lessThanOrEqual(point)) ?? point;
    const [now] = await Promise.all([reset(before, nearest, exclude), purchases.decide(bought, 'approve')]);
    await quiet(now);
    await ringAll(now, bought);
    await purchases.ended(bought);
    lost.push(...(await lossesOf(system, store, bought)).map((what) => `at ${nearest} ${mode}: ${what}`));
  }
  Object.assign(task.meta, { tried: tries.length, lost: lost.length });
  expect(lost).toEqual([]);
}, 3_600_000);

test.for([
  ['cancel', 'cancelled', 'COMPLETED'],
  ['abort', 'failed', 'FAILED'],
] as const)(
  'of a run that people ended by %s: it ends so again, and nobody is asked, nothing is paid again',
  { timeout: 3_600_000 },
  async ([order, status, workflow], { task }) => {
    const bought = await upToSecondGate(`reset-${order}-of`);
    const { id: gate } = await purchases.nextGate(bought);
    const person = system.as('An Nguyen');
    expect(await person.call('POST', `/runs/${bought.run}/${order}`, {})).toMatchObject({ status: 202 });
    await system.until(bought.run, status);
    const first = await executionOf(bought);
    const seen = seenOf(bought);
    const lost: string[] = [];
    const points = await pointsOf(first);
    for (const point of points) {
      for (const [mode, exclude] of Object.entries(modes)) {
        const now = await reset(first, point, exclude);
        await ringAll(now, bought);
        const handle = system.temporal.workflow.getHandle(now.workflowId, now.runId);
        if ((await handle.describe()).status.name === 'RUNNING') await handle.signal(ringSignal, { gate });
        await handle.result().catch(() => undefined);
        const ended = [(await handle.describe()).status.name, (await person.run(bought.run)).status];
        if (ended.join() !== [workflow, status].join()) lost.push(`at ${point} ${mode}: ${ended}`);
      }
    }
    expect(seenOf(bought)).toEqual(seen);
    Object.assign(task.meta, { tried: points.length * 2, lost: lost.length });
    expect(lost).toEqual([]);
  },
);
