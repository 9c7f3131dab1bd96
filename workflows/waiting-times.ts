/** When a gate that waits is to be looked after: its due date, and the reminders before and after it. */
import type { WaitingTimes } from './steps/step.ts';

/** In milliseconds since 1970. */
export type Wake = { at: number; for: 'due' } | { at: number; for: 'reminder'; nth: number };

/** Undefined where nothing is to come. Of reminders that were missed only the last is made up for. */
export function nextWake({ opened, due, remindEvery, reminded = 0 }: WaitingTimes, now: number): Wake | undefined {
  const dueWake: Wake | undefined = due === undefined ? undefined : { at: due, for: 'due' };
  if (remindEvery === undefined) return dueWake;
  const nth = Math.max(reminded + 1, Math.floor((now - opened) / remindEvery));
  const reminder: Wake = { at: opened + nth * remindEvery, for: 'reminder', nth };
  return dueWake !== undefined && dueWake.at <= reminder.at ? dueWake : reminder;
}
