/**
 * The call of a write that its agent asked the session's owner for, and that they said yes to. It is made through the ledger
 * of effects under a key of the confirmation: once, however often the turn is taken up.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { ApplicationFailure } from '@temporalio/common';
import type { Json } from '../../compiler/types.ts';
import { getArtifact } from '../../prisma/artifacts.ts';
import type { Tx } from '../../prisma/open.ts';
import { findProposal, sightOf } from '../../prisma/proposal-rights.ts';
import type { CallDeed } from '../../prisma/session-deeds.ts';
import { callSlot } from '../../prisma/session-deeds.ts';
import type { NewMessage } from '../../prisma/sessions.ts';
import { undoSlot } from '../../prisma/taken-back.ts';
import { BreakerOpen } from '../breakers.ts';
import type { Dependencies } from '../dependencies.ts';
import type { EffectClaim } from '../effect-claim.ts';
import type { GateStanding } from '../effects.ts';
import { performEffect } from '../effects.ts';
import type { FailureClass, StepFailure } from '../failures.ts';
import { failureClasses } from '../failures.ts';
import { renderBlocks } from '../models/context-blocks.ts';
import { argumentProblem } from '../tools/call-tool.ts';
import { findTool } from '../tools/declarations.ts';
import { RequestProblem } from '../tools/http.ts';
import { ToolProblem } from '../tools/tool-problem.ts';
import { schemaProblems } from '../tools/tool-schemas.ts';
import type { Performs, TurnClaim } from './claim-turn.ts';
import { holdTurn } from './claim-turn.ts';
import { graphNow } from './graph-now.ts';
import { mayDo, openTaskOf } from './open-task.ts';
import { TurnLost, TurnStopped } from './turn-journal.ts';

/** What became of the call, for the model and for the transcript. */
export interface Made {
  response: Json;
  say: NewMessage;
  untrusted: boolean;
}

/** Nobody knows whether the call did what it was to do: neither is it made again nor is the talk gone on with. */
export class CallUnsettled extends Error {
  readonly failureClass: FailureClass;
  constructor({ class: failureClass, detail }: StepFailure) {
    super(detail);
    this.name = 'CallUnsettled';
    this.failureClass = failureClass;
  }
}

/** Times that the tool is called, where it is the tool's fault that it did not answer. */
const mostTries = 4;
const windowTokens = 8_000;
/** After these the tool may yet have done it. */
const unsettled: readonly FailureClass[] = ['outcome-unknown', 'effect-conflict'];

/** @throws TurnLost; TurnStopped while nothing was sent; CallUnsettled; what `signal` was aborted with */
export async function makeCall(
  deps: Dependencies,
  claim: TurnClaim,
  { confirmation, deed }: Performs,
  signal: AbortSignal,
): Promise<Made> {
  const slot = callSlot(confirmation);
  const said = (body: Record<string, Json>): NewMessage => ({
    author: 'agent',
    kind: 'action',
    turn: claim.turn,
    body: { ...body, tool: deed.tool, confirmation },
  });
  const done = (value: Json, problems: readonly string[] = []): Made => {
    const note = problems.length === 0 ? '' : `It is not what ${deed.tool} declares: ${problems.join('; ')}\n\n`;
    const block = { name: deed.tool, source: `tool ${deed.tool}`, trusted: false, value };
    return {
      response: `It is done. ${note}${renderBlocks([block], windowTokens).text}`,
      say: said({ did: 'called' }),
      untrusted: true,
    };
  };
  /** Only where no earlier attempt may have had it done. */
  const notMade = async (why: string): Promise<Made> => {
    if ((await callOf(deps, claim, slot)).isUnsettled) {
      const detail = `Whether ${deed.tool} did what it was asked is not known: it was called before, and is not called again. ${why}`;
      throw new CallUnsettled({ class: 'outcome-unknown', detail });
    }
    return { response: `It was not done. ${why}`, say: said({ did: 'nothing', why }), untrusted: true };
  };
  const before = await callOf(deps, claim, slot);
  if (before.takenBack) {
    const response = 'It was done, and was taken back when the run was cancelled.';
    return { response, say: said({ did: 'called', takenBack: true }), untrusted: true };
  }
  if (before.outcome !== undefined) return done(before.outcome);
  const tool = findTool(deps.configuration, undefined, deed.tool);
  if (tool?.effect !== 'write') return notMade(`${deed.tool} is no write that the configuration declares.`);
  const wrong = argumentProblem(tool, deed.arguments);
  if (wrong !== undefined) return notMade(wrong);
  const maker = await makerAt(deps, claim, deed.at);
  if (maker === undefined) return notMade(noTask);
  const effect = {
    tool,
    slot,
    args: deed.arguments,
    gateCheck: (tx: Tx) => stillAsked(tx, deps, claim, deed.at),
  };
  for (let tries = 0; ; ) {
    signal.throwIfAborted();
    try {
      const value = await deps.breakers.run(`tool:${tool.name}`, () => performEffect(deps, maker, effect));
      return done(value, schemaProblems(tool.output, value));
    } catch (problem) {
      const failure = failureOf(problem);
      if (failure.uncharged === undefined) tries += 1;
      const again = triedAgain(failure) && tries < mostTries;
      if (!again) {
        const end = failure.parksAs ?? failure.class;
        if (unsettled.includes(end)) throw new CallUnsettled({ ...failure, class: end });
        return notMade(failure.detail);
      }
      const ownMs = Math.min(failure.retryAfterMs ?? 500 * 2 ** tries, 60_000);
      await wait(Math.max(ownMs, failure.atLeastMs ?? 0), undefined, { signal });
    }
  }
}

/** What the ledger says of the turn's call, of all the keys that it had: after an answer of a person it has another. */
async function callOf(
  deps: Dependencies,
  { actor, turn }: TurnClaim,
  slot: string,
): Promise<{ outcome?: Json; isUnsettled: boolean; takenBack?: true }> {
  return deps.store.actAs(actor, async (tx) => {
    const of = { tenantId: actor.tenant, turnId: turn };
    const rows = await tx.effect.findMany({ where: { ...of, slot } });
    const made = rows.find(({ status }) => status === 'succeeded');
    if (made === undefined) {
      return { isUnsettled: rows.some(({ status, answer }) => answer === null && status !== 'failed') };
    }
    const { effectKey, outcomeDigest } = made;
    const reversal = { ...of, slot: undoSlot(effectKey), status: 'succeeded' };
    if ((await tx.effect.count({ where: reversal })) > 0) return { isUnsettled: false, takenBack: true };
    return {
      isUnsettled: false,
      outcome: outcomeDigest === null ? null : await getArtifact(tx, actor.tenant, outcomeDigest),
    };
  });
}

/** A refusal is told at once: somebody waits, and may ask for something else. */
function triedAgain({ class: failureClass, final }: StepFailure): boolean {
  return failureClasses[failureClass].retried && final === undefined && failureClass !== 'tool-failed';
}

const noTask = 'The step in which it was asked for is not open any more, or is not yours to do.';

/** Whose write it is: the step's of the run, made by this turn. */
async function makerAt(deps: Dependencies, claim: TurnClaim, at: CallDeed['at']): Promise<EffectClaim | undefined> {
  const { actor, session, turn, fence, artifactKey } = claim;
  return deps.store.actAs(actor, async (tx) => {
    const task = await taskNow(tx, deps, claim, at);
    if (task === undefined) return undefined;
    const { path, runId, rootRunId: rootRun } = task.gate;
    return {
      actor,
      node: task.step,
      path,
      runId,
      rootRun,
      artifactKey,
      attempt: fence,
      turn,
      holds: async (within) => {
        const row = await holdTurn(within, actor, { session, turn });
        return row?.state === 'running' && row.fence === fence;
      },
    };
  });
}

/** The task, where it is open at that place and its owner's to do, who is active and sees the proposal. */
async function taskNow(tx: Tx, deps: Dependencies, { actor, proposal: id }: TurnClaim, at: CallDeed['at']) {
  const proposal = await findProposal(tx, actor.tenant, id);
  if (proposal?.status !== 'open') return undefined;
  if (!(await sightOf(tx, actor, proposal))) return undefined;
  const graph = await graphNow(tx, deps, proposal);
  if (graph === undefined) return undefined;
  const task = await openTaskOf(tx, graph, proposal, at);
  return task !== undefined && (await mayDo(tx, actor, task, proposal)) ? task : undefined;
}

/** In the transaction of the intent: nothing has changed since the owner said yes that would have them not asked. */
async function stillAsked(tx: Tx, deps: Dependencies, claim: TurnClaim, at: CallDeed['at']): Promise<GateStanding> {
  const row = await holdTurn(tx, claim.actor, claim);
  if (row?.stopping !== false) throw new TurnStopped();
  const task = await taskNow(tx, deps, claim, at);
  return task === undefined ? { stands: false, refused: noTask } : { stands: true };
}

/** What went wrong, where it is of the call. */
function failureOf(problem: unknown): StepFailure {
  if (problem instanceof ToolProblem) return problem.failure;
  if (problem instanceof BreakerOpen) {
    return { class: 'breaker-open', detail: problem.message, retryAfterMs: problem.retryAfterMs };
  }
  if (problem instanceof RequestProblem) return { class: 'not-allowed', detail: problem.message };
  if (problem instanceof ApplicationFailure && problem.type === 'waymark.fence-lost') throw new TurnLost();
  if (problem instanceof ApplicationFailure && problem.type === 'waymark.not-allowed') {
    return { class: 'not-allowed', detail: 'The run was cancelled, or another goes on with it.' };
  }
  throw problem;
}
