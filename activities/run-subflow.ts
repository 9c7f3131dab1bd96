/**
 * A step that runs another document: an independent run, called once, in the name of the step's actor. The step is run
 * again when that has ended, holds its Result against the checks, and commits it. Where that fails, a retry takes the same
 * Result: the document did what it had to do.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import type { NodeOf } from '../compiler/graph.ts';
import { notRunYet } from '../compiler/runs-today.ts';
import type { Json } from '../compiler/types.ts';
import { getArtifact, putArtifact } from '../prisma/artifacts.ts';
import { isOrdered } from '../prisma/commands.ts';
import type { Tx } from '../prisma/open.ts';
import { appendEvents } from '../prisma/run-log.ts';
import { argumentsOf } from './arguments.ts';
import { attemptStep } from './attempt-step.ts';
import type { Claim } from './claim.ts';
import { commitStep, noUsage } from './commit.ts';
import { completeOutput, validatorOf } from './complete-output.ts';
import type { LapsedGate, StepInput, StepOutcome } from './contract.ts';
import type { Dependencies } from './dependencies.ts';
import { GateLapsed } from './effects.ts';
import type { StepFailure } from './failures.ts';
import { applicationFailure, failStep, requireFence } from './failures.ts';
import { gateCheckFor } from './gates.ts';
import { loadBindings } from './load-inputs.ts';
import { refuseStep } from './refuse-step.ts';

type Call =
  | { status: 'called'; run: string }
  | { status: 'completed'; result: Json }
  | { status: 'refused' }
  | { status: 'lapsed'; gate: LapsedGate }
  | { status: 'failed'; failure: StepFailure };

export function runSubflow(deps: Dependencies, input: StepInput, signal: AbortSignal): Promise<StepOutcome> {
  return attemptStep(deps, input, signal, async (claim) => {
    const { node } = claim;
    if (node.kind !== 'run') throw applicationFailure(node.id, 'bug', { retry: false });
    const bindings = await loadBindings(deps, claim);
    const given = await argumentsOf(deps, claim, node.with, bindings);
    const call = await deps.store.actAs(claim.actor, (tx) => callIn(tx, deps, claim, node, given));
    switch (call.status) {
      case 'completed': {
        const step = { type: node.gives, checks: node.checks ?? [] };
        const completed = completeOutput(claim.loaded, step, call.result, bindings);
        if (!completed.ok) return failStep(deps, claim, completed.failure);
        return commitStep(deps, claim, { output: completed.output, usage: noUsage, quality: 1 });
      }
      case 'failed':
        return failStep(deps, claim, call.failure);
      case 'lapsed':
        throw new GateLapsed(call.gate);
      case 'called':
      case 'refused':
        return call;
    }
  });
}

/** Under the step's fence: finds the run that this step called, or calls one. */
async function callIn(
  tx: Tx,
  deps: Dependencies,
  claim: Claim,
  node: NodeOf<'run'>,
  given: { [name: string]: Json },
): Promise<Call> {
  const { tenant } = claim.actor;
  const row = await requireFence(tx, claim);
  const called = await tx.run.findFirst({
    where: { tenantId: tenant, calledBy: claim.execution },
    orderBy: { createdAt: 'desc' },
  });
  // One that did not complete before somebody asked for another try is not asked about again.
  const isOver = called !== null && called.endedAt !== null;
  const isOfEarlierTry = isOver && row.startedAt !== null && called.createdAt < row.startedAt;
  if (called === null || (isOfEarlierTry && called.status !== 'completed'))
    return callAnew(tx, deps, claim, node, given);
  if (!isOver) return { status: 'called', run: called.id };
  switch (called.status) {
    case 'completed': {
      const result = called.resultDigest === null ? {} : await getArtifact(tx, tenant, called.resultDigest);
      return { status: 'completed', result };
    }
    case 'rejected':
      return refuseStep(tx, deps, claim, { run: called.id });
    default: {
      const detail = `Unexpected end of the run ${called.id}: ${called.status}, expected completed`;
      return { status: 'failed', failure: { class: 'run-failed', detail } };
    }
  }
}

async function callAnew(
  tx: Tx,
  deps: Dependencies,
  claim: Claim,
  node: NodeOf<'run'>,
  given: { [name: string]: Json },
): Promise<Call> {
  const { tenant } = claim.actor;
  const hash = node.document.graph;
  const loaded = hash === undefined ? undefined : await deps.graphs.load(tx, tenant, hash);
  const unfit = loaded === undefined ? ['document that was not known'] : notRunYet(loaded.graph);
  if (hash === undefined || loaded === undefined || unfit.length > 0) {
    const what = unfit.join(', ');
    const detail = `Unexpected ${what} in ${node.document.file}, expected a document that this version runs`;
    return { status: 'failed', failure: { class: 'not-allowed', detail } };
  }
  const { graph } = loaded;
  const completed = validatorOf(loaded, { kind: 'record', fields: graph.inputs }).complete(given);
  if (!completed.ok) {
    const detail = completed.violations.map(({ path, message }) => `${path || 'input'}: ${message}`).join('; ');
    return { status: 'failed', failure: { class: 'invalid-output', detail, final: true } };
  }
  // It may write in the end, so what was approved is held against what it is about to be given.
  const standing = await gateCheckFor(deps, claim)(tx);
  if (!standing.stands) {
    if ('refused' in standing) return { status: 'failed', failure: { class: 'not-allowed', detail: standing.refused } };
    await appendEvents(tx, standing.events);
    return { status: 'lapsed', gate: standing.lapsed };
  }
  if (await isOrdered(tx, { tenant, run: claim.runId }, ['cancel']))
    throw applicationFailure(node.id, 'not-allowed', { retry: true, delayMs: 1000 });

  const run = randomUUID();
  const input = await putArtifact(tx, tenant, completed.value);
  const trace = randomBytes(16).toString('hex');
  const start = JSON.stringify({ document: graph.id, title: graph.title });
  await tx.$executeRaw`SELECT call_run(${claim.execution}, ${run}, ${`${graph.id}/${run}`}, ${graph.id}, ${hash},
    ${graph.title}, ${input}, ${trace}, ${start})`;
  await appendEvents(tx, [
    {
      run: claim.runId,
      type: 'run.called',
      sourceKey: `called:${run}`,
      node: node.id,
      body: { execution: claim.execution, run, graph: hash, input },
    },
  ]);
  return { status: 'called', run };
}
