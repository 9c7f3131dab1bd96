import type { WorkflowFailedError } from '@temporalio/client';
import { Client, Connection } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import proto from '@temporalio/proto';
import type { NativeConnection, WorkflowBundle } from '@temporalio/worker';
import { Worker } from '@temporalio/worker';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { chain, fan } from './testing/draw-skeleton.ts';
import type { Scenario } from './testing/scenarios.ts';
import { scenarios } from './testing/scenarios.ts';
import type { StartedRun, Trial } from './testing/try-interpreter.ts';
import { bundleInterpreter, connectQuietly, tryInterpreter } from './testing/try-interpreter.ts';
import { patience } from './testing/watch-run.ts';

let connection: Connection;
let native: NativeConnection;
let bundle: WorkflowBundle;
let client: Client;
let warm: Trial;
let cold: Trial;

beforeAll(async () => {
  const address = inject('temporalAddress');
  connection = await Connection.connect({ address });
  native = await connectQuietly(address);
  client = new Client({ connection, namespace: inject('temporalNamespace') });
  bundle = await bundleInterpreter();
  warm = await tryInterpreter({ client, connection: native, bundle });
  cold = await tryInterpreter({ client, connection: native, bundle, worker: { maxCachedWorkflows: 0 } });
});
afterAll(async () => {
  await Promise.all([warm?.stop(), cold?.stop()]);
  await native?.close();
  await connection?.close();
});

const { EventType } = proto.temporal.api.enums.v1;

async function play(trial: Trial, { script, drive }: Scenario): Promise<StartedRun> {
  const run = await trial.start(script);
  await drive?.(run);
  await run.result().catch(() => undefined);
  return run;
}

/** What the workflow did, in order, without what differs between two runs of anything: times, and ids of events. */
async function commandsOf(run: StartedRun): Promise<string[]> {
  const { events } = await run.handle.fetchHistory();
  return (events ?? []).flatMap((event) => {
    const name = EventType[event.eventType ?? 0]?.replace('EVENT_TYPE_', '') ?? '';
    const scheduled = event.activityTaskScheduledEventAttributes;
    if (scheduled) return `${name} ${scheduled.activityType?.name} ${scheduled.activityId}`;
    const marker = event.markerRecordedEventAttributes;
    if (marker) {
      const { seq, activity_type } = JSON.parse(textOf(marker.details?.data?.payloads?.[0]));
      return `${name} ${activity_type} ${seq}`;
    }
    const upsert = event.upsertWorkflowSearchAttributesEventAttributes?.searchAttributes?.indexedFields;
    if (upsert)
      return `${name} ${Object.entries(upsert)
        .map(([key, value]) => `${key}=${textOf(value)}`)
        .sort()
        .join(' ')}`;
    return /^(TIMER|WORKFLOW_EXECUTION_(COMPLETED|CANCELED|FAILED)|ACTIVITY_TASK_CANCEL)/.test(name) ? name : [];
  });
}

const textOf = (payload: { data?: Uint8Array | null } | undefined) => Buffer.from(payload?.data ?? []).toString();

async function countsOf(run: StartedRun): Promise<Record<string, number>> {
  const { events } = await run.handle.fetchHistory();
  const counts: Record<string, number> = { total: events?.length ?? 0 };
  for (const { eventType } of events ?? []) {
    const name = EventType[eventType ?? 0]?.replace('EVENT_TYPE_', '') ?? '';
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

describe('with a warm cache and with none', () => {
  const inOrder = Object.entries(scenarios).filter(([, { unordered }]) => !unordered);

  test.each(inOrder)('%s gives the same commands', async (_, scenario) => {
    const [first, second] = [await play(warm, scenario), await play(cold, scenario)];
    const commands = await commandsOf(first);
    expect(commands.length).toBeGreaterThan(3);
    expect(await commandsOf(second)).toEqual(commands);
  });

  test.each(Object.entries(scenarios))('%s replays from its start, and ends as it should', async (_, scenario) => {
    const run = await play(cold, scenario);
    await Worker.runReplayHistory({ workflowBundle: bundle }, await run.handle.fetchHistory(), run.handle.workflowId);
    const ended = await run.result().then(
      ({ outcome }) => outcome,
      ({ cause }: WorkflowFailedError) =>
        cause instanceof ApplicationFailure && cause.type === 'waymark.aborted' ? 'aborted' : 'canceled by Temporal',
    );
    expect(ended).toBe(scenario.ends);
  });
});

describe('history', () => {
  test('a chain of 100 steps has 6 events a step and 8 besides', async () => {
    const run = await warm.start({ skeleton: chain(100) });
    await run.result();
    expect(await countsOf(run)).toEqual({
      total: 608,
      WORKFLOW_EXECUTION_STARTED: 1,
      WORKFLOW_TASK_SCHEDULED: 101,
      WORKFLOW_TASK_STARTED: 101,
      WORKFLOW_TASK_COMPLETED: 101,
      // The beginning and the closing of the run.
      MARKER_RECORDED: 2,
      ACTIVITY_TASK_SCHEDULED: 100,
      ACTIVITY_TASK_STARTED: 100,
      ACTIVITY_TASK_COMPLETED: 100,
      UPSERT_WORKFLOW_SEARCH_ATTRIBUTES: 1,
      WORKFLOW_EXECUTION_COMPLETED: 1,
    });
  });

  test('100 steps beside each other have 3 events each, and besides them only workflow tasks and 5 more', async () => {
    const run = await warm.start({ skeleton: fan(100) });
    await run.result();
    const {
      WORKFLOW_TASK_SCHEDULED: tasks = 0,
      WORKFLOW_TASK_STARTED,
      WORKFLOW_TASK_COMPLETED,
      ...rest
    } = await countsOf(run);
    expect([WORKFLOW_TASK_STARTED, WORKFLOW_TASK_COMPLETED]).toEqual([tasks, tasks]);
    expect(rest).toEqual({
      total: 305 + 3 * tasks,
      WORKFLOW_EXECUTION_STARTED: 1,
      MARKER_RECORDED: 2,
      ACTIVITY_TASK_SCHEDULED: 100,
      ACTIVITY_TASK_STARTED: 100,
      ACTIVITY_TASK_COMPLETED: 100,
      UPSERT_WORKFLOW_SEARCH_ATTRIBUTES: 1,
      WORKFLOW_EXECUTION_COMPLETED: 1,
    });
  });

  test('a gate costs two activities, its ring, its bar, and two events each for the log and the list of runs', async () => {
    const run = await play(warm, scenarios['gate-approved']!);
    const { WORKFLOW_TASK_SCHEDULED, WORKFLOW_TASK_STARTED, WORKFLOW_TASK_COMPLETED, total, ...rest } =
      await countsOf(run);
    expect(rest).toEqual({
      WORKFLOW_EXECUTION_STARTED: 1,
      WORKFLOW_EXECUTION_SIGNALED: 1,
      MARKER_RECORDED: 4,
      ACTIVITY_TASK_SCHEDULED: 4,
      ACTIVITY_TASK_STARTED: 4,
      ACTIVITY_TASK_COMPLETED: 4,
      TIMER_STARTED: 1,
      TIMER_CANCELED: 1,
      UPSERT_WORKFLOW_SEARCH_ATTRIBUTES: 3,
      WORKFLOW_EXECUTION_COMPLETED: 1,
    });
  });

  test('shows ops what each activity is about, and the gate as a bar that says for whom', async () => {
    const run = await play(warm, scenarios['gate-approved']!);
    const { events } = await run.handle.fetchHistory();
    const shown = (events ?? []).flatMap((event) => {
      const name = event.activityTaskScheduledEventAttributes?.activityId ?? event.timerStartedEventAttributes?.timerId;
      return name == null ? [] : [[name, JSON.parse(textOf(event.userMetadata?.summary ?? undefined))]];
    });
    expect(shown).toEqual([
      ['read_the_receipt', 'Read the receipt'],
      ['manager_approves', 'Manager approves'],
      ['1', 'GATE Manager approves waiting for manager'],
      ['hear', 'Doorbell'],
      ['pay', 'Pay'],
    ]);
  });

  test('titles and ids beyond what Temporal takes are cut, and the run goes on', async () => {
    const id = 'x'.repeat(1500);
    const title = 'Đọc hoá đơn '.repeat(100);
    const skeleton = { ...chain(1), nodes: [{ id, title, kind: 'agent' as const }] };
    const run = await warm.start({ skeleton });
    expect((await run.result()).outcome).toBe('completed');
  });
});

describe("Temporal's Reset", () => {
  const reapply: [string, number[]][] = [
    ['everything, as is the default', []],
    ['no signals and updates, once the relay rings', [1, 2]],
  ];

  test.each(reapply)(
    'to every workflow task of a run that was approved completes, reapplying %s',
    async (_, excluded) => {
      const run = await play(warm, scenarios['approval-lapsed']!);
      const { workflowId } = run.handle;
      const { events } = await run.handle.fetchHistory();
      const { runId } = await run.handle.describe();
      const tasks = (events ?? []).flatMap((event) =>
        event.workflowTaskCompletedEventAttributes && event.eventId ? [event.eventId] : [],
      );
      expect(tasks.length).toBeGreaterThan(8);
      for (const task of tasks) {
        const reset = await client.workflowService.resetWorkflowExecution({
          namespace: client.options.namespace,
          workflowExecution: { workflowId, runId },
          workflowTaskFinishEventId: task,
          requestId: `${runId}-${task}`,
          reason: 'test',
          resetReapplyExcludeTypes: excluded,
        });
        const handle = client.workflow.getHandle(workflowId, reset.runId);
        if (excluded.length > 0) {
          const rings = ['first', 'second'].map((gate) => handle.signal('ring', { gate }));
          // A run that needs neither may have ended before.
          await Promise.allSettled(rings);
        }
        expect(await handle.result()).toEqual({ outcome: 'completed', result: 'digest of the result' });
      }
      expect(run.ended?.outcome).toBe('completed');
    },
  );

  test('to before a decision, of a gate that nobody has decided since, waits for people again', async () => {
    const run = await warm.start(scenarios['gate-approved']!.script);
    const ring = async () => {
      await expect.poll(() => run.statuses.at(-1)).toBe('waiting');
      await run.ring({ gate: 'gate of manager_approves' });
    };
    await ring();
    await expect.poll(() => run.heard.length).toBe(1);
    const { events } = await run.handle.fetchHistory();
    const first = events?.find(({ workflowTaskCompletedEventAttributes: of }) => of)?.eventId;
    const { runId } = await run.handle.describe();
    const reset = await client.workflowService.resetWorkflowExecution({
      namespace: client.options.namespace,
      workflowExecution: { workflowId: run.handle.workflowId, runId },
      workflowTaskFinishEventId: first ?? null,
      requestId: runId,
      reason: 'test',
    });
    const handle = client.workflow.getHandle(run.handle.workflowId, reset.runId);
    const opened = () => run.calls.filter((call) => call === 'openGate manager_approves').length;
    await expect.poll(opened, patience).toBe(2);
    expect((await handle.describe()).status.name).toBe('RUNNING');
    expect(run.calls).not.toContain('runToolStep pay');
    run.decide('gate of manager_approves', 'reject');
    await handle.signal('ring', { gate: 'gate of manager_approves' });
    expect(await handle.result()).toEqual({ outcome: 'rejected' });
  });
});
