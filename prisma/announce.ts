/** Telling every process that a run's log has grown. */
import type { Pool } from 'pg';
import { CHANNEL } from './listen.ts';

export interface Announcer {
  /** Returns at once. Runs that grow while an announcement is on its way share the next one. */
  announce(runs: ReadonlySet<string>): void;
  /** Sends what is left. */
  close(): Promise<void>;
}

/**
 * Announces after the commit and not within it: a transaction that notifies holds a lock of the whole server until it is on
 * disk, so that commits of different runs go one after the other. An announcement is a hint; one that fails, or dies with
 * the process, is made up for by listeners looking now and then.
 */
export function createAnnouncer(pool: Pool): Announcer {
  const waiting = new Set<string>();
  let sending: Promise<void> | undefined;

  async function send(): Promise<void> {
    while (waiting.size > 0) {
      const runs = [...waiting];
      waiting.clear();
      await pool
        .query({
          name: 'announce',
          text: 'SELECT pg_notify($1, run) FROM unnest($2::text[]) AS run',
          values: [CHANNEL, runs],
        })
        .catch(() => undefined);
    }
    sending = undefined;
  }

  return {
    announce(runs) {
      for (const run of runs) waiting.add(run);
      sending ??= send();
    },
    async close() {
      await sending;
    },
  };
}
