/** Starting a run: one transaction that stores the input, the run and the outbox row from which the relay starts it. */
import { randomBytes, randomUUID } from 'node:crypto';
import type { Graph } from '../compiler/graph.ts';
import { notRunYet } from '../compiler/runs-today.ts';
import type { Json } from '../compiler/types.ts';
import { putArtifact } from '../prisma/artifacts.ts';
import type { Actor, Tx } from '../prisma/open.ts';
import { appendEvents } from '../prisma/run-log.ts';
import { ask } from '../prisma/statements.ts';
import type { Fault } from './errors.ts';
import { notFound, Problem } from './errors.ts';
import type { GraphCache } from './graph-cache.ts';
import type { startPayloadSchema } from './outbox.ts';
import { leaveInOutbox } from './outbox.ts';
import type { RunRow } from './run-view.ts';

export interface RunRequest {
  /** Runs the version of a document published last, or exactly the version of a graph's hash. */
  of: { document: string } | { graphHash: string };
  input: Json;
  /** Script of the practice model and tools, as JSON. */
  practice?: string;
}

/** @throws Problem not-found; not-runnable; invalid-input, naming every field that does not meet the document's Inputs */
export async function startRun(tx: Tx, graphs: GraphCache, actor: Actor, request: RunRequest): Promise<RunRow> {
  const { tenant, user } = actor;
  const hash = 'document' in request.of ? await latestHash(tx, tenant, request.of.document) : request.of.graphHash;
  const loaded = await graphs.load(tx, tenant, hash);
  if (loaded === undefined) throw notFound('graph');
  const { graph, inputs } = loaded;
  refuseWhatIsNotRun(graph);
  const completed = inputs.complete(request.input);
  if (!completed.ok) {
    const errors = completed.violations.map(({ path, message }) => ({ at: path, in: 'input' as const, message }));
    throw new Problem('invalid-input', { errors });
  }
  const input = await putArtifact(tx, tenant, completed.value);
  const id = randomUUID();
  const workflowId = `${graph.id}/${id}`;
  const payload: typeof startPayloadSchema._output = { document: graph.id, title: graph.title };
  const [[run]] = await Promise.all([
    ask<RunRow>(tx)`INSERT INTO run (tenant_id, id, root_run_id, workflow_id, document_id, graph_hash, title, status,
        requester_id, input_digest, practice, trace_id, created_at)
      VALUES (${tenant}, ${id}, ${id}, ${workflowId}, ${graph.id}, ${hash}, ${graph.title}, 'running',
        ${user}, ${input}, ${request.practice ?? null}, ${randomBytes(16).toString('hex')}, now()) RETURNING *`,
    leaveInOutbox(tx, tenant, { id, workflowId }, 'start', payload, new Date()),
    appendEvents(tx, [
      { run: id, type: 'run.started', sourceKey: 'run.started', body: { graph: hash, input, rootRun: id } },
    ]),
  ]);
  if (run === undefined) throw new Error('a run was inserted and not returned');
  return run;
}

/** @throws Problem not-runnable */
export function refuseWhatIsNotRun(graph: Graph): void {
  const errors = notRunYet(graph).map(
    (what): Fault => ({ at: '', in: 'graph', message: `Unexpected ${what}, expected a document that can be run` }),
  );
  if (errors.length > 0) throw new Problem('not-runnable', { errors });
}

async function latestHash(tx: Tx, tenant: string, document: string): Promise<string> {
  const [row] = await ask<{ graphHash: string }>(tx)`SELECT graph_hash FROM document
    WHERE tenant_id = ${tenant} AND id = ${document}`;
  if (row === undefined) throw notFound('document');
  return row.graphHash;
}
