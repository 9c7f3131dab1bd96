/** A run as activities that claim no step see it: its row, graph and actor, in one transaction. */
import type { Tx } from '../prisma/open.ts';
import { scopeOf } from './claim.ts';
import type { Digest, Scoped } from './contract.ts';
import type { Dependencies } from './dependencies.ts';
import type { LoadedGraph } from './graph-cache.ts';
import type { StepLogLevel } from './step-log.ts';

export type RunRow = NonNullable<Awaited<ReturnType<Tx['run']['findUnique']>>>;

export interface RunInHand {
  row: RunRow;
  loaded: LoadedGraph;
  actor: { tenant: string; user: string };
  rootRun: string;
  runInput: Digest;
}

/** Does `work` in one transaction as the run's requester. Throws when there is no such run. */
export async function readRun<T>(
  deps: Dependencies,
  input: Scoped,
  work: (tx: Tx, run: RunInHand) => Promise<T>,
): Promise<T> {
  const scope = await scopeOf(deps, input.run);
  const actor = { tenant: scope.tenant, user: scope.requester };
  return deps.store.actAs(actor, async (tx) => {
    const row = await tx.run.findUniqueOrThrow({ where: { tenantId_id: { tenantId: scope.tenant, id: input.run } } });
    const loaded = await deps.graphs.load(tx, scope.tenant, row.graphHash);
    return work(tx, { row, loaded, actor, rootRun: row.rootRunId, runInput: row.inputDigest });
  });
}

/** A log line about the run, or about one of its steps that no attempt is under way for. */
export function logRun(
  deps: Dependencies,
  run: RunInHand,
  line: { event: string; status: string; step?: string; level?: StepLogLevel; class?: string },
): void {
  deps.log.write({
    workflowRunId: run.row.id,
    stepId: line.step ?? null,
    attempt: null,
    agent: null,
    latencyMs: null,
    tokens: null,
    cost: null,
    status: line.status,
    traceId: run.row.traceId,
    level: line.level ?? 'info',
    event: line.event,
    ...(line.class === undefined ? {} : { class: line.class }),
  });
}
