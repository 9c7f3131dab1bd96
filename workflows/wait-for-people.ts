/** Waiting at a gate: for the verdict of people, and for its times. The row says what is so; a ring only has it read again. */
import { condition } from '@temporalio/workflow';
import type { GateState, StepInput } from '../activities/contract.ts';
import { callActivity } from './activity-proxies.ts';
import type { Doorbell } from './doorbell.ts';
import { nodeAt } from './frames.ts';
import type { At, RunState, Verdict, Waiting } from './run-state.ts';
import { rest } from './run-state.ts';
import type { WaitingTimes } from './steps/step.ts';
import type { Wake } from './waiting-times.ts';
import { nextWake } from './waiting-times.ts';
import { summaryText } from './words.ts';

/**
 * A gate's row is read again after this, though nobody rang: a Reset that leaves out signals loses rings that were heard,
 * and nobody repeats those.
 */
export const rereadAfterMs = 24 * 60 * 60 * 1000;

/** How an activity shows to operators. */
export interface Shown {
  name: string;
  summary: string;
}

/** Calls an activity of a step, under a name made from `base`, with the outputs that `reads` names. */
export type CallOfStep = <Result>(
  at: At,
  base: string,
  schedule: (shown: Shown, input: StepInput) => Promise<Result>,
  reads: readonly string[],
) => Promise<Result>;

export type VerdictOf = (
  at: At,
  gate: GateState,
  waitsFor: string,
  times?: WaitingTimes,
) => Promise<Verdict | 'lapsed'>;

export function verdictReader(state: RunState, doorbell: Doorbell, call: CallOfStep): VerdictOf {
  return verdictOf;

  async function verdictOf(
    at: At,
    { gate, verdict }: GateState,
    waitsFor: string,
    times?: WaitingTimes,
  ): Promise<Verdict | 'lapsed'> {
    if (verdict !== undefined && !state.verdicts.has(gate)) state.verdicts.set(gate, verdict);
    const known = state.verdicts.get(gate);
    return known ?? rest(state, () => waitForVerdict(at, gate, waitsFor, times));
  }

  async function waitForVerdict(
    at: At,
    gate: string,
    waitsFor: string,
    times: WaitingTimes | undefined,
  ): Promise<Verdict | 'lapsed'> {
    let waiting: Waiting | undefined;
    try {
      for (;;) {
        const words = times?.askedOn ? `${waitsFor} or ${nodeAt(at).asksOn}` : waitsFor;
        if (waiting?.waitsFor !== words) {
          if (waiting !== undefined) state.waiting.delete(waiting);
          waiting = { ...at, waitsFor: words };
          state.waiting.add(waiting);
          state.changes.note();
        }
        // The timer is there to be seen: the only thing in the Web UI's timeline that can say who is waited for.
        const summary = summaryText(`GATE ${nodeAt(at).title} waiting for ${words}`);
        const wake = times && nextWake(times, Date.now());
        const isDecided = () => state.verdicts.has(gate) || state.lapsed.has(gate);
        if (wake === undefined) await condition(isDecided, rereadAfterMs, { summary });
        else if (wake.at > Date.now()) {
          await condition(isDecided, Math.min(wake.at - Date.now(), rereadAfterMs), { summary });
        }
        const decided = state.verdicts.get(gate);
        if (decided !== undefined) return decided;
        if (state.lapsed.has(gate)) return 'lapsed';
        if (times !== undefined && wake !== undefined && wake.at <= Date.now()) {
          await lookAfter(at, gate, times, wake);
          const closed = state.verdicts.get(gate);
          if (closed !== undefined) return closed;
          if (state.lapsed.has(gate)) return 'lapsed';
        } else {
          doorbell.note({ gate });
          state.changes.note();
        }
      }
    } finally {
      if (waiting !== undefined) state.waiting.delete(waiting);
    }
  }

  /** Not at rest meanwhile: an activity that was begun is waited for. */
  async function lookAfter(at: At, gate: string, times: WaitingTimes, wake: Wake): Promise<void> {
    state.resting -= 1;
    try {
      await (wake.for === 'due' ? closeOverdue(at, gate, times) : remind(at, gate, times, wake.nth));
    } finally {
      state.resting += 1;
      state.changes.note();
    }
  }

  async function closeOverdue(at: At, gate: string, times: WaitingTimes): Promise<void> {
    const { state: found, again } = await call(
      at,
      `${nodeAt(at).id}/overdue`,
      (shown, input) => callActivity('closeOverdue', shown, { ...input, gate }),
      [],
    );
    if (found.verdict !== undefined && !state.verdicts.has(gate)) state.verdicts.set(gate, found.verdict);
    if (found.lapsed) state.lapsed.add(gate);
    // The store's clock decides, and may be behind ours.
    if (again !== undefined) times.due = Date.now() + again;
    else {
      delete times.due;
      if (nodeAt(at).asksOn !== undefined) times.askedOn = true;
    }
  }

  async function remind(at: At, gate: string, times: WaitingTimes, nth: number): Promise<void> {
    await call(
      at,
      `${nodeAt(at).id}/reminder`,
      (shown, input) => callActivity('remindGate', shown, { ...input, gate, nth }),
      [],
    );
    times.reminded = nth;
  }
}
