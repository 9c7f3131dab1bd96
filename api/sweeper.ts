/**
 * The sweeper holds open runs against their workflows. A workflow can be terminated in the Web UI, time out or be lost with
 * its server, and tells nobody: its run is closed as failed. A run whose workflow never came to be is started again.
 *
 * Every API sweeps; the store hands each run to one of them, those longest unseen first.
 */
import { gateLapsed } from '../prisma/gate-events.ts';
import type { OpenRun, Store, Tx } from '../prisma/open.ts';
import type { EventType, NewEvent } from '../prisma/run-log.ts';
import { appendEvents } from '../prisma/run-log.ts';
import type { SweeperLog } from './log-lines.ts';
import { repeating } from './repeating.ts';
import type { Workflows } from './temporal-client.ts';

export interface Sweeper {
  start(): void;
  /** Looks once at runs that are due, fifty at most. Resolves with whether there may be more. */
  sweep(): Promise<boolean>;
  /** Ends after the runs in hand. */
  stop(): Promise<void>;
}

export interface SweeperSettings {
  store: Store;
  workflows: Workflows;
  log: SweeperLog;
  /** How often runs that are due are looked for, in milliseconds. */
  everyMs?: number;
  /** A run is due so many seconds after it was looked at, or started. */
  dueAfterSeconds?: number;
}

const batch = 50;

export function createSweeper(settings: SweeperSettings): Sweeper {
  const { store, log, everyMs = 30_000, dueAfterSeconds = 300 } = settings;

  async function sweep(): Promise<boolean> {
    const runs = await store.before.runsToSweep(batch, dueAfterSeconds);
    await Promise.all(
      runs.map((run) => look(settings, run).catch((error: unknown) => log.sweepFailed(error, run.run))),
    );
    return runs.length === batch;
  }

  const loop = repeating({ everyMs, work: sweep, failed: (error) => log.sweepFailed(error) });
  return { start: loop.start, sweep, stop: loop.stop };
}

async function look({ store, workflows, log }: SweeperSettings, open: OpenRun): Promise<void> {
  const found = await workflows.look(open.workflowId);
  if (found === 'running') return;
  const actor = { tenant: open.tenant, user: open.requester };
  if (found === 'absent') {
    const begun = await store.actAs(actor, (tx) => beginning(tx, open));
    // The relay has it in hand, and does not give up.
    if (begun === 'to be started') return;
    if (begun !== 'begun') {
      await workflows.start({ workflowId: open.workflowId, run: open.run, ...begun });
      log.swept(open.run, 'started');
      return;
    }
  }
  if (await store.actAs(actor, (tx) => close(tx, open))) log.swept(open.run, 'closed');
}

/** Events that say nothing of a workflow. */
const toldByTheApi: readonly EventType[] = ['run.started', 'run.cancel-requested', 'command.given'];

/** What is needed to start it, where its workflow was to be started and left no trace. */
async function beginning(
  tx: Tx,
  { tenant, run }: OpenRun,
): Promise<'begun' | 'to be started' | { document: string; title: string }> {
  const row = await tx.run.findUniqueOrThrow({ where: { tenantId_id: { tenantId: tenant, id: run } } });
  const where = { tenantId: tenant, runId: run, type: { notIn: [...toldByTheApi] } };
  if ((await tx.runEvent.count({ where })) > 0) return 'begun';
  if (row.resumedBy !== null) return 'begun';
  const due = await tx.outbox.count({ where: { tenantId: tenant, runId: run, kind: 'start', doneAt: null } });
  return due > 0 ? 'to be started' : { document: row.documentId, title: row.title };
}

/** False when the run has ended meanwhile: its workflow ended because it had. */
async function close(tx: Tx, { tenant, run }: OpenRun): Promise<boolean> {
  await tx.$queryRaw`SELECT 1 FROM run WHERE tenant_id = ${tenant} AND id = ${run} FOR NO KEY UPDATE`;
  const where = { tenantId_id: { tenantId: tenant, id: run } };
  const row = await tx.run.findUniqueOrThrow({ where });
  if (row.endedAt !== null) return false;
  await tx.run.update({ where, data: { status: 'failed', endedAt: new Date() } });
  // What is open is the other run's where one goes on with it.
  const lapsed = row.resumedBy === null ? await leaveNothingOpen(tx, tenant, run) : [];
  if (row.callerRunId !== null) await tx.$executeRaw`SELECT ring_caller(${run})`;
  await appendEvents(tx, [
    ...lapsed,
    {
      run,
      type: 'run.ended',
      sourceKey: 'run.ended:workflow-terminated',
      body: { status: 'failed', reason: 'workflow-terminated' },
    },
  ]);
  return true;
}

/** The events are for the caller to append last. */
async function leaveNothingOpen(tx: Tx, tenant: string, run: string): Promise<NewEvent[]> {
  await tx.$executeRaw`SELECT end_steps(${run})`;
  await tx.$executeRaw`SELECT cancel_called(${run})`;
  const open = await tx.gate.findMany({
    where: { tenantId: tenant, runId: run, status: 'open' },
    orderBy: { id: 'asc' },
  });
  const events: NewEvent[] = [];
  for (const gate of open) {
    await tx.gate.update({ where: { tenantId_id: { tenantId: tenant, id: gate.id } }, data: { status: 'lapsed' } });
    events.push(gateLapsed(run, gate));
  }
  return events;
}
