/**
 * Gates, lists, waits and conditions have no attempt that could fail: why one could not be made is kept in a row beside those
 * of the step's work, for the people of the run. Temporal's history has the class alone.
 */
import { randomUUID } from 'node:crypto';
import { canonicalJson, sha256Hex } from '../compiler/canonical.ts';
import type { Tx } from '../prisma/open.ts';
import { ask } from '../prisma/statements.ts';
import type { StepInput } from './contract.ts';
import type { Dependencies } from './dependencies.ts';
import { applicationFailure, NotMade } from './failures.ts';
import type { RunInHand } from './run-row.ts';
import { readRun } from './run-row.ts';

/** Generation of such a row: before the first work of its step. Its class is null once what it tells of was made after all. */
const BEFORE_ALL_WORK = -1;

/**
 * Does `make` in one transaction as the run's requester.
 * @throws ApplicationFailure where `make` throws NotMade, with the reason kept
 */
export async function makeOrKeepWhy<T>(
  deps: Dependencies,
  input: StepInput,
  make: (tx: Tx, run: RunInHand) => Promise<T>,
): Promise<T> {
  try {
    return await readRun(deps, input, async (tx, run) => {
      await forgetWhy(tx, run, input);
      return make(tx, run);
    });
  } catch (problem) {
    if (!(problem instanceof NotMade)) throw problem;
    await readRun(deps, input, (tx, run) => keepWhy(tx, deps, run, input, problem));
    throw applicationFailure(input.node, problem.failureClass, { retry: false });
  }
}

async function keepWhy(tx: Tx, deps: Dependencies, run: RunInHand, at: StepInput, why: NotMade): Promise<void> {
  const { tenant, user } = run.actor;
  const { node, path = '' } = at;
  const memoKey = sha256Hex(canonicalJson(['not made', run.rootRun, node, path]));
  await ask(
    tx,
  )`INSERT INTO step_execution (tenant_id, id, root_run_id, run_id, node, path, generation, status, memo_key, actor_id)
    VALUES (${tenant}, ${randomUUID()}, ${run.rootRun}, ${run.row.id}, ${node}, ${path}, ${BEFORE_ALL_WORK}, 'running',
      ${memoKey}, ${user})
    ON CONFLICT DO NOTHING`;
  await tx.stepExecution.updateMany({
    where: { tenantId: tenant, memoKey },
    data: {
      status: 'failed',
      runId: run.row.id,
      failureClass: why.failureClass,
      failureDetail: why.message,
      endedAt: deps.clock(),
    },
  });
}

async function forgetWhy(tx: Tx, run: RunInHand, { node, path = '' }: StepInput): Promise<void> {
  await tx.stepExecution.updateMany({
    where: { tenantId: run.actor.tenant, rootRunId: run.rootRun, node, path, generation: BEFORE_ALL_WORK },
    data: { failureClass: null, failureDetail: null },
  });
}
