/** Taking up a turn: whose it is, what it may build on, and what an earlier attempt has done of it already. */
import { ApplicationFailure } from '@temporalio/common';
import type { Json } from '../../compiler/types.ts';
import { artifactKey } from '../../prisma/artifacts.ts';
import type { Actor, Tx } from '../../prisma/open.ts';
import { findProposal, sightOf } from '../../prisma/proposal-rights.ts';
import type { CallDeed } from '../../prisma/session-deeds.ts';
import { deedSchema } from '../../prisma/session-deeds.ts';
import type { MessageRow } from '../../prisma/sessions.ts';
import { appendMessage, holdSession } from '../../prisma/sessions.ts';
import type { Spender } from '../budgets.ts';
import type { Dependencies } from '../dependencies.ts';
import { tellAnswers } from './answered-writes.ts';
import type { SessionAgent } from './session-agent.ts';
import { agentFor } from './session-agent.ts';

export interface TurnEntry {
  /** Position in the turn, from 0. */
  seq: number;
  kind: 'model' | 'tool';
  requestDigest: string;
  response: Json;
}

export interface TurnClaim extends SessionAgent {
  /** The session's owner, from its row: nothing that is handed in says who acts. */
  actor: Actor;
  session: string;
  proposal: string;
  turn: string;
  fence: number;
  /** The assignee epoch when the turn was first taken up. */
  epoch: number;
  /** Whether text that is not the owner's may be behind what the agent says: set, it stays. */
  untrusted: boolean;
  spender: Spender;
  /** What the owner said yes to, to be done before the agent goes on. */
  performs?: Performs;
  sections: string[];
  hasState: boolean;
  /** What was said before and in this turn by the owner, oldest first. */
  history: MessageRow[];
  entries: TurnEntry[];
  artifactKey: Uint8Array;
}

/** What the turn performs: exactly what its owner was shown. */
export interface Performs {
  confirmation: string;
  deed: CallDeed;
}

/** @throws Error where the confirmation is of something else than a call: then it was not written by us */
function performsOf(confirmation: { id: string; body: string }): Performs {
  const deed = deedSchema.parse(JSON.parse(confirmation.body));
  if (deed.does !== 'call') throw new Error(`confirmation ${confirmation.id} is of no call`);
  return { confirmation: confirmation.id, deed };
}

/** Messages that a model is shown again. */
const mostHistory = 60;

export type TakenUp = { claimed: TurnClaim } | { ended: string };

/** Raises the fence. An owner who is inactive, or has lost access, ends the turn as not allowed, on every attempt. */
export async function claimTurn(deps: Dependencies, input: { session: string; turn: string }): Promise<TakenUp> {
  const scope = await deps.store.before.sessionScope(input.session);
  if (!scope) throw ApplicationFailure.nonRetryable('There is no such session', 'waymark.bug');
  const actor = { tenant: scope.tenant, user: scope.owner };
  return deps.store.actAs(actor, async (tx) => {
    const row = await holdTurn(tx, actor, input);
    if (!row) {
      throw ApplicationFailure.nonRetryable('There is no such turn in this session', 'waymark.bug');
    }
    if (row.state !== 'queued' && row.state !== 'running') return { ended: row.state };
    const key = { tenantId_id: { tenantId: actor.tenant, id: row.id } };
    const proposal = await findProposal(tx, actor.tenant, scope.proposal);
    const seen = proposal && (await sightOf(tx, actor, proposal));
    const fence = row.fence + 1;
    await tx.sessionTurn.update({ where: key, data: { state: 'running', fence } });
    if (!seen) return { ended: await endTurn(tx, actor, row, { state: 'failed', failure: 'not-allowed' }) };
    if (row.stopping) return { ended: await endTurn(tx, actor, row, { state: 'stopped' }) };
    const epoch = row.epoch ?? seen.proposal.assigneeEpoch;
    const untrusted = row.untrusted || (await buildsOnUntrusted(tx, actor, input.session, row.number));
    const talking = await agentFor(tx, deps, actor, seen.proposal);
    const confirmation =
      row.performs === null
        ? null
        : await tx.confirmation.findUniqueOrThrow({
            where: { tenantId_id: { tenantId: actor.tenant, id: row.performs } },
          });
    await tx.sessionTurn.update({
      where: key,
      data: { epoch, untrusted, agent: talking.agent?.id ?? null, step: talking.step?.id ?? null },
    });
    await appendMessage(tx, actor, input.session, {
      author: 'agent',
      kind: 'turn',
      turn: row.id,
      body: { state: 'running', attempt: fence },
    });
    await tellAnswers(tx, actor, row);
    const { runId } = seen.proposal;
    return {
      claimed: {
        actor,
        session: input.session,
        proposal: scope.proposal,
        turn: row.id,
        fence,
        epoch,
        untrusted,
        ...talking,
        spender: runId === null ? { proposal: scope.proposal } : { rootRun: runId },
        ...(confirmation === null ? {} : { performs: performsOf(confirmation) }),
        sections: seen.proposal.sections.map(({ name }) => name).filter((name) => name !== ''),
        hasState: seen.proposal.sections.some(({ name }) => name === ''),
        history: await historyOf(tx, actor, input.session, row),
        entries: await entriesOf(tx, actor, row.id),
        artifactKey: await artifactKey(tx, actor.tenant),
      },
    };
  });
}

export type TurnRow = NonNullable<Awaited<ReturnType<typeof holdTurn>>>;

/**
 * The turn, held until the transaction ends by its session, which whoever changes a turn holds first: see holdSession.
 * Undefined when the actor has none of that id in that session.
 */
export async function holdTurn(tx: Tx, actor: Actor, { session, turn }: { session: string; turn: string }) {
  await holdSession(tx, actor, session);
  const row = await tx.sessionTurn.findUnique({ where: { tenantId_id: { tenantId: actor.tenant, id: turn } } });
  return row?.ownerId === actor.user && row.sessionId === session ? row : undefined;
}

/** `detail`: in words, for the transcript. */
export type TurnEnd = { state: 'done' | 'stopped' } | { state: 'failed'; failure: string; detail?: string };

/** Ends it by its row and says so in the transcript. */
export async function endTurn(
  tx: Tx,
  actor: Actor,
  row: { id: string; sessionId: string },
  end: TurnEnd,
): Promise<string> {
  const { detail, ...ended } = { detail: undefined, ...end };
  await tx.sessionTurn.update({
    where: { tenantId_id: { tenantId: actor.tenant, id: row.id } },
    data: { ...ended, endedAt: new Date() },
  });
  const body = { ...ended, ...(detail === undefined ? {} : { detail }) };
  await appendMessage(tx, actor, row.sessionId, { author: 'agent', kind: 'turn', turn: row.id, body });
  return end.state;
}

/** What an earlier turn said may carry on what it was told. */
async function buildsOnUntrusted(tx: Tx, { tenant }: Actor, session: string, number: number): Promise<boolean> {
  const where = { tenantId: tenant, sessionId: session, number: { lt: number }, untrusted: true };
  return (await tx.sessionTurn.count({ where })) > 0;
}

async function historyOf(
  tx: Tx,
  { tenant }: Actor,
  session: string,
  turn: { id: string; number: number },
): Promise<MessageRow[]> {
  const rows = await tx.message.findMany({
    where: {
      tenantId: tenant,
      sessionId: session,
      kind: { notIn: ['piece', 'turn'] },
      OR: [
        { turn: { number: { lt: turn.number } } },
        // What the agent has said in this turn comes from the journal.
        { turnId: turn.id, author: 'owner' },
      ],
    },
    orderBy: { seq: 'desc' },
    take: mostHistory,
  });
  return rows.reverse();
}

async function entriesOf(tx: Tx, { tenant }: Actor, turn: string): Promise<TurnEntry[]> {
  const rows = await tx.turnEntry.findMany({ where: { tenantId: tenant, turnId: turn }, orderBy: { seq: 'asc' } });
  return rows.map(({ seq, kind, requestDigest, response }) => ({
    seq,
    kind: kind === 'model' ? 'model' : 'tool',
    requestDigest,
    response: JSON.parse(response) as Json,
  }));
}
