/** What every run begins with, a first one and one that goes on from another: a graph that is run, an input that fits it, and the rows. */
import { randomBytes } from 'node:crypto';
import type { Graph } from '../compiler/graph.ts';
import { notRunYet } from '../compiler/runs-today.ts';
import type { Json } from '../compiler/types.ts';
import { putArtifact } from '../prisma/artifacts.ts';
import type { Tx } from '../prisma/open.ts';
import type { NewEvent } from '../prisma/run-log.ts';
import { appendEvents } from '../prisma/run-log.ts';
import { ask } from '../prisma/statements.ts';
import type { Fault } from './errors.ts';
import { Problem } from './errors.ts';
import type { LoadedGraph } from './graph-cache.ts';
import { leaveInOutbox } from './outbox.ts';
import type { RunRow } from './run-view.ts';

/** @throws Problem not-runnable */
export function refuseWhatIsNotRun(graph: Graph): void {
  const errors = notRunYet(graph).map(
    (what): Fault => ({ at: '', in: 'graph', message: `Unexpected ${what}, expected a document that can be run` }),
  );
  if (errors.length > 0) throw new Problem('not-runnable', { errors });
}

/** Stores the input with its defaults; gives its digest. Throws Problem invalid-input, naming every field that does not meet Inputs. */
export async function storeInput(tx: Tx, tenant: string, { inputs }: LoadedGraph, given: Json): Promise<string> {
  const completed = inputs.complete(given);
  if (completed.ok) return putArtifact(tx, tenant, completed.value);
  const errors = completed.violations.map(({ path, message }) => ({ at: path, in: 'input' as const, message }));
  throw new Problem('invalid-input', { errors });
}

export interface NewRun {
  id: string;
  graph: Graph;
  graphHash: string;
  /** Digest of what `storeInput` stored. */
  input: string;
  requester: string;
  practice: string | null;
  /** Of one that goes on from another: which, and the steps that it does anew whatever is known of them. */
  goesOn?: { from: RunRow; fresh: string[] };
}

/** The row, the outbox row from which the relay starts it, and its first event, after those of `before`. */
export async function beginRun(tx: Tx, tenant: string, run: NewRun, before: NewEvent[] = []): Promise<RunRow> {
  const { id, graph, graphHash, input, goesOn } = run;
  const from = goesOn?.from;
  const rootRun = from?.rootRunId ?? id;
  const workflowId = `${graph.id}/${id}`;
  const resumes = from === undefined ? {} : { resumes: from.id };
  const [[row]] = await Promise.all([
    ask<RunRow>(tx)`INSERT INTO run (tenant_id, id, root_run_id, workflow_id, document_id, graph_hash, title, status,
        requester_id, input_digest, practice, trace_id, created_at, called_by, caller_run_id, resumes_run_id, fresh)
      VALUES (${tenant}, ${id}, ${rootRun}, ${workflowId}, ${graph.id}, ${graphHash}, ${graph.title}, 'running',
        ${run.requester}, ${input}, ${run.practice}, ${randomBytes(16).toString('hex')}, now(), ${from?.calledBy ?? null},
        ${from?.callerRunId ?? null}, ${from?.id ?? null}, ${JSON.stringify(goesOn?.fresh ?? [])}) RETURNING *`,
    leaveInOutbox(
      tx,
      tenant,
      { id, workflowId },
      'start',
      { document: graph.id, title: graph.title, ...resumes },
      new Date(),
    ),
    appendEvents(tx, [
      ...before,
      {
        run: id,
        type: 'run.started',
        sourceKey: 'run.started',
        body: { graph: graphHash, input, rootRun, ...resumes },
      },
    ]),
  ]);
  if (row === undefined) throw new Error('a run was inserted and not returned');
  return row;
}
