/** Starting a run: one transaction that stores the input, the run and the outbox row from which the relay starts it. */
import { randomUUID } from 'node:crypto';
import type { Json } from '../compiler/types.ts';
import type { Actor, Tx } from '../prisma/open.ts';
import { ask } from '../prisma/statements.ts';
import { beginRun, refuseWhatIsNotRun, storeInput } from './begin-run.ts';
import { notFound } from './errors.ts';
import type { GraphCache } from './graph-cache.ts';
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
  const { graph } = loaded;
  refuseWhatIsNotRun(graph);
  const input = await storeInput(tx, tenant, loaded, request.input);
  const practice = request.practice ?? null;
  return beginRun(tx, tenant, { id: randomUUID(), graph, graphHash: hash, input, requester: user, practice });
}

async function latestHash(tx: Tx, tenant: string, document: string): Promise<string> {
  const [row] = await ask<{ graphHash: string }>(tx)`SELECT graph_hash FROM document
    WHERE tenant_id = ${tenant} AND id = ${document}`;
  if (row === undefined) throw notFound('document');
  return row.graphHash;
}
