/**
 * The failure classes of a step and the one place where a failure becomes what Temporal sees.
 *
 * A message that reaches Temporal's history names the class and the step, never content; the detail, which may quote
 * what a model or a tool said, stays in the store for the people of the run.
 */
import { randomUUID } from 'node:crypto';
import { ApplicationFailure } from '@temporalio/common';
import type { Graph, Node, Retry } from '../compiler/graph.ts';
import { containersAround } from '../compiler/graph-order.ts';
import type { Tx } from '../prisma/open.ts';
import type { NewEvent } from '../prisma/run-log.ts';
import { appendEvents } from '../prisma/run-log.ts';
import { ask } from '../prisma/statements.ts';
import type { Claim } from './claim.ts';
import type { Dependencies } from './dependencies.ts';
import type { FencedRow } from './fence.ts';
import { holdsFence } from './fence.ts';
import { logStep } from './log-step.ts';

interface Policy {
  /** Counts against the step's `retry`. */
  charged: boolean;
  /** Tried again: while tries are left if charged, else for as long as the wait may last. */
  retried: boolean;
  /** Ends as a parked step that waits for a person, at once or when the tries are used up. */
  parks: boolean;
  /**
   * Nobody knows what became of a write, or it is not the one that is recorded. A person says first what is so: until then the
   * step has not failed, and `if it fails` says nothing of it. The workflow knows them too (workflows/failure-class.ts).
   */
  unsettled?: true;
  /** What failed, for the message in history. */
  words: string;
}

export const failureClasses = {
  transient: { charged: true, retried: true, parks: true, words: 'the connection or the server failed' },
  throttled: { charged: false, retried: true, parks: true, words: 'the server asked to be called later' },
  'breaker-open': { charged: false, retried: true, parks: true, words: 'the circuit breaker is open' },
  timeout: { charged: true, retried: true, parks: true, words: 'no answer came within the time allowed' },
  'invalid-output': { charged: true, retried: true, parks: true, words: 'the output does not match its type' },
  'check-failed': { charged: true, retried: true, parks: true, words: 'a check of the output failed' },
  truncated: { charged: true, retried: true, parks: true, words: 'the answer was cut off by its length' },
  'tool-failed': { charged: true, retried: true, parks: true, words: 'the tool refused the call' },
  refusal: { charged: false, retried: false, parks: true, words: 'the model refused to answer' },
  budget: { charged: false, retried: false, parks: true, words: 'the budget is used up' },
  'not-allowed': { charged: false, retried: false, parks: true, words: 'this is not allowed' },
  'run-failed': { charged: false, retried: false, parks: true, words: 'the run that it called did not complete' },
  'outcome-unknown': {
    charged: false,
    retried: false,
    parks: true,
    unsettled: true,
    words: 'whether a write happened is not known',
  },
  'effect-conflict': {
    charged: false,
    retried: false,
    parks: true,
    unsettled: true,
    words: 'a different write has the same name',
  },
  stale: { charged: false, retried: false, parks: true, words: 'what it writes was changed meanwhile' },
  'fence-lost': { charged: false, retried: true, parks: false, words: 'a newer attempt took over' },
  cancelled: { charged: false, retried: false, parks: false, words: 'the run has been cancelled' },
  aborted: { charged: false, retried: false, parks: false, words: 'the run has been aborted' },
  bug: { charged: false, retried: false, parks: true, words: 'something unexpected went wrong' },
} as const satisfies Record<string, Policy>;

export type FailureClass = keyof typeof failureClasses;

export interface StepFailure {
  class: FailureClass;
  /** What failed and what was expected, for the people of the run; may hold content. */
  detail: string;
  /** From the server's own words, such as `retry-after`, or an effect's deadline. */
  retryAfterMs?: number;
  /** The next try is not made sooner, whatever the retry setting says. */
  atLeastMs?: number;
  /** Retrying cannot cure it: parks at once. */
  final?: true;
  /** A wait, not a try. */
  uncharged?: true;
  /** Names what is charged, as for `chargeTry`: a replay of it is not charged again. */
  per?: string;
  /** The class under which the step parks, where that says more to a person than the last failure. */
  parksAs?: FailureClass;
}

/** Waits that are not charged may add up to this, counted from the start of the step; then it parks. */
const WAIT_LIMIT_MS = 24 * 60 * 60 * 1000;

/** Kinds without a `retry` setting fail only by bugs; they get none. */
const NO_RETRY: Retry = { times: 0, initialMs: 1000, factor: 2, maxMs: 60_000 };

export function retryOf(node: Node): Retry {
  return 'retry' in node ? node.retry : NO_RETRY;
}

/** Wait before try `charged + 1`, in milliseconds. */
export function delayAfter(retry: Retry, charged: number): number {
  return Math.min(retry.maxMs, Math.round(retry.initialMs * retry.factor ** Math.max(0, charged - 1)));
}

/** What Temporal sees of a failure: dotted type, explicit retry choice, a message without content. */
export function applicationFailure(
  stepId: string,
  failureClass: FailureClass,
  choice: { retry: false } | { retry: true; delayMs: number },
): ApplicationFailure {
  return ApplicationFailure.create({
    type: `waymark.${failureClass}`,
    message: `Step ${stepId}: ${failureClasses[failureClass].words} (${failureClass})`,
    nonRetryable: !choice.retry,
    ...(choice.retry ? { nextRetryDelay: Math.max(1, Math.ceil(choice.delayMs)) } : {}),
    details: [{ class: failureClass, step: stepId }],
  });
}

/** Why what has no attempt that could fail was not made: for `makeOrKeepWhy`, which keeps it and tells Temporal the class. */
export class NotMade extends Error {
  override readonly name: string = 'NotMade';
  readonly failureClass: FailureClass;

  /** @param detail what was found and what was expected: names of the document, no values */
  constructor(failureClass: FailureClass, detail: string) {
    super(detail);
    this.failureClass = failureClass;
  }
}

export function fenceLost({ node }: Pick<Claim, 'node'>): ApplicationFailure {
  return applicationFailure(node.id, 'fence-lost', { retry: true, delayMs: 1000 });
}

/** The step's row, locked until the transaction ends. An attempt that lost its fence throws fence-lost. */
export async function requireFence(tx: Tx, claim: Claim): Promise<FencedRow> {
  const row = await holdsFence(tx, claim);
  if (!row) throw fenceLost(claim);
  return row;
}

/**
 * Ends the attempt with a failure. Records `step.retrying` or, when the class or the tries end it, `step.failed` with
 * the step parked and the run in need of attention; then throws the ApplicationFailure that Temporal acts on.
 */
export async function failStep(deps: Dependencies, claim: Claim, failure: StepFailure): Promise<never> {
  const policy: Policy = failureClasses[failure.class];
  const retry = retryOf(claim.node);
  if (failure.class === 'fence-lost') throw fenceLost(claim);

  const outcome = await deps.store.actAs(claim.actor, async (tx) => {
    const row = await requireFence(tx, claim);
    const charges = policy.charged && !failure.uncharged;
    const charged = row.charged + (charges ? 1 : 0);
    const ownDelay = failure.retryAfterMs ?? (charges ? delayAfter(retry, charged) : retry.maxMs);
    const delayMs = Math.max(ownDelay, failure.atLeastMs ?? 0);
    const now = deps.clock();
    const waitEnds = (row.startedAt ?? now).getTime() + WAIT_LIMIT_MS;
    const left = charges ? charged <= retry.times : now.getTime() + delayMs <= waitEnds;
    const again = policy.retried && !failure.final && left;
    const failureClass = again ? failure.class : (failure.parksAs ?? failure.class);
    await tx.stepExecution.update({
      where: { tenantId_id: { tenantId: claim.actor.tenant, id: claim.execution } },
      data: {
        charged,
        failureClass,
        failureDetail: failure.detail,
        ...(again ? {} : { status: 'failed', endedAt: now }),
      },
    });
    if (again) {
      await appendEvents(tx, [
        retryingEvent(claim, failure, charged, delayMs, failure.per ?? `attempt:${claim.attempt}`),
      ]);
    } else {
      const needsAttention = isHandled(claim.graph, claim.node, failureClass)
        ? []
        : await setRunStatus(tx, claim, 'needs-attention', ['running', 'waiting']);
      await appendEvents(tx, [
        {
          run: claim.runId,
          type: 'step.failed',
          sourceKey: `failed:${claim.execution}:${failure.per ?? claim.attempt}`,
          node: claim.node.id,
          body: { execution: claim.execution, attempt: claim.attempt, class: failureClass, charged },
        },
        ...needsAttention,
      ]);
    }
    return { again, delayMs, charged, failureClass };
  });

  claim.charged = outcome.charged;
  logStep(deps, claim, {
    level: outcome.again ? 'warn' : 'error',
    event: outcome.again ? 'step.retrying' : 'step.failed',
    status: outcome.again ? 'retrying' : 'failed',
    class: outcome.failureClass,
  });
  throw applicationFailure(
    claim.node.id,
    outcome.failureClass,
    outcome.again ? { retry: true, delayMs: outcome.delayMs } : { retry: false },
  );
}

/** `if it fails` of the step, or of a loop around it, says what follows: nobody need look at it. */
function isHandled(graph: Graph, node: Node, failureClass: FailureClass): boolean {
  const policy: Policy = failureClasses[failureClass];
  if (policy.unsettled) return false;
  return [node, ...containersAround(graph, node.id)].some((one) => 'ifItFails' in one && one.ifItFails !== undefined);
}

/**
 * Charges one try without ending the attempt, as when invalid output goes back to the model in the same conversation.
 * `per` names what is charged, such as `turn:3`: charged once, however often a later attempt replays it.
 * False when no try is left: nothing was charged then, and `failStep` with the same failure and `per` parks the step.
 * An attempt that lost its fence throws fence-lost.
 */
export async function chargeTry(
  deps: Dependencies,
  claim: Claim,
  failure: StepFailure,
  per?: string,
): Promise<boolean> {
  const retry = retryOf(claim.node);
  const tenant = claim.actor.tenant;
  const result = await deps.store.actAs(claim.actor, async (tx) => {
    const row = await requireFence(tx, claim);
    if (per !== undefined && (await isCharged(tx, claim, per))) return 'charged before';
    if (row.charged + 1 > retry.times) return 'none left';
    const charged = row.charged + 1;
    await tx.stepExecution.update({
      where: { tenantId_id: { tenantId: tenant, id: claim.execution } },
      data: { charged, failureClass: failure.class, failureDetail: failure.detail },
    });
    const name = per ?? `charge:${claim.attempt}:${charged}`;
    await appendEvents(tx, [retryingEvent(claim, failure, charged, 0, name)]);
    return charged;
  });
  if (result === 'none left') return false;
  if (result === 'charged before') return true;
  claim.charged = result;
  logStep(deps, claim, { level: 'warn', event: 'step.retrying', status: 'retrying', class: failure.class });
  return true;
}

async function isCharged(tx: Tx, claim: Claim, per: string): Promise<boolean> {
  const sourceKey = { in: [`retrying:${claim.execution}:${per}`, `failed:${claim.execution}:${per}`] };
  const where = { tenantId: claim.actor.tenant, runId: claim.runId, sourceKey };
  return (await tx.runEvent.findFirst({ where, select: { seq: true } })) !== null;
}

/** Sets the materialised status where it differs; gives the event that says so, to be appended last. */
export async function setRunStatus(
  tx: Tx,
  claim: { actor: { tenant: string }; runId: string },
  status: string,
  from: string[],
): Promise<NewEvent[]> {
  const changed = await ask(tx)`UPDATE run SET status = ${status}
    WHERE tenant_id = ${claim.actor.tenant} AND id = ${claim.runId}
      AND status = ANY(${from.filter((one) => one !== status)}) RETURNING id`;
  if (changed.length === 0) return [];
  return [{ run: claim.runId, type: 'run.status', sourceKey: `status:${randomUUID()}`, body: { status } }];
}

function retryingEvent(claim: Claim, failure: StepFailure, charged: number, delayMs: number, name: string): NewEvent {
  return {
    run: claim.runId,
    type: 'step.retrying',
    sourceKey: `retrying:${claim.execution}:${name}`,
    node: claim.node.id,
    body: {
      execution: claim.execution,
      attempt: claim.attempt,
      class: failure.class,
      charged,
      times: retryOf(claim.node).times,
      delayMs: Math.ceil(delayMs),
    },
  };
}
