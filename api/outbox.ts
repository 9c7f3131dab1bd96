/**
 * The relay: carries what was committed to Temporal. A transaction that needs a workflow started or rung leaves an
 * outbox row; the relay of any API picks due rows up until they are settled. So an API that dies between its commit and
 * its call loses nothing, and a Temporal server that is away only delays.
 *
 * A start is settled when the workflow exists. A ring is settled when the row it is about was heard, or its run has
 * ended: until then it is rung again, with growing pauses that the store keeps. A session is settled when the turn that
 * waits in it was taken up.
 */
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { OutboxRow, Store, Tx } from '../prisma/open.ts';
import { ask } from '../prisma/statements.ts';
import type { RelayLog } from './log-lines.ts';
import { repeating } from './repeating.ts';
import type { Workflows } from './temporal-client.ts';

export const startPayloadSchema = z.object({
  document: z.string(),
  title: z.string(),
  /** The run that it goes on from. */
  resumes: z.string().optional(),
});
export const ringPayloadSchema = z.union([
  z.object({ gate: z.string() }),
  z.object({ command: z.string() }),
  z.object({ run: z.string() }),
]);
const sessionPayloadSchema = z.object({ session: z.string(), turn: z.string() });
export type RingPayload = z.infer<typeof ringPayloadSchema>;

/** Leaves the row from which the relay starts the run's workflow, or rings it until it has heard. */
export async function leaveInOutbox(
  tx: Tx,
  tenant: string,
  run: { id: string; workflowId: string },
  kind: 'start' | 'ring',
  payload: typeof startPayloadSchema._output | RingPayload,
  nextAt: Date,
): Promise<void> {
  await ask(tx)`INSERT INTO outbox (tenant_id, id, run_id, workflow_id, kind, payload, next_at)
    VALUES (${tenant}, ${randomUUID()}, ${run.id}, ${run.workflowId}, ${kind}, ${JSON.stringify(payload)}, ${nextAt})`;
}

export interface Relay {
  start(): void;
  /** Rows may be due now. Returns at once. */
  nudge(): void;
  /** Ends after the rows in hand. */
  stop(): Promise<void>;
}

export interface RelaySettings {
  store: Store;
  workflows: Workflows;
  log: RelayLog;
  /** How often due rows are looked for without a nudge, in milliseconds. */
  everyMs?: number;
}

const batch = 50;

export function createRelay({ store, workflows, log, everyMs = 1_000 }: RelaySettings): Relay {
  async function drain(): Promise<boolean> {
    const rows = await store.before.dueOutbox(batch);
    await Promise.all(rows.map((row) => carry(store, workflows, log, row)));
    return rows.length === batch;
  }

  const loop = repeating({ everyMs, work: drain, failed: (error) => log.relayFailed(error) });
  return { start: loop.start, nudge: loop.wake, stop: loop.stop };
}

/** One row, one attempt. A failure is logged and the row stays due at the time the store set when it was claimed. */
async function carry(store: Store, workflows: Workflows, log: RelayLog, row: OutboxRow): Promise<void> {
  const { runId: run } = row;
  try {
    if (run === null) {
      const waiting = sessionPayloadSchema.parse(JSON.parse(row.payload));
      if (await isTakenUp(store, row.tenantId, waiting.turn)) await store.before.settleOutbox(row.tenantId, row.id);
      else await workflows.answer(row.workflowId, waiting.session);
      return;
    }
    if (row.kind === 'start') {
      const { resumes, ...payload } = startPayloadSchema.parse(JSON.parse(row.payload));
      const about = resumes === undefined ? payload : { ...payload, resumes };
      await workflows.start({ workflowId: row.workflowId, run, ...about });
      await store.before.settleOutbox(row.tenantId, row.id);
      return;
    }
    const ring = ringPayloadSchema.parse(JSON.parse(row.payload));
    if (await isPastRinging(store, row.tenantId, run, ring)) await store.before.settleOutbox(row.tenantId, row.id);
    else await workflows.ring(row.workflowId, ring);
  } catch (error) {
    log.relayFailed(error, { outbox: row.id, ...(run === null ? {} : { run }), attempts: row.attempts });
  }
}

async function isTakenUp(store: Store, tenant: string, turn: string): Promise<boolean> {
  return store.actAs({ tenant, user: 'relay' }, async (tx) => {
    const row = await tx.sessionTurn.findUnique({ where: { tenantId_id: { tenantId: tenant, id: turn } } });
    return row?.state !== 'queued';
  });
}

async function isPastRinging(store: Store, tenant: string, runId: string, ring: RingPayload): Promise<boolean> {
  return store.actAs({ tenant, user: 'relay' }, async (tx) => {
    const [[open], [rung]] = await Promise.all([
      ask<{ id: string }>(tx)`SELECT id FROM run WHERE tenant_id = ${tenant} AND id = ${runId} AND ended_at IS NULL`,
      rowRung(tx),
    ]);
    return open === undefined || rung === undefined || rung.heardAt !== null;
  });

  function rowRung(tx: Tx): Promise<{ heardAt: Date | null }[]> {
    const rung = ask<{ heardAt: Date | null }>(tx);
    if ('gate' in ring) return rung`SELECT heard_at FROM gate WHERE tenant_id = ${tenant} AND id = ${ring.gate}`;
    if ('command' in ring)
      return rung`SELECT heard_at FROM command WHERE tenant_id = ${tenant} AND id = ${ring.command}`;
    return rung`SELECT heard_at FROM run WHERE tenant_id = ${tenant} AND id = ${ring.run}`;
  }
}
