/** Which pass of a step this is, for the scripts of practice runs: loops run a step again, items of a list do not. */
import type { Tx } from '../prisma/open.ts';

/**
 * Counts from 1: one more than the paths at which the step has committed before in the same items. Passes of loops
 * within each other are counted on, so that a script lists the answers in the order in which they are asked for.
 */
export async function practicePassOf(
  tx: Tx,
  step: { tenant: string; rootRun: string; node: string; path: string },
): Promise<number> {
  const { tenant, rootRun, node, path } = step;
  const committed = await tx.stepExecution.findMany({
    where: { tenantId: tenant, rootRunId: rootRun, node, status: 'committed', path: { not: path } },
    select: { path: true },
    distinct: ['path'],
  });
  return committed.filter((one) => itemsIn(one.path) === itemsIn(path)).length + 1;
}

/** The part of a path that names items of lists; its other segments are passes. */
function itemsIn(path: string): string {
  return path
    .split('/')
    .filter((segment) => segment.endsWith(']'))
    .join('/');
}
