/** Opens a gate or a task and waits for people; the row says what they decided. */
import type { Verdict } from '../run-state.ts';
import type { Step, WaitingTimes } from './step.ts';

/** The verdict of one that nobody decided in time. */
export const overdue = 'overdue';

export async function askPeople(step: Step): Promise<Verdict> {
  const progress = step.progress<{ gate?: string; times?: WaitingTimes }>(() => ({}));
  for (;;) {
    const opened = progress.gate === undefined ? await step.openGate() : { gate: progress.gate };
    progress.gate = opened.gate;
    if ('times' in opened && opened.times !== undefined) progress.times = opened.times;
    const verdict = await step.verdictOf(opened, step.node.waitsFor ?? '', progress.times);
    if (verdict !== 'lapsed') return verdict;
    delete progress.gate;
    delete progress.times;
  }
}
