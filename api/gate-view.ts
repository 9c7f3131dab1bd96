/** Gates as people see them. */
import type { z } from 'zod';
import type { Json } from '../compiler/types.ts';
import type { Identity, Tx } from '../prisma/open.ts';
import { formSchema } from './gate-forms.ts';
import { votable } from './gate-inbox.ts';
import { readRights, voteOf, votersOf, votesThatCount } from './gate-rights.ts';
import type { GateRow } from './gate-rows.ts';
import { actionsOf, approversOf, everybodyAsked, notByOf, shownOf } from './gate-rows.ts';
import { hiddenFrom } from './gate-sight.ts';
import { missingVotes } from './gate-votes.ts';
import type { GraphCache } from './graph-cache.ts';
import type { gateDetails, gate as gateSchema } from './routes/gates/schemas.ts';
import type { RunRow } from './run-view.ts';

type GateView = z.infer<typeof gateSchema>;
type GateDetails = z.infer<typeof gateDetails>;
type WebUiOf = (workflowId: string) => string | undefined;

/** Values longer than this, as JSON, are left out of a list. */
const listedBytes = 4_096;

/** In the order given, without large values, and without those that the person is not shown. */
export async function viewOfGates(
  tx: Tx,
  graphs: GraphCache,
  person: Identity,
  gates: readonly GateRow[],
  webUiOf: WebUiOf,
): Promise<GateView[]> {
  const tenantId = person.tenant;
  const runs = await tx.run.findMany({ where: { tenantId, id: { in: gates.map((gate) => gate.runId) } } });
  const hidden = await hiddenFrom(tx, graphs, person, gates, runs);
  const values = await shownValues(tx, gates, listedBytes);
  const mine = await votable(tx, person, gates);
  return gates.map((gate) => {
    const run = runs.find(({ id }) => id === gate.runId);
    if (run === undefined) throw new Error('a gate is of a run that is not there');
    return viewOf(gate, run, hidden.has(gate.id) ? new Map() : values, mine.has(gate.id), webUiOf);
  });
}

/** With all it shows to this person, who voted, who is still needed, and what was asked and answered. */
export async function viewOfGate(
  tx: Tx,
  graphs: GraphCache,
  person: Identity,
  gate: GateRow,
  webUiOf: WebUiOf,
): Promise<GateDetails> {
  const tenantId = person.tenant;
  const where = { tenantId, gateId: gate.id };
  const run = await tx.run.findUniqueOrThrow({ where: { tenantId_id: { tenantId, id: gate.runId } } });
  const votes = await tx.decision.findMany({ where, orderBy: [{ decidedAt: 'asc' }, { id: 'asc' }] });
  const messages = await tx.gateMessage.findMany({ where, orderBy: [{ at: 'asc' }, { id: 'asc' }] });
  const delegations = await tx.gateDelegation.findMany({ where, orderBy: [{ madeAt: 'asc' }, { id: 'asc' }] });
  const rights = await readRights(tx, gate, run, [person.user, ...votes.map(({ userId }) => userId)]);
  const isOpen = gate.status === 'open' && run.endedAt === null;
  const counted = gate.status === 'open' ? votesThatCount(rights, votes) : votesOfVerdict(gate, votes);
  const loaded = await graphs.load(tx, tenantId, run.graphHash);
  const form = loaded && formSchema(loaded, gate);
  const isHidden = (await hiddenFrom(tx, graphs, person, [gate], [run])).has(gate.id);
  const values = isHidden ? new Map<string, Json>() : await shownValues(tx, [gate], undefined);
  const filledIn = votes.flatMap(({ formDigest }) => (isHidden ? [] : (formDigest ?? [])));
  const forms = await contentsOf(tx, tenantId, filledIn);
  return {
    ...viewOf(gate, run, values, isOpen && 'principal' in voteOf(rights, person.user, undefined), webUiOf),
    ...(form === undefined ? {} : { form: form as Json }),
    decisions: votes.map((vote) => {
      const filled = vote.formDigest === null ? undefined : forms.get(vote.formDigest);
      return {
        id: vote.id,
        by: vote.userId,
        ...(vote.forUserId === null ? {} : { for: vote.forUserId }),
        action: vote.action,
        comment: vote.comment,
        ...(filled === undefined ? {} : { form: filled }),
        subject: vote.subject,
        decidedAt: vote.decidedAt.toISOString(),
        counts: counted.some(({ id }) => id === vote.id),
      };
    }),
    missing: isOpen
      ? actionsOf(gate)
          .filter(({ effect }) => effect === 'continue')
          .map(({ name }) => ({
            action: name,
            needed: missingVotes(
              rights.approvers,
              votersOf(
                rights,
                counted.filter(({ action }) => action === name),
              ),
            ),
          }))
      : [],
    delegations: delegations.map(({ fromUserId, toUserId, madeAt, withdrawnAt }) => ({
      from: fromUserId,
      to: toUserId,
      madeAt: madeAt.toISOString(),
      ...(withdrawnAt === null ? {} : { withdrawnAt: withdrawnAt.toISOString() }),
    })),
    messages: messages.map((message) => ({
      id: message.id,
      kind: message.kind === 'answer' ? 'answer' : 'question',
      by: message.userId,
      ...(message.toUserId === null ? {} : { to: message.toUserId }),
      ...(message.answers === null ? {} : { answers: message.answers }),
      text: message.text,
      at: message.at.toISOString(),
    })),
  };
}

/** Of a gate that was decided: by whom, as its rows said then. */
function votesOfVerdict<Vote extends { action: string }>(gate: GateRow, votes: readonly Vote[]): Vote[] {
  return votes.filter(({ action }) => action === gate.verdict);
}

async function shownValues(
  tx: Tx,
  gates: readonly GateRow[],
  mostBytes: number | undefined,
): Promise<ReadonlyMap<string, Json>> {
  const digests = gates.flatMap((gate) => shownOf(gate).map(({ digest }) => digest));
  return contentsOf(tx, gates[0]?.tenantId ?? '', digests, mostBytes);
}

async function contentsOf(
  tx: Tx,
  tenantId: string,
  digests: readonly string[],
  mostBytes?: number,
): Promise<ReadonlyMap<string, Json>> {
  if (digests.length === 0) return new Map();
  const artifacts = await tx.artifact.findMany({
    where: {
      tenantId,
      digest: { in: [...digests] },
      ...(mostBytes === undefined ? {} : { bytes: { lte: mostBytes } }),
    },
  });
  return new Map(artifacts.map(({ digest, content }) => [digest, JSON.parse(content) as Json]));
}

function viewOf(
  gate: GateRow,
  run: RunRow,
  values: ReadonlyMap<string, Json>,
  mayVote: boolean,
  webUiOf: WebUiOf,
): GateView {
  const webUi = webUiOf(run.workflowId);
  const approvers = approversOf(gate);
  const everybody = everybodyAsked(approvers);
  return {
    id: gate.id,
    step: gate.node,
    ...(gate.path === '' ? {} : { path: gate.path }),
    title: gate.title,
    question: gate.question,
    purpose: gate.purpose as GateView['purpose'],
    status: gate.status as GateView['status'],
    run: {
      id: run.id,
      document: run.documentId,
      title: run.title,
      status: run.status,
      requester: run.requesterId,
      practice: run.practice !== null,
      ...(webUi === undefined ? {} : { webUi }),
    },
    subject: gate.subject,
    shown: shownOf(gate).map(({ name, digest }) => {
      const value = values.get(digest);
      return { name, digest, ...(value === undefined ? {} : { value }) };
    }),
    actions: actionsOf(gate),
    approvers: everybody.roles,
    people: everybody.people,
    need: approvers.own.need,
    ...(approvers.quorum > 1 ? { quorum: approvers.quorum } : {}),
    notBy: notByOf(gate),
    mayDecide: mayVote,
    overdue: gate.status === 'open' && gate.dueAt !== null && gate.dueAt.getTime() <= Date.now(),
    ...(gate.dueAt === null ? {} : { dueAt: gate.dueAt.toISOString() }),
    ...(gate.escalatedAt === null ? {} : { escalatedAt: gate.escalatedAt.toISOString() }),
    ...(gate.claimedBy === null || gate.claimedAt === null
      ? {}
      : { claimed: { by: gate.claimedBy, at: gate.claimedAt.toISOString() } }),
    ...(gate.verdict === null ? {} : { verdict: gate.verdict }),
    openedAt: gate.openedAt.toISOString(),
    ...(gate.decidedAt === null ? {} : { decidedAt: gate.decidedAt.toISOString() }),
  };
}
