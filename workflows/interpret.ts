/** The loop: start what is ready, wait until something ends or somebody rings, until every node has ended. */
import { ApplicationFailure, CancellationScope } from '@temporalio/workflow';
import type { Order, Ring } from '../activities/contract.ts';
import { callActivity, flushLog } from './activity-proxies.ts';
import { resultName } from './board.ts';
import type { Doorbell } from './doorbell.ts';
import { endedAs, failedForGood } from './failure-class.ts';
import { isGivenUp } from './frames.ts';
import { heedOrder } from './heed-order.ts';
import type { RunDocumentResult } from './messages.ts';
import type { OperatorsView } from './operators-view.ts';
import type { PerformStep } from './perform-step.ts';
import type { RunFrames } from './run-frames.ts';
import type { At, RunState } from './run-state.ts';
import { statusOf } from './run-state.ts';
import type { Performed } from './settle.ts';
import { settle, whyNot } from './settle.ts';
import { undoWrites } from './undo-writes.ts';
import { activityName } from './words.ts';

/** Steps started and not waiting for people. Past 2,000 pending activities Temporal refuses a workflow's every task. */
const mostAtOnce = 500;

/** An execution that took long to come to rest is left after so many more. Temporal ends one of 51,200. */
const enoughEvents = 10_000;

export interface Interpretation {
  state: RunState;
  doorbell: Doorbell;
  /** Holds all that a cancel stops. */
  work: CancellationScope;
  perform: PerformStep;
  frames: RunFrames;
  view: OperatorsView;
  /** Of this execution so far, and whether Temporal would have the run go on in a new one. */
  history: () => { events: number; isLong: boolean };
  /** Ends this execution; the run goes on in another. Throws always. */
  goOn: () => Promise<never>;
  /** Closes the run. A failure for good leaves the run open and in need of attention. */
  finish: (outcome: RunDocumentResult['outcome']) => Promise<RunDocumentResult>;
}

/** Resolves when the run is closed: all nodes ended, or cancelled and what was in flight has settled. */
export function interpret(interpretation: Interpretation): Promise<RunDocumentResult> {
  // Within the scope, so that what the loop schedules is stopped by a cancel; it waits for nothing that is.
  return interpretation.work.run(() => loop(interpretation));
}

async function loop({
  state,
  doorbell,
  work,
  perform,
  frames,
  view,
  history,
  goOn,
  finish,
}: Interpretation): Promise<RunDocumentResult> {
  const { changes } = state;
  const { flow } = state.outermost;
  let hearing = false;
  let leaving = false;
  let progressed = false;
  /** Events it took to come to rest: what a new execution will take as well. */
  let eventsToRest: number | undefined;
  let aborted = false;
  let resultOrder: string | undefined;
  let heardSoFar = 0;
  let fault: { error: unknown } | undefined;
  work.cancelRequested.catch(() => changes.note());

  for (;;) {
    changes.forget();
    if (fault !== undefined) throw fault.error;
    // Once it is long, it is only let come to rest: whatever runs is waited for, people and timers are not.
    leaving ||= isWorthLeaving();
    if (!work.consideredCancelled) {
      if (!leaving) startReady();
      if (!hearing && doorbell.size > 0) hearNext();
    }
    frames.settle(work.consideredCancelled);
    if (state.inFlight === 0 && !hearing) {
      if (flow.done && !state.failures.has(resultName)) {
        const closed = await tryToFinish();
        if (closed !== undefined) return closed;
      }
      if (work.consideredCancelled) {
        if (!aborted) await CancellationScope.nonCancellable(() => undoWrites(state));
        return await close(aborted ? 'failed' : 'cancelled');
      }
      if (!flow.done && flow.counts.failed + flow.readyCount === 0)
        throw ApplicationFailure.nonRetryable('a circle', 'waymark.graph');
    }
    if (state.inFlight === state.resting && !hearing && !changes.noted) {
      if (leaving && !work.consideredCancelled) await goOn();
      eventsToRest ??= history().events;
    }
    view.show();
    if (somethingToTell()) await tellLog();
    if (!changes.noted) await changes.next();
  }

  /** Not for what a new execution would begin with too, such as a timer for each of thousands of gates: for ever, then. */
  function isWorthLeaving(): boolean {
    const { events, isLong } = history();
    if (!isLong) return false;
    return eventsToRest === undefined ? progressed : events - eventsToRest > Math.min(eventsToRest, enoughEvents);
  }

  /** In a pause only what had begun in the execution before: it waits for people or for a time, and goes on waiting. */
  function startReady(): void {
    for (const frame of [...state.frames]) {
      const toStart = () => (state.paused ? frame.flow.begunCount : frame.flow.readyCount);
      while (toStart() > 0 && state.inFlight - state.resting < mostAtOnce && !isGivenUp(frame)) {
        const place = frame.flow.start();
        if (place === undefined) break;
        state.inFlight += 1;
        frame.inFlight += 1;
        start({ frame, place });
      }
    }
  }

  // Every promise costs the sandbox a stack trace, so a step is given as few as will do.
  function start(at: At): void {
    const ended = (end: Performed): void => {
      state.inFlight -= 1;
      at.frame.inFlight -= 1;
      progressed = true;
      changes.note();
      if (end !== 'cancelled') settle(state, at, end);
    };
    perform(at).then(
      orGiveUp(ended),
      orGiveUp((error: unknown) => {
        const over = endedAs(error);
        if (over !== undefined) endAs(over);
        ended(over === undefined ? whyNot(error, work) : 'cancelled');
      }),
    );
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
      if (heard.kind === 'cancel') endAs('cancelled');
      if (heard.kind === 'order') heed(heard.order);
      if (heard.kind === 'run') state.ended.add(heard.run);
      if (heard.kind === 'gate' && heard.state.verdict !== undefined && !state.verdicts.has(heard.state.gate))
        state.verdicts.set(heard.state.gate, heard.state.verdict);
      if (heard.kind === 'gate' && heard.state.lapsed) state.lapsed.add(heard.state.gate);
    } catch (error) {
      // Not heard, so it will be rung again.
      if (failedForGood(error) === undefined) throw error;
    } finally {
      hearing = false;
      changes.note();
    }
  }

  function heed(order: Order): void {
    if (state.heeded.has(order.command)) return;
    state.heeded.add(order.command);
    if (order.does === 'abort') endAs('aborted');
    if ('node' in order && order.node === resultName) resultOrder = order.command;
    const heeded = heedOrder(state, order);
    state.log.add(heeded.told);
    if (heeded.bypasses !== undefined) settle(state, heeded.bypasses, { as: 'bypassed' });
    if (heeded.starts !== undefined) {
      state.inFlight += 1;
      heeded.starts.frame.inFlight += 1;
      start(heeded.starts);
    }
  }

  function endAs(how: 'cancelled' | 'aborted'): void {
    aborted ||= how === 'aborted';
    work.cancel();
  }

  /** What `catch(giveUp)` behind it would do, for one promise less. */
  function orGiveUp<Given>(take: (given: Given) => void): (given: Given) => void {
    return (given) => {
      try {
        take(given);
      } catch (error) {
        giveUp(error);
      }
    };
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
      state.failures.set(resultName, { id: resultName, class: failed.class });
      const again = resultOrder === undefined ? {} : { order: resultOrder };
      state.log.add({ node: resultName, to: 'parked', detail: failed.class, ...again });
      return undefined;
    }
  }

  /** Transitions ride the next activity; one call tells them when none is about to come, or when the run's status changed. */
  function somethingToTell(): boolean {
    const idle = state.inFlight === state.resting && !hearing;
    return statusOf(state) !== state.told || state.paused !== state.toldPaused || (idle && state.log.size > 0);
  }

  async function tellLog(): Promise<void> {
    const status = statusOf(state);
    const { paused } = state;
    const changed = paused === state.toldPaused ? {} : { paused };
    state.told = status;
    state.toldPaused = paused;
    try {
      await CancellationScope.nonCancellable(() =>
        state.log.ride((riding) => flushLog({ run: state.run, status, ...changed, ...riding })),
      );
    } catch (error) {
      // What it carried is untold again, and told by whatever comes next.
      if (failedForGood(error) === undefined) throw error;
    }
  }
}
