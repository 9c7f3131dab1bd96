/** What both the runs routes and the executions routes do. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import type { Json } from '../compiler/types.ts';
import type { Tx } from '../prisma/open.ts';
import type { Read } from '../prisma/read-log.ts';
import { ask } from '../prisma/statements.ts';
import { notFound, Problem } from './errors.ts';
import { journalOf } from './journal.ts';
import { orderRun } from './operators.ts';
import { answer, sendAnswer } from './plugins/idempotency.ts';
import { personOf } from './plugins/identity.ts';
import type { cancelBody, runView } from './routes/runs/schemas.ts';
import { cancelAccepted } from './routes/runs/schemas.ts';
import type { RunRow } from './run-view.ts';
import { viewOfRun } from './run-view.ts';

export interface RunSettings {
  /** Whether a run may bring a script of model and tool answers. */
  practice: boolean;
  /** Address of a run in the Temporal Web UI; undefined where none is known. */
  webUiOf(workflowId: string): string | undefined;
}

/** The Web UI's address of one workflow. */
export function webUiAddress(base: string, namespace: string, workflowId: string): string {
  return `${base.replace(/\/+$/, '')}/namespaces/${encodeURIComponent(namespace)}/workflows/${encodeURIComponent(workflowId)}`;
}

export async function findRun(tx: Tx, tenant: string, id: string): Promise<RunRow> {
  const [run] = await ask<RunRow>(tx)`SELECT * FROM run WHERE tenant_id = ${tenant} AND id = ${id}`;
  if (run === undefined) throw notFound('run');
  return run;
}

/** The practice script as it is stored with a run. @throws Problem practice-not-allowed */
export function practiceOf(settings: RunSettings, practice: Record<string, Json> | undefined): { practice?: string } {
  if (practice === undefined) return {};
  if (!settings.practice) throw new Problem('practice-not-allowed');
  return { practice: JSON.stringify(practice) };
}

/** How a run stands is no content; its result is, and so may be what a failure says. */
function contentOf({ id, result, steps }: z.infer<typeof runView>): Read | undefined {
  const told = result !== undefined || steps.some(({ failure }) => failure?.detail !== undefined);
  return told ? { what: 'run.read', thing: id } : undefined;
}

/** @throws Problem not-found */
export function readRunView(request: FastifyRequest, settings: RunSettings, id: string) {
  return request.readAs(contentOf, async (tx) => {
    const run = await findRun(tx, personOf(request).tenant, id);
    return viewOfRun(tx, request.server.graphs, run, settings.webUiOf(run.workflowId));
  });
}

export function readJournal(request: FastifyRequest, id: string) {
  return request.readAs({ what: 'run.read', thing: id }, async (tx) =>
    journalOf(tx, request.server.graphs, await findRun(tx, personOf(request).tenant, id)),
  );
}

/** Orders the run to be cancelled, once for an Idempotency-Key. @throws Problem not-found, not-permitted or run-ended */
export async function cancelHandler(
  request: FastifyRequest<{ Params: { id: string }; Body: z.infer<typeof cancelBody> }>,
  reply: FastifyReply,
) {
  const { id } = request.params;
  const done = await request.once(async (tx) =>
    answer(202, cancelAccepted, {
      run: id,
      ...(await orderRun(tx, personOf(request), id, 'cancel', request.body?.comment ?? '')),
    }),
  );
  request.server.relay.nudge();
  return sendAnswer(reply, done);
}
