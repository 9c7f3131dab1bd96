import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';

/** Looks every so many milliseconds. Throws when one ends otherwise, or they take more than five minutes. */
export async function untilCompleted(owner: pg.Client, runs: string[], everyMs = 5): Promise<void> {
  for (const deadline = Date.now() + 300_000; ; ) {
    const { rows } = await owner.query<{ status: string; many: number }>(
      'SELECT status, count(*)::int AS many FROM run WHERE id = ANY($1) GROUP BY status',
      [runs],
    );
    if (rows.every(({ status }) => status === 'completed')) return;
    const stands = rows.map(({ status, many }) => `${many} ${status}`).join(', ');
    if (rows.some(({ status }) => status !== 'running' && status !== 'completed') || Date.now() > deadline) {
      throw new Error(`the runs did not complete: ${stands}`);
    }
    await sleep(everyMs);
  }
}
