/**
 * Claiming a step: the start of every attempt. Raises the step's fence, so that an older attempt that still lives can
 * record nothing more, or hands back the record that the same work already has.
 */
import { randomUUID } from 'node:crypto';
import { ApplicationFailure } from '@temporalio/common';
import type { Agent, Graph, Node } from '../compiler/graph.ts';
import { delegatesBelow, nodeHash } from '../compiler/node-hash.ts';
import { placeOf } from '../compiler/proposal-places.ts';
import type { Json } from '../compiler/types.ts';
import { artifactKey } from '../prisma/artifacts.ts';
import { editedText } from '../prisma/edited-values.ts';
import type { Actor, Store, Tx } from '../prisma/open.ts';
import { appendEvents } from '../prisma/run-log.ts';
import { ask } from '../prisma/statements.ts';
import { takenBack } from '../prisma/taken-back.ts';
import type { Digest, StepInput, StepOutcome, View } from './contract.ts';
import type { Dependencies } from './dependencies.ts';
import { editsBefore, editsNow, givenBy } from './edited-inputs.ts';
import { refuseOfEnded } from './ended-run.ts';
import type { StepFailure } from './failures.ts';
import { applicationFailure, failStep, setRunStatus } from './failures.ts';
import type { LoadedGraph } from './graph-cache.ts';
import { handoffSchema } from './handoff.ts';
import { inputDigestsOf } from './input-digests.ts';
import { logStep } from './log-step.ts';
import { modelNamed } from './models/pricing.ts';
import { orderFor } from './orders.ts';
import { practicePassOf } from './practice-pass.ts';
import type { RunOfProposal } from './run-proposal.ts';
import {
  baseOf,
  contentsOf,
  isInProposal,
  placeWritten,
  proposalWorkedOn,
  proposedInputs,
  UnknownOwner,
} from './run-proposal.ts';
import { memoKeyOf } from './step-keys.ts';
import { declarationOf, undoOf } from './tools/declarations.ts';
import { transitionEvents } from './transitions.ts';

export type RunScope = NonNullable<Awaited<ReturnType<Store['before']['runScope']>>>;

export interface Claim {
  scope: RunScope;
  /** The step's own actor, fixed at its first claim. */
  actor: Actor;
  graph: Graph;
  graphHash: string;
  loaded: LoadedGraph;
  node: Node;
  /** Id of the step's row. */
  execution: string;
  fence: number;
  /** Claims so far, this one included. */
  attempt: number;
  charged: number;
  memoKey: string;
  generation: number;
  path: string;
  runId: string;
  rootRun: string;
  traceId: string;
  /** Digest of the run's input. */
  runInput: Digest;
  /** What memoKey covers: values read, by name, and `input` where the step reads it. */
  inputDigests: Record<string, Digest>;
  /** All that the step was given: what it reads, and what the containers around it run over. */
  givenDigests: Record<string, Digest>;
  /** Values among these that a person gave in place of others, by name. */
  edited?: Readonly<Record<string, Digest>>;
  /** Values among these that the proposal holds in place of others, by name. */
  proposed?: Readonly<Record<string, Digest>>;
  /** Of a step that writes to the proposal: digest of what was there when its work began; empty where there was nothing. */
  base?: Digest;
  /** Of what is done after the step, without its fence: the effectKey of the write that it takes back. */
  takesBack?: string;
  /** Digest of the output that a person gave for the step. */
  supplied?: Digest;
  /** Of the tenant: names artifacts. */
  artifactKey: Uint8Array;
  claimedAt: Date;
  /** Script of the practice model and tools, as stored with the run. */
  practice?: string;
  /** Of a run with a script: which of the step's answers is wanted, counted from 1. */
  practicePass?: number;
}

/** `memoInputs`: what the work is made of, where that is not what the node's expressions read. */
export type ClaimInput = StepInput & { memoInputs?: Record<string, Digest> };

/** Attempts that end without a recorded outcome (a crash, a kill) before the step parks as a bug. */
const CLAIMS_WITHOUT_PROGRESS = 10;

/** Raises the fence and starts the attempt; or returns the record that a committed memoKey already has. */
export async function claimStep(
  deps: Dependencies,
  input: ClaimInput,
): Promise<{ claimed: Claim } | { done: StepOutcome }> {
  const scope = await scopeOf(deps, input.run);
  const result = await deps.store.actAs({ tenant: scope.tenant, user: scope.requester }, (tx) =>
    claimIn(tx, deps, scope, input),
  );
  if ('done' in result) return result;
  const { claimed, actorActive, stuck, refusal } = result;
  logStep(deps, claimed, { level: 'info', event: 'step.started', status: 'running' });
  if (!actorActive) {
    await failStep(deps, claimed, {
      class: 'not-allowed',
      detail: `Unexpected inactive user ${claimed.actor.user}, expected the person for whom the step acts to be active`,
    });
  }
  if (refusal) await failStep(deps, claimed, refusal);
  if (stuck) {
    await failStep(deps, claimed, {
      class: 'bug',
      detail: `Unexpected ${CLAIMS_WITHOUT_PROGRESS} attempts in a row that ended without an outcome, expected one to succeed or fail`,
    });
  }
  return { claimed };
}

/** What must be known of a run before its tenant is: throws when there is no such run. */
export async function scopeOf(deps: Dependencies, run: string): Promise<RunScope> {
  const scope = await deps.store.before.runScope(run);
  if (!scope) throw ApplicationFailure.nonRetryable(`Unexpected run ${run}, expected one in the store`, 'waymark.bug');
  return scope;
}

/** nodeHash with what configuration adds: the resolved model, the tools' declarations. */
export function nodeHashOf(deps: Dependencies, graph: Graph, node: Node, practice: string | undefined): string {
  const names = node.kind === 'tool' ? [node.tool] : node.kind === 'agent' ? node.tools : [];
  const tools: Record<string, Json> = {};
  for (const name of names) tools[name] = declarationOf(deps.configuration, practice, name);
  const agent = node.kind === 'agent' ? graph.agents.find(({ id }) => id === node.agent) : undefined;
  const resolved = ({ model }: Agent): string => modelNamed(deps.configuration, model);
  const delegates = agent ? delegatesBelow(graph, agent) : [];
  return nodeHash(graph, node, {
    ...(agent ? { model: resolved(agent) } : {}),
    ...(delegates.length > 0 ? { models: Object.fromEntries(delegates.map((one) => [one.id, resolved(one)])) } : {}),
    tools,
  });
}

type RunRow = Awaited<ReturnType<Tx['run']['findUniqueOrThrow']>>;
type ExecutionRow = Awaited<ReturnType<Tx['stepExecution']['findUniqueOrThrow']>>;

type ClaimResult =
  | { done: StepOutcome }
  | { claimed: Claim; actorActive: boolean; stuck: boolean; refusal: StepFailure | undefined };

async function claimIn(tx: Tx, deps: Dependencies, scope: RunScope, input: ClaimInput): Promise<ClaimResult> {
  const tenant = scope.tenant;
  const path = input.path ?? '';
  const [[run], [latest = null], artifacts] = await Promise.all([
    ask<RunRow>(tx)`SELECT * FROM run WHERE tenant_id = ${tenant} AND id = ${input.run}`,
    ask<ExecutionRow>(tx)`SELECT * FROM step_execution WHERE tenant_id = ${tenant}
      AND root_run_id = ${scope.rootRun} AND node = ${input.node} AND path = ${path} AND generation >= 0
      ORDER BY generation DESC LIMIT 1`,
    artifactKey(tx, tenant),
  ]);
  if (run === undefined) throw new Error('a run that has a scope is not there');
  // What another run goes on with is no longer this one's to do.
  if (run.resumedBy !== null) throw applicationFailure(input.node, 'not-allowed', { retry: false });
  await refuseOfEnded(tx, run, input.node);
  const loaded = await deps.graphs.load(tx, tenant, run.graphHash);
  const node = loaded.nodes.get(input.node);
  if (!node) throw applicationFailure(input.node, 'bug', { retry: false });

  const order = await orderFor(tx, { tenant, run: run.id, node: node.id }, input.order);
  const practice = run.practice ?? undefined;
  const hash = nodeHashOf(deps, loaded.graph, node, practice);

  const standing = await standingOf(tx, deps, run, loaded, node, input);
  const isFresh = latest !== null && latest.runId !== run.id && freshOf(run).includes(node.id);
  const earlier = latest === null || isFresh ? {} : await editsBefore(tx, deps, run, loaded, latest);
  const digestsWith = (proposed: Record<string, Digest>, worked: { proposal?: Digest } = {}) => {
    const read = { ...input.inputs, ...proposed, input: run.inputDigest };
    const edits = editsNow(earlier, order, read);
    const { input: runInput, ...given } = { ...read, ...givenBy(edits) };
    const inputDigests = input.memoInputs ?? { ...inputDigestsOf(node, given, runInput), ...worked };
    return { edits, given, runInput, inputDigests };
  };
  const keyWith = (inputDigests: Record<string, Digest>, generation: number) =>
    memoKeyOf({ rootRun: run.rootRunId, node: node.id, path, generation, nodeHash: hash, inputDigests });
  // Work of this run that is done was done over the proposal as it was then.
  const done = latest?.status === 'committed' && latest.runId === run.id ? latest : undefined;
  const recorded = done && recordedReads(loaded, node, done);
  const isRecorded = recorded && done.memoKey === keyWith(digestsWith(recorded).inputDigests, done.generation);
  const proposed = isRecorded ? recorded : standing.proposed;
  const { edits, given, runInput, inputDigests } = digestsWith(proposed, isRecorded ? {} : standing.worked);
  const memoKeyAt = (generation: number) => keyWith(inputDigests, generation);

  // Work that differs from what the row stands for (other inputs, another model) is a new row beside it; so is what was
  // given up when a run ended, and what a resume asked to be done again.
  const asked = order.generation ?? 0;
  const isTakenBack = latest !== null && undoOf(node) !== undefined && (await wasTakenBack(tx, tenant, latest.id));
  const isOver = latest !== null && (latest.status === 'skipped' || isTakenBack);
  const stands = latest !== null && asked <= latest.generation && !isOver && !isFresh;
  const isSame = stands && latest.memoKey === memoKeyAt(latest.generation);
  const generation = isSame ? latest.generation : Math.max(asked, latest === null ? 0 : latest.generation + 1);
  const memoKey = memoKeyAt(generation);
  if (latest && latest.generation !== generation) await supersede(tx, tenant, latest.id, deps.clock());
  // Sent together: what is locked is the row that is made here, or that another attempt made first.
  const [, before] = await Promise.all([
    latest?.generation === generation
      ? undefined
      : ask(tx)`INSERT INTO step_execution
          (tenant_id, id, root_run_id, run_id, node, path, generation, status, memo_key, actor_id, edited)
          VALUES (${tenant}, ${randomUUID()}, ${run.rootRunId}, ${run.id}, ${node.id}, ${path}, ${generation},
            'pending', ${memoKey}, ${latest?.actorId ?? scope.requester}, ${editedText(edits)})
          ON CONFLICT DO NOTHING`,
    lockExecution(tx, tenant, memoKey),
  ]);
  const now = deps.clock();
  if (before.status === 'committed' && before.outputDigest !== null) {
    await appendEvents(tx, await transitionEvents(tx, deps, run, input.log));
    return {
      done: { status: 'committed', output: before.outputDigest, ...viewOf(before.view) },
    };
  }
  if (before.status === 'refused') {
    await appendEvents(tx, await transitionEvents(tx, deps, run, input.log));
    return { done: { status: 'refused' } };
  }
  // A parked step is claimed again only because somebody asked for it: it starts with all its tries.
  const afresh = before.status === 'failed' || before.startedAt === null;
  const place = standing.refusal === undefined ? placeWritten({ node, path }) : undefined;
  const base = !place ? null : !afresh ? before.baseDigest : await baseOf(tx, deps, run, loaded, place, artifacts);
  // After a Reset of a run that had ended, or of a parked step, the row says again what is so.
  const transitions = await transitionEvents(tx, deps, run, input.log);
  const [[row], [actor], reopened] = await Promise.all([
    ask<ExecutionRow>(tx)`UPDATE step_execution SET status = 'running', run_id = ${run.id}, fence = fence + 1,
        attempt = attempt + 1, base_digest = coalesce(${base}, base_digest),
        charged = CASE WHEN ${afresh} THEN 0 ELSE charged END,
        started_at = CASE WHEN ${afresh} THEN ${now} ELSE started_at END,
        ended_at = CASE WHEN ${afresh} THEN NULL ELSE ended_at END,
        failure_class = CASE WHEN ${afresh} THEN NULL ELSE failure_class END,
        failure_detail = CASE WHEN ${afresh} THEN NULL ELSE failure_detail END
      WHERE tenant_id = ${tenant} AND memo_key = ${memoKey} RETURNING *`,
    ask<{ active: boolean }>(tx)`SELECT active FROM user_account
      WHERE tenant_id = ${tenant} AND id = ${before.actorId}`,
    setRunStatus(tx, { actor: { tenant }, runId: run.id }, 'running', ['completed', 'rejected', 'failed']),
  ]);
  if (row === undefined) throw new Error('a row that is locked is not there');
  const claimed: Claim = {
    scope,
    actor: { tenant, user: row.actorId },
    graph: loaded.graph,
    graphHash: run.graphHash,
    loaded,
    node,
    execution: row.id,
    fence: row.fence,
    attempt: row.attempt,
    charged: row.charged,
    memoKey,
    generation,
    path,
    runId: run.id,
    rootRun: run.rootRunId,
    traceId: run.traceId,
    runInput,
    inputDigests,
    givenDigests: { ...given, input: runInput },
    edited: givenBy(edits),
    proposed,
    ...(base === null ? {} : { base }),
    ...(order.output === undefined ? {} : { supplied: order.output }),
    artifactKey: artifacts,
    claimedAt: now,
    ...(practice === undefined
      ? {}
      : { practice, practicePass: await practicePassOf(tx, { tenant, rootRun: run.rootRunId, node: node.id, path }) }),
  };
  const stuck = row.attempt - (await lastOutcomeAttempt(tx, claimed)) > CLAIMS_WITHOUT_PROGRESS;
  if (reopened.length > 0) {
    await tx.run.update({ where: { tenantId_id: { tenantId: tenant, id: run.id } }, data: { endedAt: null } });
  }
  await appendEvents(tx, [
    ...transitions,
    ...reopened,
    {
      run: run.id,
      type: 'step.started',
      sourceKey: `started:${row.id}:${row.attempt}`,
      node: node.id,
      body: { execution: row.id, attempt: row.attempt, generation, ...(path === '' ? {} : { path }) },
    },
  ]);
  return { claimed, actorActive: actor?.active === true, stuck, refusal: standing.refusal };
}

/**
 * What the step reads of the proposal as it stands; `worked`, where its work is made of less. One that cannot be opened is
 * told of once the step is claimed.
 */
async function standingOf(
  tx: Tx,
  deps: Dependencies,
  run: RunOfProposal,
  loaded: LoadedGraph,
  node: Node,
  { inputs = {}, memoInputs }: ClaimInput,
): Promise<{ proposed: Record<string, Digest>; worked?: { proposal: Digest }; refusal?: StepFailure }> {
  // What is collected was read by the steps within.
  if (memoInputs !== undefined) return { proposed: {} };
  try {
    const proposed = await proposedInputs(tx, deps, run, loaded, node.id, inputs);
    const proposal = await proposalWorkedOn(tx, deps, run, loaded, node);
    if (placeOf(node)) await contentsOf(tx, deps, run, loaded);
    return { proposed, ...(proposal === undefined ? {} : { worked: { proposal } }) };
  } catch (problem) {
    if (!(problem instanceof UnknownOwner)) throw problem;
    return { proposed: {}, refusal: { class: 'not-allowed', detail: problem.message } };
  }
}

/** What a step that is done had read of the proposal, and of outputs that go there. */
function recordedReads(
  loaded: LoadedGraph,
  node: Node,
  { handoff }: { handoff: string | null },
): Record<string, Digest> {
  if (loaded.graph.proposal === undefined || handoff === null) return {};
  const { inputDigests } = handoffSchema.parse(JSON.parse(handoff));
  return Object.fromEntries(Object.entries(inputDigests).filter(([name]) => readsProposal(loaded, node, name)));
}

/** Is this, of what the step reads, the proposal itself or an output that goes there? */
export function readsProposal(loaded: LoadedGraph, node: Node, name: string): boolean {
  return name === 'proposal' || isInProposal(loaded, name, node.id);
}

export function freshOf(run: { fresh: string }): string[] {
  return JSON.parse(run.fresh) as string[];
}

/** A write that was taken back is to be made again by whoever goes on with the run. */
async function wasTakenBack(tx: Tx, tenantId: string, execution: string): Promise<boolean> {
  return (await tx.effect.count({ where: { tenantId, stepExecutionId: execution, ...takenBack } })) > 0;
}

/** Work that was under way is another's now: its row ends, and an attempt that still lives finds its fence lost. */
async function supersede(tx: Tx, tenant: string, id: string, now: Date): Promise<void> {
  await tx.stepExecution.updateMany({
    where: { tenantId: tenant, id, status: { in: ['pending', 'running'] } },
    data: { status: 'skipped', endedAt: now },
  });
}

/** Locks the row for the rest of the transaction: of two attempts at once, one claims after the other. */
async function lockExecution(tx: Tx, tenant: string, memoKey: string): Promise<ExecutionRow> {
  const [row] = await ask<ExecutionRow>(tx)`SELECT * FROM step_execution
    WHERE tenant_id = ${tenant} AND memo_key = ${memoKey} FOR UPDATE`;
  if (row === undefined) throw new Error('a step that was made is not there');
  return row;
}

/** The last attempt that came to something: a turn, a retry with its reason, an open approval. */
async function lastOutcomeAttempt(tx: Tx, claim: Claim): Promise<number> {
  if (claim.attempt <= CLAIMS_WITHOUT_PROGRESS) return 0;
  const turn = await tx.stepTurn.findFirst({
    where: { tenantId: claim.actor.tenant, stepExecutionId: claim.execution },
    orderBy: { attempt: 'desc' },
  });
  const event = await tx.runEvent.findFirst({
    where: {
      tenantId: claim.actor.tenant,
      runId: claim.runId,
      node: claim.node.id,
      type: { in: ['step.retrying', 'step.failed', 'gate.opened', 'effect.settled'] },
    },
    orderBy: { seq: 'desc' },
  });
  const recorded: unknown = event ? JSON.parse(event.body) : {};
  const attempt = recorded && typeof recorded === 'object' && 'attempt' in recorded ? Number(recorded.attempt) : 0;
  return Math.max(turn?.attempt ?? 0, attempt);
}

/** The view column as the field of an outcome: absent where the step has none. */
export function viewOf(stored: string | null): { view?: View } {
  return stored === null ? {} : { view: JSON.parse(stored) as View };
}
