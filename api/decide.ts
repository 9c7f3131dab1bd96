/**
 * Deciding a gate: one transaction, final when it commits. Everything that could refuse the decision is looked at under
 * the gate's lock, so of two decisions at once one is made and the other is told so. The workflow is rung afterwards.
 */
import { randomUUID } from 'node:crypto';
import { placeOf } from '../compiler/proposal-places.ts';
import type { Json } from '../compiler/types.ts';
import type { Violation } from '../compiler/validate-value.ts';
import type { View } from '../compiler/view.ts';
import { deriveView } from '../compiler/view.ts';
import { artifactKey, putArtifact } from '../prisma/artifacts.ts';
import { verdictKey, verdictTold } from '../prisma/gate-events.ts';
import { notify } from '../prisma/notifications.ts';
import type { Actor, Tx } from '../prisma/open.ts';
import { appendEvents } from '../prisma/run-log.ts';
import { ask } from '../prisma/statements.ts';
import { endDelegations, tellFormerDelegates } from './end-delegations.ts';
import { fillForm, nodeOf } from './gate-forms.ts';
import type { GateRights } from './gate-rights.ts';
import { ownRight, readRights, voteOf, votersOf, votesThatCount } from './gate-rights.ts';
import type { GateRow } from './gate-rows.ts';
import { actionsOf } from './gate-rows.ts';
import type { Missing } from './gate-votes.ts';
import { missingVotes } from './gate-votes.ts';
import type { GraphCache, LoadedGraph } from './graph-cache.ts';
import { holdGate } from './hold-gate.ts';
import { leaveInOutbox } from './outbox.ts';
import { lapseGate, proposalStands } from './proposal-stands.ts';
import { prepareWrite, writeTaskOutput } from './task-output.ts';

export interface DecisionRequest {
  gate: string;
  action: string;
  /** Of the gate, as it was shown to the person. */
  subject: string;
  comment: string;
  form?: Json;
  /** Whose vote is cast, where it was delegated. Unsaid, one's own, or else one that was delegated. */
  for?: string;
}

export type RefusalReason =
  | 'not-found'
  | 'not-open'
  | 'already-decided'
  | 'already-voted'
  | 'claimed'
  | 'stale-subject'
  | 'not-an-approver'
  | 'separation-of-duties'
  | 'unknown-action'
  | 'invalid-form';

export interface Decided {
  decision: string;
  gate: string;
  run: string;
  action: string;
  decidedAt: Date;
  /** Empty when the gate is decided: who is still needed. */
  missing: Missing[];
}

export type Verdict =
  | { decided: Decided }
  | { refused: RefusalReason; run?: string; node?: string; violations?: Violation[] };

type DecisionRow = Awaited<ReturnType<Tx['decision']['findMany']>>[number];

/** Something people agreed on, as it becomes the gate's output. */
interface Agreed {
  action: string;
  /** Whose vote was the last that was needed. */
  by: string;
  /** In the order in which they decided. */
  votes: { userId: string; comment: string }[];
  form: Json | undefined;
}

export async function decide(tx: Tx, graphs: GraphCache, actor: Actor, request: DecisionRequest): Promise<Verdict> {
  const { tenant, user } = actor;
  const held = await holdGate(tx, tenant, request.gate);
  if (held === undefined) return { refused: 'not-found' };
  const { gate, run } = held;
  const refuse = (reason: RefusalReason, violations?: Violation[]): Verdict => ({
    refused: reason,
    run: run.id,
    node: gate.node,
    ...(violations === undefined ? {} : { violations }),
  });

  if (gate.status === 'decided') return refuse('already-decided');
  if (gate.status !== 'open' || run.endedAt !== null) return refuse('not-open');
  if (gate.subject !== request.subject || !(await proposalStands(tx, gate))) return refuse('stale-subject');
  const [before] = await Promise.all([
    ask<DecisionRow>(tx)`SELECT * FROM decision
      WHERE tenant_id = ${tenant} AND gate_id = ${gate.id} AND subject = ${gate.subject} ORDER BY decided_at, id`,
    // Asked for with it: what is decided is stored under it.
    artifactKey(tx, tenant),
  ]);
  const people = [user, ...(gate.claimedBy === null ? [] : [gate.claimedBy])];
  const rights = await readRights(tx, gate, run, [...people, ...before.map(({ userId }) => userId)]);
  const right = voteOf(rights, user, request.for);
  if ('refused' in right) return refuse(right.refused);
  if (isClaimedByAnother(gate, rights, user)) return refuse('claimed');
  const action = actionsOf(gate).find(({ name }) => name === request.action);
  if (action === undefined) return refuse('unknown-action');
  const counted = votesThatCount(rights, before);
  if (counted.some((vote) => (vote.forUserId ?? vote.userId) === right.principal && vote.action === action.name)) {
    return refuse('already-voted');
  }
  const loaded = await graphs.load(tx, tenant, run.graphHash);
  if (loaded === undefined) throw new Error('a gate is of a graph that is not there');
  const filled = await fillForm(tx, loaded, gate, action.name, request.form);
  if (!filled.ok) return refuse('invalid-form', filled.violations);
  const prepared = await prepareWrite(tx, loaded, gate, filled.value);
  if (!prepared.ok) return refuse('invalid-form', prepared.violations);

  const decision = randomUUID();
  // Votes have an order: no two of a gate are of the same moment.
  const decidedAt = new Date(Math.max(Date.now(), (before.at(-1)?.decidedAt.getTime() ?? 0) + 1));
  const form = filled.value === undefined ? null : await putArtifact(tx, tenant, filled.value);
  const forUser = right.principal === user ? null : right.principal;
  const [, ended = []] = await Promise.all([
    ask(tx)`INSERT INTO decision
      (tenant_id, id, gate_id, user_id, for_user_id, action, comment, form_digest, subject, decided_at)
      VALUES (${tenant}, ${decision}, ${gate.id}, ${user}, ${forUser}, ${action.name}, ${request.comment}, ${form},
        ${gate.subject}, ${decidedAt})`,
    // Who votes themselves has no more use for a delegation.
    ...(forUser === null ? [endDelegations(tx, gate, user, decidedAt)] : []),
  ]);
  const own = { id: decision, userId: user, forUserId: right.principal, action: action.name, comment: request.comment };
  const same = votesThatCount(withoutDelegation(rights, right.principal, user), [...before, own]).filter(
    (vote) => vote.action === action.name,
  );
  // One who ends it is enough, however many must agree to go on.
  const missing = action.effect === 'end' ? [] : missingVotes(rights.approvers, votersOf(rights, same));
  const about = { gate: gate.id, decision, action: action.name, user, subject: gate.subject };
  const inPlaceOf = right.principal === user ? {} : { for: right.principal };
  if (missing.length === 0) {
    const votes = action.effect === 'end' ? [own] : same;
    if (prepared.write) await writeTaskOutput(tx, actor, gate, prepared.write);
    await writeVerdict(
      tx,
      loaded,
      gate,
      run,
      { action: action.name, by: user, votes, form: prepared.output ?? filled.value },
      decidedAt,
    );
  } else await tellFormerDelegates(tx, gate, ended);
  await appendEvents(tx, [
    missing.length === 0
      ? {
          run: run.id,
          type: 'gate.decided',
          sourceKey: verdictKey(gate.id),
          node: gate.node,
          body: { ...about, ...inPlaceOf },
        }
      : {
          run: run.id,
          type: 'gate.voted',
          sourceKey: `gate.voted:${decision}`,
          node: gate.node,
          body: { ...about, ...inPlaceOf },
        },
  ]);
  return { decided: { decision, gate: gate.id, run: run.id, action: action.name, decidedAt, missing } };
}

/** Whoever decides alone, decides what they have taken on; a claim of somebody without the right is none. */
function isClaimedByAnother(gate: GateRow, rights: GateRights, user: string): boolean {
  const { own, quorum } = rights.approvers;
  const alone = own.need === 'any' && quorum === 1;
  const { claimedBy } = gate;
  return alone && claimedBy !== null && claimedBy !== user && ownRight(rights, claimedBy) === undefined;
}

/** The rights as they are once a person who voted themselves has taken their delegation back. */
function withoutDelegation(rights: GateRights, principal: string, caster: string): GateRights {
  if (principal !== caster) return rights;
  return { ...rights, delegations: rights.delegations.filter(({ from }) => from !== principal) };
}

/** And leaves the ring by which the workflow hears of it, and tells who started the run. */
async function writeVerdict(
  tx: Tx,
  loaded: LoadedGraph,
  gate: GateRow,
  run: { id: string; workflowId: string; requesterId: string },
  agreed: Agreed,
  at: Date,
): Promise<void> {
  const output = outputOf(gate, agreed);
  const view = viewOf(loaded, gate, output);
  const digest = await putArtifact(tx, gate.tenantId, output);
  await Promise.all([
    ask(tx)`UPDATE gate SET status = 'decided', verdict = ${agreed.action}, output_digest = ${digest},
        view = ${view === undefined ? null : JSON.stringify(view)}, decided_at = ${at}
      WHERE tenant_id = ${gate.tenantId} AND id = ${gate.id}`,
    leaveInOutbox(tx, gate.tenantId, run, 'ring', { gate: gate.id }, at),
    tellRequester(tx, gate, run, agreed),
  ]);
}

/** Who started the run is told what was decided, unless it was by them. */
async function tellRequester(
  tx: Tx,
  gate: GateRow,
  run: { id: string; requesterId: string },
  { action, by }: Agreed,
): Promise<void> {
  if (run.requesterId === by) return;
  await notify(tx, gate.tenantId, [verdictTold(run.requesterId, { gate: gate.id, run: run.id, action, by })]);
}

/** What the proposal holds is opaque: conditions read it as it stands then, by an activity. */
function viewOf(loaded: LoadedGraph, gate: GateRow, output: Json): View | undefined {
  const paths = loaded.viewPaths[gate.node] ?? [];
  if (gate.purpose === 'approval' || paths.length === 0) return undefined;
  const node = gate.purpose === 'task' ? nodeOf(loaded, gate) : undefined;
  return node && placeOf(node) ? { opaque: [...paths] } : deriveView(output, paths);
}

/** Of a task, what was filled in. Of a gate the verdict, with the comments of all who agreed and the form of the last. */
function outputOf(gate: GateRow, { action, votes, form }: Agreed): Json {
  if (gate.purpose === 'task') return form ?? null;
  const comments = votes.map(({ comment }) => comment).filter((comment) => comment !== '');
  return {
    action,
    comment: comments.join('\n\n'),
    by: votes.map(({ userId }) => userId).join(', '),
    ...(form === undefined ? {} : { form }),
  };
}

/**
 * Notes a refusal in the run's log. In a transaction of its own: the refused one left nothing. A gate that showed what people
 * have changed in the proposal lapses, and its run is rung to ask again.
 */
export async function logRefusal(
  tx: Tx,
  actor: Actor,
  refusal: { gate: string; run: string; node: string; reason: RefusalReason },
): Promise<void> {
  const { gate, run, node, reason } = refusal;
  const held = reason === 'stale-subject' ? await holdGate(tx, actor.tenant, gate) : undefined;
  if (held?.gate.status === 'open' && !(await proposalStands(tx, held.gate))) {
    await leaveInOutbox(tx, actor.tenant, held.run, 'ring', { gate }, new Date());
    await lapseGate(tx, held.gate);
  }
  await appendEvents(tx, [
    {
      run,
      type: 'gate.refused-decision',
      sourceKey: `gate.refused-decision:${randomUUID()}`,
      node,
      body: { gate, user: actor.user, reason },
    },
  ]);
}
