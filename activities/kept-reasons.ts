/** Why what has no attempt could not be made or decided, in a row beside those of the step's work. */
import { randomUUID } from 'node:crypto';
import { canonicalJson, sha256Hex } from '../compiler/canonical.ts';
import type { Tx } from '../prisma/open.ts';
import { ask } from '../prisma/statements.ts';
import type { Dependencies } from './dependencies.ts';

/** Generation of such a row: before the first work of its step. Its class is null once what it tells of was made after all. */
const beforeAllWork = -1;

export interface KeptReason {
  node: string;
  path: string;
  failureClass: string;
  /** What was found and what was expected: names of the document, no values. */
  why: string;
}

/** The latest reason stands. */
export async function keepReason(
  tx: Tx,
  deps: Dependencies,
  run: { tenantId: string; id: string; rootRunId: string; requesterId: string },
  { node, path, failureClass, why }: KeptReason,
): Promise<void> {
  const { tenantId, id, rootRunId, requesterId } = run;
  const memoKey = sha256Hex(canonicalJson(['not made', rootRunId, node, path]));
  await ask(
    tx,
  )`INSERT INTO step_execution (tenant_id, id, root_run_id, run_id, node, path, generation, status, memo_key, actor_id)
    VALUES (${tenantId}, ${randomUUID()}, ${rootRunId}, ${id}, ${node}, ${path}, ${beforeAllWork}, 'running',
      ${memoKey}, ${requesterId})
    ON CONFLICT DO NOTHING`;
  await tx.stepExecution.updateMany({
    where: { tenantId, memoKey },
    data: { status: 'failed', runId: id, failureClass, failureDetail: why, endedAt: deps.clock() },
  });
}

/** What could not be made was made, or is about to be tried again. */
export async function forgetReason(
  tx: Tx,
  { tenantId, rootRunId }: { tenantId: string; rootRunId: string },
  { node, path }: Pick<KeptReason, 'node' | 'path'>,
): Promise<void> {
  await tx.stepExecution.updateMany({
    where: { tenantId, rootRunId, node, path, generation: beforeAllWork },
    data: { failureClass: null, failureDetail: null },
  });
}
