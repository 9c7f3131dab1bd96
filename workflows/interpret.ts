/** The loop: start what is ready, wait until something ends or somebody rings, until every node has ended. */
import { ApplicationFailure, CancellationScope, isCancellation } from '@temporalio/workflow';
import type { Ring } from '../activities/contract.ts';
import { ExpressionError } from '../compiler/expressions/evaluate.ts';
import { callActivity, flushLog } from './activity-proxies.ts';
import { resultName } from './board.ts';
import type { Doorbell } from './doorbell.ts';
import type { Ending } from './edges.ts';
import { failedForGood } from './failure-class.ts';
import type { RunDocumentResult } from './messages.ts';
import type { OperatorsView } from './operators-view.ts';
import type { PerformStep } from './perform-step.ts';
import type { RunState } from './run-state.ts';
import { statusOf } from './run-state.ts';
import type { StepEnd } from './steps/step.ts';
import { activityName } from './words.ts';

/** Steps started and not waiting for people. Past 2,000 pending activities Temporal refuses a workflow's every task. */
const mostAtOnce = 500;

export interface Interpretation {
  state: RunState;
  doorbell: Doorbell;
  /** Holds all that a cancel stops. */
  work: CancellationScope;
  perform: PerformStep;
  view: OperatorsView;
  /** Closes the run. A failure for good leaves the run open and in need of attention. */
  finish: (outcome: RunDocumentResult['outcome']) => Promise<RunDocumentResult>;
}

/** Resolves when the run is closed: all nodes ended, or cancelled and what was in flight has settled. */
export function interpret(interpretation: Interpretation): Promise<RunDocumentResult> {
  // Within the scope, so that what the loop schedules is stopped by a cancel; it waits for nothing that is.
  return interpretation.work.run(() => loop(interpretation));
}

async function loop({ state, doorbell, work, perform, view, finish }: Interpretation): Promise<RunDocumentResult> {
  const { flow, changes } = state;
  let inFlight = 0;
  let hearing = false;
  let heardSoFar = 0;
  let told = statusOf(state);
  let fault: { error: unknown } | undefined;
  work.cancelRequested.catch(() => changes.note());

  for (;;) {
    changes.forget();
    if (fault !== undefined) throw fault.error;
    if (!work.consideredCancelled) {
      startReady();
      if (!hearing && doorbell.size > 0) hearNext();
    }
    if (inFlight === 0 && !hearing) {
      if (flow.done && !state.failures.has(resultName)) {
        const closed = await tryToFinish();
        if (closed !== undefined) return closed;
      }
      if (work.consideredCancelled) return await close('cancelled');
      if (!flow.done && flow.counts.failed === 0) throw ApplicationFailure.nonRetryable('a circle', 'waymark.graph');
    }
    view.show();
    if (somethingToTell()) await tellLog();
    if (!changes.noted) await changes.next();
  }

  function startReady(): void {
    while (flow.readyCount > 0 && inFlight - state.waiting.size < mostAtOnce) {
      const index = flow.start();
      if (index === undefined) return;
      inFlight += 1;
      start(index);
    }
  }

  // Every promise costs the sandbox a stack trace, so a step is given as few as will do.
  function start(index: number): void {
    const ended = (end: Performed): void => {
      inFlight -= 1;
      changes.note();
      if (end !== 'cancelled') settle(state, index, end);
    };
    perform(index)
      .then(ended, (error: unknown) => ended(whyNot(error, work)))
      .catch(giveUp);
  }

  /** One at a time, however many rang: a flood of forged rings costs one activity after the other. */
  function hearNext(): void {
    const ring = doorbell.next();
    if (ring === undefined) return;
    hearing = true;
    heardSoFar += 1;
    const shown = { name: activityName('hear', 0, heardSoFar), summary: 'Doorbell' };
    hear(shown, ring).catch(giveUp);
  }

  async function hear(shown: { name: string; summary: string }, ring: Ring): Promise<void> {
    try {
      const heard = await state.log.ride((riding) => callActivity('hear', shown, { run: state.run, ring, ...riding }));
      if (heard.kind === 'cancel') work.cancel();
      if (heard.kind === 'gate' && heard.state.verdict !== undefined && !state.verdicts.has(heard.state.gate))
        state.verdicts.set(heard.state.gate, heard.state.verdict);
    } catch (error) {
      // Not heard, so it will be rung again.
      if (failedForGood(error) === undefined) throw error;
    } finally {
      hearing = false;
      changes.note();
    }
  }

  /** An error of ours is thrown by the loop, not left floating. */
  function giveUp(error: unknown): void {
    fault ??= { error };
    changes.note();
  }

  function close(outcome: RunDocumentResult['outcome']): Promise<RunDocumentResult> {
    return CancellationScope.nonCancellable(() => finish(outcome));
  }

  async function tryToFinish(): Promise<RunDocumentResult | undefined> {
    try {
      return await close(flow.outcome);
    } catch (error) {
      const failed = failedForGood(error);
      if (failed === undefined) throw error;
      state.failures.set(resultName, failed.class);
      return undefined;
    }
  }

  /** Transitions ride the next activity; one call tells them when none is about to come, or when the run's status changed. */
  function somethingToTell(): boolean {
    const idle = inFlight === state.waiting.size && !hearing;
    return statusOf(state) !== told || (idle && state.log.size > 0);
  }

  async function tellLog(): Promise<void> {
    const status = statusOf(state);
    told = status;
    try {
      await CancellationScope.nonCancellable(() =>
        state.log.ride((riding) => flushLog({ run: state.run, status, ...riding })),
      );
    } catch (error) {
      // What it carried is untold again, and told by whatever comes next.
      if (failedForGood(error) === undefined) throw error;
    }
  }
}

type Performed = StepEnd | { as: 'parked'; reason: string; recorded: true } | 'cancelled';

/** @throws what is neither a cancel, a failed condition nor the failure of an activity */
function whyNot(error: unknown, work: CancellationScope): Performed {
  if (work.consideredCancelled && isCancellation(error)) return 'cancelled';
  if (error instanceof ExpressionError) return { as: 'parked', reason: 'condition-failed' };
  const failed = failedForGood(error);
  if (failed === undefined) throw error;
  return { as: 'parked', reason: failed.class, ...(failed.recorded ? { recorded: true } : {}) };
}

/** Takes in how a node ended, and what that decides about others. */
function settle(state: RunState, index: number, end: Exclude<Performed, 'cancelled'>): void {
  const { flow, skeleton, log } = state;
  const { id, arms } = skeleton.nodes[index] ?? { id: '' };
  if (end.as === 'parked') {
    flow.fail(index);
    state.failures.set(id, end.reason);
    if (!('recorded' in end)) log.add({ node: id, to: 'parked', detail: end.reason });
    return;
  }
  if (end.as === 'committed') {
    if (end.output !== undefined) {
      state.outputs.set(id, end.output);
      state.views.set(id, end.view ?? {});
    }
    if (end.action !== undefined) state.remarks.set(index, end.action);
    if (arms !== undefined) {
      const target = skeleton.edges.find((edge) => edge.from === index && edge.arm === end.arm);
      const chosen = skeleton.nodes[target?.to ?? -1];
      if (chosen !== undefined) state.remarks.set(index, `chose ${chosen.title}`);
      log.add({ node: id, to: 'chosen', detail: String(end.arm) });
    }
  } else if (end.as === 'bypassed' || !end.told) {
    log.add({ node: id, to: end.as });
  }
  for (const over of flow.end(index, endingOf(end))) {
    log.add({ node: skeleton.nodes[over.node]?.id ?? '', to: over.as });
  }
}

function endingOf(end: Exclude<StepEnd, { as: 'parked' }>): Ending {
  if (end.as !== 'committed') return { as: end.as };
  return {
    as: 'committed',
    ...(end.arm === undefined ? {} : { arm: end.arm }),
    ...(end.action === undefined ? {} : { action: end.action }),
  };
}
