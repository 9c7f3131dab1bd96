/** A run as people see it: its status, its steps with their state, who it waits for, its result. */
import type { z } from 'zod';
import type { Node } from '../compiler/graph.ts';
import { getArtifact } from '../prisma/artifacts.ts';
import type { Tx } from '../prisma/open.ts';
import { ask } from '../prisma/statements.ts';
import { approversOf, everybodyAsked } from './gate-rows.ts';
import type { GraphCache } from './graph-cache.ts';
import type { runSummary, runView, StepState } from './routes/runs/schemas.ts';
import { runStatuses } from './routes/runs/schemas.ts';

export type RunRow = NonNullable<Awaited<ReturnType<Tx['run']['findUnique']>>>;
type GateRow = Awaited<ReturnType<Tx['gate']['findMany']>>[number];
type ExecutionRow = Awaited<ReturnType<Tx['stepExecution']['findMany']>>[number];
type StepView = z.infer<typeof runView>['steps'][number];

export function summaryOf(run: RunRow): z.infer<typeof runSummary> {
  return {
    id: run.id,
    document: run.documentId,
    graphHash: run.graphHash,
    title: run.title,
    status: statusOf(run),
    requester: run.requesterId,
    practice: run.practice !== null,
    ...(run.paused ? { paused: true } : {}),
    createdAt: run.createdAt.toISOString(),
    ...(run.endedAt === null ? {} : { endedAt: run.endedAt.toISOString() }),
    ...(run.resumesRunId === null ? {} : { resumes: run.resumesRunId }),
    ...(run.resumedBy === null ? {} : { resumedBy: run.resumedBy }),
    ...(run.callerRunId === null ? {} : { calledBy: run.callerRunId }),
  };
}

export function statusOf(run: RunRow): (typeof runStatuses)[number] {
  const status = runStatuses.find((one) => one === run.status);
  if (status === undefined) throw new Error('a run has a status that no run can have');
  return status;
}

export async function viewOfRun(
  tx: Tx,
  graphs: GraphCache,
  run: RunRow,
  webUi: string | undefined,
): Promise<z.infer<typeof runView>> {
  const { tenantId: tenant, rootRunId: root } = run;
  const [loaded, executions, gates, chosen, runs, calls] = await Promise.all([
    graphs.load(tx, tenant, run.graphHash),
    ask<ExecutionRow>(tx)`SELECT * FROM step_execution
      WHERE tenant_id = ${tenant} AND root_run_id = ${root} AND (generation >= 0 OR (failure_class IS NOT NULL AND run_id = ${run.id}))
      ORDER BY generation`,
    ask<GateRow>(tx)`SELECT * FROM gate WHERE tenant_id = ${tenant} AND root_run_id = ${root} ORDER BY opened_at, id`,
    ask<{ node: string | null; at: Date }>(tx)`SELECT node, at FROM run_event
      WHERE tenant_id = ${tenant} AND run_id = ${run.id} AND type = 'step.chosen'`,
    ask<{ id: string }>(tx)`SELECT id FROM run
      WHERE tenant_id = ${tenant} AND root_run_id = ${root} ORDER BY created_at, id`,
    // By the steps first, whatever the planner knows of the tables: as a join, every run of the tenant may be looked at.
    ask<RunRow>(tx)`SELECT * FROM run
      WHERE tenant_id = ${tenant} AND called_by = ANY (ARRAY(
        SELECT id FROM step_execution WHERE tenant_id = ${tenant} AND root_run_id = ${root}))
      ORDER BY created_at, id`,
  ]);
  const steps = (loaded?.graph.nodes ?? []).map((node) =>
    stepOf(
      node,
      executions.findLast((row) => row.node === node.id && row.path === ''),
      gates.filter((row) => row.node === node.id && row.path === ''),
      chosen.find((event) => event.node === node.id)?.at,
    ),
  );
  return {
    ...summaryOf(run),
    workflowId: run.workflowId,
    ...(webUi === undefined ? {} : { webUi }),
    lineage: { rootRun: run.rootRunId, runs: runs.map(({ id }) => id) },
    calls: calls.map((one) => ({
      run: one.id,
      step: executions.find(({ id }) => id === one.calledBy)?.node ?? '',
      status: statusOf(one),
    })),
    steps,
    waiting: (run.endedAt === null ? gates : [])
      .filter((gate) => gate.status === 'open')
      .map((gate) => {
        const asked = everybodyAsked(approversOf(gate));
        return {
          gate: gate.id,
          step: gate.node,
          title: gate.title,
          approvers: asked.roles,
          people: asked.people,
          since: gate.openedAt.toISOString(),
        };
      }),
    ...(run.resultDigest === null ? {} : { result: await getArtifact(tx, tenant, run.resultDigest) }),
  };
}

function stepOf(node: Node, row: ExecutionRow | undefined, gates: GateRow[], chosenAt: Date | undefined): StepView {
  const gate = gates.findLast(({ status }) => status !== 'lapsed');
  const endedAt = row?.endedAt ?? (asksPeople(node) ? gate?.decidedAt : undefined) ?? chosenAt;
  const startedAt = row?.startedAt ?? (asksPeople(node) ? gate?.openedAt : undefined);
  return {
    id: node.id,
    title: node.title,
    kind: node.kind,
    state: stateOf(node, row, gate, chosenAt !== undefined),
    attempt: row?.attempt ?? 0,
    ...(row?.status === 'failed' && row.failureClass !== null
      ? { failure: { class: row.failureClass, ...(row.failureDetail === null ? {} : { detail: row.failureDetail }) } }
      : {}),
    ...(gate?.verdict == null ? {} : { verdict: gate.verdict }),
    ...(startedAt == null ? {} : { startedAt: startedAt.toISOString() }),
    ...(endedAt == null ? {} : { endedAt: endedAt.toISOString() }),
  };
}

function stateOf(node: Node, row: ExecutionRow | undefined, gate: GateRow | undefined, chosen: boolean): StepState {
  if (row !== undefined && row.status !== 'running') return row.status as StepState;
  if (gate?.status === 'open') return 'waiting';
  if (row !== undefined) return 'running';
  return gate !== undefined && asksPeople(node) ? 'committed' : chosen ? 'committed' : 'pending';
}

/** Of such a step the Gate row is the record. */
const asksPeople = ({ kind }: Node): boolean => kind === 'approve' || kind === 'person' || kind === 'session';
