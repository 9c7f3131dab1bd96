/** Waking up when a run's log grows. */
import { Client } from 'pg';

/** Of notifications whose payload is a run's id. */
export const CHANNEL = 'waymark_run_events';
const FIRST_RETRY_MS = 100;
const LONGEST_RETRY_MS = 5_000;

export interface RunEventListener {
  /** Calls back with the id of a run whose log has grown; returns the way to stop that. */
  subscribe(listener: (run: string) => void): () => void;
  close(): Promise<void>;
}

/**
 * One connection for all subscribers, opened for the first and held until `close`. A hint and not the data: while the
 * connection is lost nothing is called, and what happened then is not told later. Whoever waits also looks now and then.
 */
export function createRunEventListener(url: string): RunEventListener {
  const listeners = new Set<(run: string) => void>();
  const ending = new AbortController();
  let connecting: Promise<Client | undefined> | undefined;

  /** Undefined when closed before it came about. */
  async function connect(): Promise<Client | undefined> {
    for (let waitMs = FIRST_RETRY_MS; !ending.signal.aborted; waitMs = Math.min(2 * waitMs, LONGEST_RETRY_MS)) {
      const client = new Client({ connectionString: url, application_name: 'waymark-listen', keepAlive: true });
      // Without a handler a lost connection would end the process. 'end' follows and does the rest.
      client.on('error', () => undefined);
      client.on('notification', ({ payload }) => {
        if (payload) for (const listener of [...listeners]) listener(payload);
      });
      try {
        await client.connect();
        await client.query(`LISTEN ${CHANNEL}`);
        client.once('end', () => {
          if (!ending.signal.aborted) connecting = connect();
        });
        return client;
      } catch {
        await client.end().catch(() => undefined);
        await pause(waitMs, ending.signal);
      }
    }
    return undefined;
  }

  return {
    subscribe(listener) {
      // A function of its own, so that the same listener may subscribe twice and stop once.
      const entry = (run: string) => listener(run);
      listeners.add(entry);
      if (!ending.signal.aborted) connecting ??= connect();
      return () => listeners.delete(entry);
    },
    async close() {
      ending.abort();
      listeners.clear();
      await (await connecting)?.end();
    },
  };
}

/** Ends early, and quietly, when `signal` is aborted. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done, { once: true });
  });
}
