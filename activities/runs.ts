/** The life of a run around its steps: beginning, hearing what people did, the materialised status, the end. */
import { randomUUID } from 'node:crypto';
import { ApplicationFailure } from '@temporalio/common';
import { ExpressionError, evaluate } from '../compiler/expressions/evaluate.ts';
import type { Json } from '../compiler/types.ts';
import { deriveView } from '../compiler/view.ts';
import { getArtifact, putArtifact } from '../prisma/artifacts.ts';
import type { Tx } from '../prisma/open.ts';
import type { NewEvent } from '../prisma/run-log.ts';
import { appendEvents } from '../prisma/run-log.ts';
import { validatorOf } from './complete-output.ts';
import type { Digest, GateState, Heard, Ring, RunActivities, RunOutcome, Scoped } from './contract.ts';
import type { Dependencies } from './dependencies.ts';
import { setRunStatus } from './failures.ts';
import { gateState, lapseGate } from './gate-rows.ts';
import type { Bindings } from './load-inputs.ts';
import { bindingsIn, bindingsNow } from './load-inputs.ts';
import { hearCommand } from './orders.ts';
import type { RunInHand } from './run-row.ts';
import { logRun, readRun } from './run-row.ts';
import { lapseTasksOfFormer } from './session-task.ts';
import { transitionEvents } from './transitions.ts';

export async function beginRun(deps: Dependencies, input: { run: string }): ReturnType<RunActivities['beginRun']> {
  const begun = await readRun(deps, input, async (tx, run) => {
    const { viewPaths } = run.loaded;
    const paths = viewPaths.input ?? [];
    const view =
      paths.length === 0 ? undefined : deriveView(await getArtifact(tx, run.actor.tenant, run.runInput), paths);
    await appendEvents(tx, [
      {
        run: run.row.id,
        type: 'run.started',
        sourceKey: 'run.started',
        body: { graph: run.row.graphHash, input: run.runInput, rootRun: run.rootRun },
      },
    ]);
    return {
      run,
      answer: {
        skeleton: run.loaded.skeleton(),
        ...(view === undefined ? {} : { input: view }),
        ...(run.row.resumesRunId === null ? {} : { resumes: true as const }),
        ...(deps.apiUrl === undefined ? {} : { address: `${deps.apiUrl}/runs/${run.row.id}` }),
      },
    };
  });
  logRun(deps, begun.run, { event: 'run.started', status: 'running' });
  return begun.answer;
}

/**
 * Evaluates the Result, stores it, and closes the run. A run that would have completed and whose Result has no value or is
 * not of its type stays open, and nothing is recorded: that is the failure `invalid-output`, which names the row. Of a run
 * that ended otherwise, the Result holds what there is.
 */
export async function finishRun(
  deps: Dependencies,
  input: Scoped & { outcome: RunOutcome; inputs?: Record<string, Digest> },
): Promise<{ result?: Digest }> {
  const finished = await readRun(deps, input, async (tx, run) => {
    const bindings =
      input.outcome === 'completed'
        ? (await bindingsNow(tx, deps, run, undefined, input.inputs)).bindings
        : await bindingsIn(tx, run, undefined, input.inputs);
    const { result, problem } = resultOf(run, bindings, input.outcome === 'completed');
    if (problem !== undefined) return { run, problem };
    const status = input.outcome;
    const digest = Object.keys(result).length > 0 ? await putArtifact(tx, run.actor.tenant, result) : undefined;
    const transitions = await transitionEvents(tx, deps, run.row, input.log);
    // What is open then is the other run's that goes on with it.
    const isOver = run.row.resumedBy === null;
    const lapsed = isOver ? await leaveNothingOpen(tx, deps, run) : [];
    await tx.run.update({
      where: { tenantId_id: { tenantId: run.actor.tenant, id: run.row.id } },
      data: { status, resultDigest: digest ?? null, endedAt: deps.clock() },
    });
    const isCutShort = status === 'cancelled' || status === 'failed';
    if (isCutShort && isOver) await tx.$executeRaw`SELECT cancel_called(${run.row.id})`;
    if (run.row.callerRunId !== null) await tx.$executeRaw`SELECT ring_caller(${run.row.id})`;
    const made = isCutShort ? await writesMade(tx, run) : {};
    await appendEvents(tx, [
      ...transitions,
      ...lapsed,
      {
        run: run.row.id,
        type: 'run.ended',
        sourceKey: `run.ended:${status}:${digest ?? ''}`,
        body: { status, ...(digest === undefined ? {} : { result: digest }), ...made },
      },
    ]);
    return { run, status, digest };
  });
  if ('problem' in finished) {
    const { row, reason } = finished.problem;
    logRun(deps, finished.run, { event: 'run.result', status: 'failed', class: 'invalid-output', level: 'error' });
    throw ApplicationFailure.nonRetryable(
      `The Result could not be made: row ${row} ${reason === 'no-value' ? 'has no value' : 'is not of its type'}`,
      'waymark.invalid-output',
    );
  }
  logRun(deps, finished.run, {
    event: 'run.ended',
    status: finished.status,
    level: finished.status === 'failed' ? 'error' : 'info',
  });
  return finished.digest === undefined ? {} : { result: finished.digest };
}

/** Of a run that was ended before its end: what it wrote, and may have written. The first hundred by name, all by number. */
async function writesMade(tx: Tx, { actor, rootRun }: RunInHand): Promise<Record<string, Json>> {
  const where = { tenantId: actor.tenant, rootRunId: rootRun, status: { not: 'failed' } };
  const orderBy = [{ firstIntentAt: 'asc' }, { effectKey: 'asc' }] as const;
  const rows = await tx.effect.findMany({ where, orderBy: [...orderBy], take: 100 });
  if (rows.length === 0) return {};
  const effects = rows.map(({ effectKey, node, tool, status }) => ({ effect: effectKey, step: node, tool, status }));
  return { effects, effectsInAll: await tx.effect.count({ where }) };
}

export async function keepState(
  deps: Dependencies,
  input: { run: string; part: string },
): ReturnType<RunActivities['keepState']> {
  return readRun(deps, input, async (tx, run) => ({ digest: await putArtifact(tx, run.actor.tenant, input.part) }));
}

export async function readState(
  deps: Dependencies,
  input: { run: string; digest: Digest },
): ReturnType<RunActivities['readState']> {
  return readRun(deps, input, async (tx, run) => {
    const part = await getArtifact(tx, run.actor.tenant, input.digest);
    return { part: typeof part === 'string' ? part : '' };
  });
}

/** An ended run asks nobody anything, and what was under way may record nothing more. */
async function leaveNothingOpen(tx: Tx, deps: Dependencies, run: RunInHand): Promise<NewEvent[]> {
  const tenantId = run.actor.tenant;
  await tx.stepExecution.updateMany({
    where: { tenantId, runId: run.row.id, status: { in: ['pending', 'running'] } },
    data: { status: 'skipped', endedAt: deps.clock() },
  });
  const open = await tx.gate.findMany({
    where: { tenantId, runId: run.row.id, status: 'open' },
    orderBy: { id: 'asc' },
  });
  const events: NewEvent[] = [];
  for (const gate of open) events.push(...(await lapseGate(tx, gate, run.row.id)));
  return events;
}

/** The row that went wrong, counted from 1; names of rows and values are content. */
type ResultProblem = { row: number; reason: 'no-value' | 'wrong-type' };

function resultOf(
  run: RunInHand,
  bindings: Bindings,
  strict: boolean,
): { result: { [name: string]: Json }; problem?: ResultProblem } {
  const result: [string, Json][] = [];
  for (const [index, { name, type, value }] of run.loaded.graph.result.entries()) {
    const problem = (reason: ResultProblem['reason']) => ({ result: {}, problem: { row: index + 1, reason } });
    let found: Json;
    try {
      found = evaluate(value, bindings);
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error;
      if (strict) return problem('no-value');
      continue;
    }
    const completed = validatorOf(run.loaded, type).complete(found);
    if (completed.ok) result.push([name, completed.value]);
    else if (strict) return problem('wrong-type');
  }
  return { result: Object.fromEntries(result) };
}

/** Appends what no other activity carries, and sets the materialised status of a run that has not ended. */
export async function flushLog(
  deps: Dependencies,
  input: Scoped & { status: 'running' | 'waiting' | 'needs-attention'; paused?: boolean },
): Promise<void> {
  const changed = await readRun(deps, input, async (tx, run) => {
    const transitions = await transitionEvents(tx, deps, run.row, input.log);
    const status = await setRunStatus(tx, { actor: run.actor, runId: run.row.id }, input.status, [
      'running',
      'waiting',
      'needs-attention',
    ]);
    await appendEvents(tx, [...transitions, ...(await setPaused(tx, run, input.paused)), ...status]);
    return status.length > 0 ? run : undefined;
  });
  if (changed) logRun(deps, changed, { event: 'run.status', status: input.status });
}

async function setPaused(tx: Tx, { row, actor }: RunInHand, paused: boolean | undefined): Promise<NewEvent[]> {
  if (paused === undefined || row.paused === paused) return [];
  await tx.run.update({ where: { tenantId_id: { tenantId: actor.tenant, id: row.id } }, data: { paused } });
  return [{ run: row.id, type: 'run.paused', sourceKey: `paused:${randomUUID()}`, body: { paused } }];
}

/** Reads the rows a ring names. Whatever the ring says, only what the rows say counts. */
export async function hear(deps: Dependencies, input: Scoped & { ring: Ring }): Promise<Heard> {
  const { heard, run } = await readRun(deps, input, async (tx, run) => {
    const { heard, events } = await heardIn(tx, deps, run, input.ring);
    const transitions = await transitionEvents(tx, deps, run.row, input.log);
    const status = await statusAfter(tx, run, heard);
    await appendEvents(tx, [...transitions, ...events, ...status]);
    return { heard, run };
  });
  logRun(deps, run, { event: 'run.heard', status: heard.kind });
  return heard;
}

export async function readGates(
  deps: Dependencies,
  input: Scoped & { gates: string[] },
): ReturnType<RunActivities['readGates']> {
  return readRun(deps, input, async (tx, run) => {
    const lapsed = await lapseTasksOfFormer(tx, run, input.gates);
    const where = {
      tenantId: run.actor.tenant,
      rootRunId: run.rootRun,
      id: { in: input.gates },
      status: { not: 'open' },
    };
    const decided: GateState[] = [];
    for (const gate of await tx.gate.findMany({ where, orderBy: { id: 'asc' } }))
      decided.push(await gateState(tx, gate, deps.clock()));
    await appendEvents(tx, [...(await transitionEvents(tx, deps, run.row, input.log)), ...lapsed]);
    return { decided };
  });
}

/** The events are for the caller to append last. */
async function heardIn(
  tx: Tx,
  deps: Dependencies,
  run: RunInHand,
  ring: Ring,
): Promise<{ heard: Heard; events: NewEvent[] }> {
  const ordered = ring.command === undefined ? undefined : await hearCommand(tx, deps, run, ring.command);
  if (ordered !== undefined) return ordered;
  const events = ring.gate === undefined ? [] : await lapseTasksOfFormer(tx, run, [ring.gate]);
  return { heard: await rowsOf(tx, deps, run, ring), events };
}

async function rowsOf(tx: Tx, deps: Dependencies, run: RunInHand, ring: Ring): Promise<Heard> {
  const tenant = run.actor.tenant;
  if (ring.run !== undefined) {
    const called = await tx.run.findFirst({
      where: { tenantId: tenant, id: ring.run, caller: { rootRunId: run.rootRun }, endedAt: { not: null } },
    });
    if (called) {
      const where = { tenantId: tenant, id: called.id, heardAt: null };
      await tx.run.updateMany({ where, data: { heardAt: deps.clock() } });
      return { kind: 'run', run: called.id };
    }
  }
  if (ring.gate !== undefined) {
    const gate = await tx.gate.findFirst({ where: { tenantId: tenant, id: ring.gate, rootRunId: run.rootRun } });
    if (gate) {
      const state = await gateState(tx, gate, deps.clock());
      if (state.verdict || state.lapsed) return { kind: 'gate', state };
    }
  }
  return { kind: 'nothing' };
}

/** A run that waits for nobody any more is running. */
async function statusAfter(tx: Tx, run: RunInHand, heard: Heard) {
  if (heard.kind !== 'gate') return [];
  const open = await tx.gate.count({ where: { tenantId: run.actor.tenant, rootRunId: run.rootRun, status: 'open' } });
  return open > 0 ? [] : setRunStatus(tx, { actor: run.actor, runId: run.row.id }, 'running', ['waiting']);
}
