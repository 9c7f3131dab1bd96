/**
 * Gates, lists, waits and conditions have no attempt that could fail: why one could not be made is kept in a row beside those
 * of the step's work, for the people of the run. Temporal's history has the class alone.
 */
import type { Tx } from '../prisma/open.ts';
import type { StepInput } from './contract.ts';
import type { Dependencies } from './dependencies.ts';
import { applicationFailure, NotMade } from './failures.ts';
import { beforeAllWork, keepReason } from './kept-reasons.ts';
import type { RunInHand } from './run-row.ts';
import { readRun } from './run-row.ts';

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
    const { failureClass, message: why } = problem;
    const { node, path = '' } = input;
    await readRun(deps, input, (tx, run) => keepReason(tx, deps, run.row, { node, path, failureClass, why }));
    throw applicationFailure(input.node, problem.failureClass, { retry: false });
  }
}

async function forgetWhy(tx: Tx, run: RunInHand, { node, path = '' }: StepInput): Promise<void> {
  await tx.stepExecution.updateMany({
    where: { tenantId: run.actor.tenant, rootRunId: run.rootRun, node, path, generation: beforeAllWork },
    data: { failureClass: null, failureDetail: null },
  });
}
