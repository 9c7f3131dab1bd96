/** Starting a run: one transaction that stores the input, the run and the outbox row from which the relay starts it. */
import { randomBytes, randomUUID } from 'node:crypto';
import type { Graph } from '../compiler/graph.ts';
import { notRunYet } from '../compiler/runs-today.ts';
import type { Json } from '../compiler/types.ts';
import { putArtifact } from '../prisma/artifacts.ts';
import type { Actor, Tx } from '../prisma/open.ts';
import { appendEvents } from '../prisma/run-log.ts';
import type { Fault } from './errors.ts';
import { notFound, Problem } from './errors.ts';
import type { GraphCache } from './graph-cache.ts';
import type { startPayloadSchema } from './outbox.ts';

export interface RunRequest {
  /** Runs the version of a document published last, or exactly the version of a graph's hash. */
  of: { document: string } | { graphHash: string };
  input: Json;
  /** Script of the practice model and tools, as JSON. */
  practice?: string;
}

export interface StartedRun {
  id: string;
  workflowId: string;
  document: string;
  graphHash: string;
  title: string;
}

/** @throws Problem not-found; not-runnable; invalid-input, naming every field that does not meet the document's Inputs */
export async function startRun(tx: Tx, graphs: GraphCache, actor: Actor, request: RunRequest): Promise<StartedRun> {
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
  await tx.run.create({
    data: {
      tenantId: tenant,
      id,
      rootRunId: id,
      workflowId,
      documentId: graph.id,
      graphHash: hash,
      title: graph.title,
      status: 'running',
      requesterId: user,
      inputDigest: input,
      practice: request.practice ?? null,
      traceId: randomBytes(16).toString('hex'),
      createdAt: new Date(),
    },
  });
  const payload: typeof startPayloadSchema._output = { document: graph.id, title: graph.title };
  await tx.outbox.create({
    data: {
      tenantId: tenant,
      id: randomUUID(),
      runId: id,
      workflowId,
      kind: 'start',
      payload: JSON.stringify(payload),
      nextAt: new Date(),
    },
  });
  await appendEvents(tx, [
    { run: id, type: 'run.started', sourceKey: 'run.started', body: { graph: hash, input, rootRun: id } },
  ]);
  return { id, workflowId, document: graph.id, graphHash: hash, title: graph.title };
}

/** @throws Problem not-runnable */
export function refuseWhatIsNotRun(graph: Graph): void {
  const errors = notRunYet(graph).map(
    (what): Fault => ({ at: '', in: 'graph', message: `Unexpected ${what}, expected a document that can be run` }),
  );
  if (errors.length > 0) throw new Problem('not-runnable', { errors });
}

async function latestHash(tx: Tx, tenant: string, document: string): Promise<string> {
  const row = await tx.document.findUnique({ where: { tenantId_id: { tenantId: tenant, id: document } } });
  if (row === null) throw notFound('document');
  return row.graphHash;
}
