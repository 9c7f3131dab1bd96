/**
 * Gates, lists, waits and conditions have no attempt that could fail: why one could not be made is kept in a row beside those
 * of the step's work, for the people of the run. Temporal's history has the class alone.
 */
import type { Tx } from '../prisma/open.ts';
import type { StepInput } from './contract.ts';
import type { Dependencies } from './dependencies.ts';
import { applicationFailure, NotMade } from './failures.ts';
import { forgetReason, keepReason } from './kept-reasons.ts';
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
  const { node, path = '' } = input;
  try {
    return await readRun(deps, input, async (tx, run) => {
      await forgetReason(tx, run.row, { node, path });
      return make(tx, run);
    });
  } catch (problem) {
    if (!(problem instanceof NotMade)) throw problem;
    const { failureClass, message: why } = problem;
    await readRun(deps, input, (tx, run) => keepReason(tx, deps, run.row, { node, path, failureClass, why }));
    throw applicationFailure(node, failureClass, { retry: false });
  }
}
