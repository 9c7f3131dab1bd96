/**
 * The ledger of effects: how a write happens at most once, whatever dies and whoever tries again.
 *
 * An intent is committed before the request is sent, its outcome after the answer. An intent without an outcome is
 * unknown: until its deadline nobody touches it; then it is sent again under the same key if the tool still knows that
 * key, or the tool is asked what became of it, or the step parks and a person answers.
 */
import type { Json } from '../compiler/types.ts';
import { digestOf, getArtifact, putArtifact } from '../prisma/artifacts.ts';
import { isOrdered } from '../prisma/commands.ts';
import type { Tx } from '../prisma/open.ts';
import type { NewEvent } from '../prisma/run-log.ts';
import { appendEvents } from '../prisma/run-log.ts';
import { takenBack as takenBackRows, undoSlotPrefix } from '../prisma/taken-back.ts';
import type { LapsedGate } from './contract.ts';
import type { Dependencies } from './dependencies.ts';
import type { EffectClaim } from './effect-claim.ts';
import { holdsWork, makerOf } from './effect-claim.ts';
import type { StepFailure } from './failures.ts';
import { applicationFailure, fenceLost } from './failures.ts';
import { sentAnew } from './settle-effect.ts';
import { effectKeyOf } from './step-keys.ts';
import { withCredential } from './tools/credentials.ts';
import type { ToolDeclaration } from './tools/declarations.ts';
import { undoOf } from './tools/declarations.ts';
import type { Answer } from './tools/http.ts';
import { send } from './tools/http.ts';
import { lookupRequest, toolRequest } from './tools/requests.ts';
import { problemOf, ToolProblem, timeoutOf } from './tools/tool-problem.ts';

/**
 * Asked in the transaction of the intent: do the approvals before this write still stand? Where one does not, it has
 * been lapsed in that transaction, and the events that say so are given back to be appended.
 */
export type GateCheck = (tx: Tx) => Promise<GateStanding>;
export type GateStanding =
  | { stands: true }
  | { stands: false; lapsed: LapsedGate; events: NewEvent[] }
  | { stands: false; refused: string };

/** An approval before this write no longer stands: the gate of that node must be asked again first. */
export class GateLapsed extends Error {
  readonly gate: LapsedGate;
  constructor(gate: LapsedGate) {
    super(`the approval of ${gate.gateNode} no longer stands`);
    this.name = 'GateLapsed';
    this.gate = gate;
  }
}

export interface Effect {
  tool: ToolDeclaration;
  slot: string;
  args: Json;
  gateCheck: GateCheck;
}

/** Between committing an intent and sending, at most; it is part of the deadline. */
const SEND_SLACK_MS = 2000;

type Reservation =
  | { next: 'send'; sends: number; before: number; unknownBefore: boolean }
  | { next: 'give'; value: Json }
  | { next: 'wait'; ms: number }
  | { next: 'look up'; sends: number }
  | { next: 'fail'; failure: StepFailure }
  | { next: 'lapse'; gate: LapsedGate }
  | { next: 'lost' }
  | { next: 'cancelled' }
  | { next: 'anew' };

/**
 * The outcome of the write, made now or recorded before. @throws ToolProblem with the failure class, GateLapsed,
 * RequestProblem, or fence-lost
 */
export async function performEffect(shared: Dependencies, claim: EffectClaim, effect: Effect): Promise<Json> {
  const { tool, slot, args } = effect;
  const deps = await withCredential(shared, claim.actor, tool);
  const key = await currentKey(deps, claim, slot);
  // Built first: a request that cannot be made leaves no intent.
  const request = toolRequest(deps, claim, tool, args, key);

  let reserved = await reserve(deps, claim, effect, key);
  if (reserved.next === 'look up') {
    const found = await lookUp(deps, claim, tool, key);
    if (found.outcome === 'happened') return settleSuccess(deps, claim, tool, key, found.value);
    if (found.outcome === 'failed') throw found.problem;
    if (found.outcome === 'unclear') throw unknown(tool, found.reason);
    reserved = await reserve(deps, claim, effect, key, reserved.sends);
  }
  switch (reserved.next) {
    case 'give':
      return reserved.value;
    case 'wait':
      throw new ToolProblem({
        class: 'transient',
        detail: `An earlier call of ${tool.name} may still be under way; it is looked into after its deadline`,
        retryAfterMs: reserved.ms,
        uncharged: true,
      });
    case 'fail':
      throw new ToolProblem(reserved.failure);
    case 'lapse':
      throw new GateLapsed(reserved.gate);
    case 'lost':
      throw fenceLost(claim);
    case 'cancelled':
      throw applicationFailure(claim.node.id, 'not-allowed', { retry: true, delayMs: 1000 });
    case 'anew':
      return performEffect(shared, claim, effect);
    case 'look up':
      throw unknown(tool, 'another attempt sent it again meanwhile');
    case 'send': {
      const late = performance.now() - reserved.before > SEND_SLACK_MS;
      const answer: Answer = late ? { kind: 'not-sent', reason: 'too late' } : await send(request, timeoutOf(claim));
      return settle(deps, claim, tool, key, reserved, answer);
    }
  }
}

/** The write's key in its present generation: the first that nobody has ordered to be left behind, and that was not taken back. */
async function currentKey(deps: Dependencies, claim: EffectClaim, slot: string): Promise<string> {
  const { rootRun, path } = claim;
  const tenantId = claim.actor.tenant;
  const node = claim.node.id;
  const left = await deps.store.actAs(claim.actor, (tx) =>
    tx.effect.findMany({
      where: {
        tenantId,
        rootRunId: rootRun,
        node,
        OR: [
          { slot, answer: { in: [...sentAnew] } },
          { ...takenBackRows, answer: null },
        ],
      },
      select: { effectKey: true, slot: true, answer: true },
    }),
  );
  const keys = new Set(
    left.map((row) => (row.answer === null ? row.slot.slice(undoSlotPrefix.length) : row.effectKey)),
  );
  for (let effectGeneration = 0; ; effectGeneration += 1) {
    const key = effectKeyOf({ rootRun, node, path, slot, effectGeneration });
    if (!keys.has(key)) return key;
  }
}

function unknown(tool: ToolDeclaration, reason: string): ToolProblem {
  return new ToolProblem({
    class: 'outcome-unknown',
    detail: `Whether ${tool.name} did what it was asked is not known: ${reason}. Expected a person to look and answer`,
  });
}

/** Decides, under the fence and the locks of one transaction, what is to be done about the effect; an intent if sent. */
async function reserve(
  deps: Dependencies,
  claim: EffectClaim,
  { tool, slot, args, gateCheck }: Effect,
  key: string,
  absentAfterSends?: number,
): Promise<Reservation> {
  const before = performance.now();
  const tenant = claim.actor.tenant;
  return deps.store.actAs(claim.actor, async (tx): Promise<Reservation> => {
    if (claim.takesBack === undefined && !(await holdsWork(tx, claim))) return { next: 'lost' };
    const cancel = await isCutShort(tx, claim);

    const requestDigest = digestOf(claim.artifactKey, { tool: tool.name, args });
    await tx.$queryRaw`SELECT 1 FROM effect WHERE tenant_id = ${tenant} AND effect_key = ${key} FOR UPDATE`;
    const row = await tx.effect.findUnique({ where: { tenantId_effectKey: { tenantId: tenant, effectKey: key } } });
    // A person has said so since the key was chosen.
    if (sentAnew.some((answer) => answer === row?.answer)) return { next: 'anew' };
    // A person may have said that what was done under the other request is what was wanted.
    if (row && row.requestDigest !== requestDigest && row.answer !== 'happened') {
      return {
        next: 'fail',
        failure: {
          class: 'effect-conflict',
          detail: `Unexpected request to ${tool.name} that differs from the one recorded for this step, expected the same`,
        },
      };
    }
    if (row?.status === 'succeeded') {
      return {
        next: 'give',
        value: row.outcomeDigest === null ? null : await getArtifact(tx, tenant, row.outcomeDigest),
      };
    }

    const [time] = await tx.$queryRaw<{ now: Date }[]>`SELECT clock_timestamp() AS now`;
    const now = (time?.now ?? deps.clock()).getTime();
    const timeoutMs = timeoutOf(claim);
    const isUnknown = row !== null && (row.status === 'intent' || row.status === 'unknown');
    let unknownBefore = false;
    if (isUnknown) {
      const left = row.deadline.getTime() - now;
      if (left > 0) return { next: 'wait', ms: left };
      if (absentAfterSends !== row.sends) {
        const keptUntil = row.firstIntentAt.getTime() + (tool.idempotency?.keptForMs ?? 0);
        if (tool.idempotency && now + timeoutMs + SEND_SLACK_MS < keptUntil) unknownBefore = true;
        else if (tool.lookup) return { next: 'look up', sends: row.sends };
        else {
          const reason = tool.idempotency
            ? 'its Idempotency-Key may be forgotten by now, and it declares no lookup'
            : 'it declares neither idempotency nor a lookup';
          return { next: 'fail', failure: unknown(tool, reason).failure };
        }
      }
    }
    // Stops starts only: what was sent before the cancel is still settled by the branches above.
    if (cancel && claim.takesBack === undefined) return { next: 'cancelled' };

    const standing = await gateCheck(tx);
    if (!standing.stands) {
      if ('refused' in standing) return { next: 'fail', failure: { class: 'not-allowed', detail: standing.refused } };
      await appendEvents(tx, standing.events);
      return { next: 'lapse', gate: standing.lapsed };
    }

    // Whoever takes the write back is given what it was asked.
    if (undoOf(claim.node) !== undefined) await putArtifact(tx, tenant, { tool: tool.name, args });
    const sends = (row?.sends ?? 0) + 1;
    const intent = {
      status: 'intent',
      sends,
      deadline: new Date(now + timeoutMs + SEND_SLACK_MS),
      runId: claim.runId,
      ...('turn' in claim ? { turnId: claim.turn } : { stepExecutionId: claim.execution }),
    };
    if (row) {
      await tx.effect.update({
        where: { tenantId_effectKey: { tenantId: tenant, effectKey: key } },
        // A key that was refused or never sent starts its life again.
        data: { ...intent, settledAt: null, ...(unknownBefore ? {} : { firstIntentAt: new Date(now) }) },
      });
    } else {
      await tx.effect.create({
        data: {
          tenantId: tenant,
          effectKey: key,
          rootRunId: claim.rootRun,
          node: claim.node.id,
          slot,
          tool: tool.name,
          requestDigest,
          firstIntentAt: new Date(now),
          ...intent,
        },
      });
    }
    await appendEvents(tx, [
      {
        run: claim.runId,
        type: 'effect.intended',
        sourceKey: `effect.intended:${key}:${sends}`,
        node: claim.node.id,
        body: {
          effect: key,
          tool: tool.name,
          ...makerOf(claim),
          attempt: claim.attempt,
          sends,
          requestDigest,
          ...takenBack(claim),
        },
      },
    ]);
    // The log's row of the run is held now: a resume either sees this intent or has come before it.
    const run = await tx.run.findUnique({
      where: { tenantId_id: { tenantId: tenant, id: claim.runId } },
      select: { resumedBy: true },
    });
    if (run?.resumedBy !== null) throw applicationFailure(claim.node.id, 'not-allowed', { retry: false });
    // No run waits for its sessions: a cancel either finds this intent or is found here.
    if ('turn' in claim && claim.takesBack === undefined && (await isCutShort(tx, claim))) {
      throw applicationFailure(claim.node.id, 'not-allowed', { retry: false });
    }
    return { next: 'send', sends, before, unknownBefore };
  });
}

/** Whether somebody has ordered the run to end. */
const isCutShort = (tx: Tx, { actor, runId: run }: EffectClaim): Promise<boolean> =>
  isOrdered(tx, { tenant: actor.tenant, run }, ['cancel', 'abort']);

type Found =
  | { outcome: 'happened'; value: Json }
  | { outcome: 'absent' }
  | { outcome: 'unclear'; reason: string }
  | { outcome: 'failed'; problem: ToolProblem };

async function lookUp(deps: Dependencies, claim: EffectClaim, tool: ToolDeclaration, key: string): Promise<Found> {
  const answer = await send(lookupRequest(deps, claim, tool, key), timeoutOf(claim));
  if (answer.kind === 'ok') return { outcome: 'happened', value: answer.value };
  if (answer.kind === 'refused' && answer.status === 404) {
    return tool.lookup?.authoritative
      ? { outcome: 'absent' }
      : { outcome: 'unclear', reason: 'its lookup does not find it, but is not authoritative' };
  }
  if (answer.kind === 'refused') return { outcome: 'unclear', reason: `its lookup answered ${answer.status}` };
  const { failure, unavailable } = problemOf(tool.name, answer);
  return { outcome: 'failed', problem: new ToolProblem({ ...failure, parksAs: 'outcome-unknown' }, unavailable) };
}

/** Records what the answer says of the effect, and gives the outcome or throws the failure. */
async function settle(
  deps: Dependencies,
  claim: EffectClaim,
  tool: ToolDeclaration,
  key: string,
  sent: { sends: number; before: number; unknownBefore: boolean },
  answer: Answer,
): Promise<Json> {
  if (answer.kind === 'ok') return settleSuccess(deps, claim, tool, key, answer.value);
  const problem = problemOf(tool.name, answer);
  const nothingHappened = answer.kind === 'refused' || answer.kind === 'throttled' || answer.kind === 'not-sent';
  // What a second request is told says nothing of the first, whose outcome is as unknown as before.
  const recorded = await settleAs(
    deps,
    claim,
    key,
    sent.sends,
    nothingHappened && !sent.unknownBefore ? 'failed' : 'unknown',
  );
  if (recorded !== undefined) return recorded.value;
  if (nothingHappened && !sent.unknownBefore) throw problem;
  if (answer.kind === 'refused') return afterRefusedResend(deps, claim, tool, key, sent.sends, problem);
  if (!tool.idempotency && !tool.lookup) throw unknown(tool, problem.failure.detail);
  const untilDeadline = timeoutOf(claim) + SEND_SLACK_MS - (performance.now() - sent.before);
  throw new ToolProblem(
    { ...problem.failure, parksAs: 'outcome-unknown', atLeastMs: Math.max(0, untilDeadline) },
    problem.unavailable,
  );
}

/** The second request was refused, and the first is past its deadline: only the lookup can tell what that one did. */
async function afterRefusedResend(
  deps: Dependencies,
  claim: EffectClaim,
  tool: ToolDeclaration,
  key: string,
  sends: number,
  refused: ToolProblem,
): Promise<Json> {
  if (!tool.lookup) throw unknown(tool, `sent again under its key it was refused (${refused.failure.detail})`);
  const found = await lookUp(deps, claim, tool, key);
  if (found.outcome === 'happened') return settleSuccess(deps, claim, tool, key, found.value);
  if (found.outcome === 'failed') throw found.problem;
  if (found.outcome === 'unclear') throw unknown(tool, found.reason);
  const recorded = await settleAs(deps, claim, key, sends, 'failed');
  if (recorded !== undefined) return recorded.value;
  throw refused;
}

/** The first outcome wins: if one is recorded already, that one is given. */
async function settleSuccess(
  deps: Dependencies,
  claim: EffectClaim,
  tool: ToolDeclaration,
  key: string,
  value: Json,
): Promise<Json> {
  const tenant = claim.actor.tenant;
  return deps.store.actAs(claim.actor, async (tx) => {
    const outcomeDigest = await putArtifact(tx, tenant, value);
    const { count } = await tx.effect.updateMany({
      where: { tenantId: tenant, effectKey: key, status: { not: 'succeeded' } },
      data: { status: 'succeeded', outcomeDigest, settledAt: deps.clock() },
    });
    if (count === 0) return (await recordedOutcome(tx, tenant, key))?.value ?? value;
    await appendEvents(tx, [settledEvent(claim, key, 'succeeded', { tool: tool.name, outcome: outcomeDigest })]);
    return value;
  });
}

/** For the send `sends` only: a newer one is not touched. Gives the outcome if one is recorded already. */
async function settleAs(
  deps: Dependencies,
  claim: EffectClaim,
  key: string,
  sends: number,
  status: 'failed' | 'unknown',
): Promise<{ value: Json } | undefined> {
  const tenant = claim.actor.tenant;
  return deps.store.actAs(claim.actor, async (tx) => {
    const { count } = await tx.effect.updateMany({
      where: { tenantId: tenant, effectKey: key, status: { in: ['intent', 'unknown'] }, sends },
      data: { status, settledAt: deps.clock() },
    });
    if (count === 0) return recordedOutcome(tx, tenant, key);
    await appendEvents(tx, [settledEvent(claim, key, status, { sends }, `:${sends}`)]);
    return undefined;
  });
}

async function recordedOutcome(tx: Tx, tenant: string, key: string): Promise<{ value: Json } | undefined> {
  const row = await tx.effect.findUnique({ where: { tenantId_effectKey: { tenantId: tenant, effectKey: key } } });
  if (row?.status !== 'succeeded' || row.outcomeDigest === null) return undefined;
  return { value: await getArtifact(tx, tenant, row.outcomeDigest) };
}

function settledEvent(
  claim: EffectClaim,
  key: string,
  status: string,
  body: Record<string, Json>,
  suffix = '',
): NewEvent {
  return {
    run: claim.runId,
    type: 'effect.settled',
    sourceKey: `effect.settled:${key}:${status}${suffix}`,
    node: claim.node.id,
    body: { effect: key, status, ...makerOf(claim), attempt: claim.attempt, ...takenBack(claim), ...body },
  };
}

function takenBack({ takesBack }: EffectClaim): { takesBack?: string } {
  return takesBack === undefined ? {} : { takesBack };
}
