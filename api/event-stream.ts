/**
 * A log as server-sent events: that of a run, of a proposal, of a session, of what a person is told. The table is the queue: a client is read to from where it stands, a page at a time
 * and only as fast as it takes it, so a slow one costs a page of memory. A notification only says that looking may pay.
 *
 * The stream ends when the log has and all of it was sent, when the client is gone or takes nothing for too long, after an
 * hour, and when the person may no longer see it: their token has expired, they are inactive or in another tenant.
 */
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { Store } from '../prisma/open.ts';
import type { Caller } from './plugins/identity.ts';

export interface StreamLimits {
  /** How often the log is looked at, and rights with it, when nothing wakes the stream, in milliseconds. */
  lookEveryMs: number;
  /** How long a client may leave what was sent unread, in milliseconds. */
  unreadMs: number;
  /** How long a stream lasts, in milliseconds: its client comes again, to whichever process takes it then. */
  longestMs: number;
}

export const defaultStreamLimits: StreamLimits = { lookEveryMs: 5_000, unreadMs: 30_000, longestMs: 3_600_000 };

/** Events that are read at a time. A page that is full may have another after it. */
export const logPageSize = 100;

interface StreamRequest {
  store: Store;
  caller: Caller;
  /** Whose log it is. */
  id: string;
  read: ReadLog;
  /** Events after this one are sent. */
  after: number;
  limits: StreamLimits;
  /** Of the process: streams do not keep it from ending. */
  closing: AbortSignal;
}

/** Writes to a hijacked response until the stream ends. Rejects only when the store does. */
export async function streamEvents(response: ServerResponse, request: StreamRequest): Promise<void> {
  const { store, caller, id, limits, read } = request;
  const gone = new AbortController();
  const end = AbortSignal.any([gone.signal, request.closing]);
  response.once('close', () => gone.abort());
  const longest = setTimeout(() => gone.abort(), limits.longestMs).unref();

  let woken = false;
  let wake: () => void = () => {};
  const unsubscribe = store.onRunEvents((which) => {
    if (which !== id) return;
    woken = true;
    wake();
  });
  end.addEventListener('abort', () => wake(), { once: true });

  try {
    response.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      connection: 'close',
      'x-accel-buffering': 'no',
    });
    response.flushHeaders();
    let after = request.after;
    while (!end.aborted) {
      woken = false;
      const person = caller.expiresAt.getTime() > Date.now() ? await caller.again() : undefined;
      if (person?.tenant !== caller.person.tenant) return;
      const page = await read(store, person, id, after);
      if (page === undefined) return;
      for (const event of page.events) {
        after = event.seq;
        if (!response.write(event.text) && !(await drained(response, end, limits.unreadMs))) return;
      }
      if (page.events.length === logPageSize) continue;
      if (page.ended) return;
      if (woken || end.aborted) continue;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, limits.lookEveryMs);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      // Shows proxies, and us, that the connection still stands.
      if (!woken && !end.aborted) response.write(': still here\n\n');
    }
  } finally {
    clearTimeout(longest);
    unsubscribe();
    // A client that reads nothing never takes the rest: what is buffered for it goes with the connection.
    if (response.writableNeedDrain) response.destroy();
    else response.end();
  }
}

/** Whether the log has ended and nothing comes after this event: a client that asks again is told to stop. */
export async function isAtEnd(
  store: Store,
  caller: Caller,
  id: string,
  after: number,
  read: ReadLog,
): Promise<'yes' | 'no' | 'no log'> {
  const page = await read(store, caller.person, id, after);
  if (page === undefined) return 'no log';
  return page.ended && page.events.length === 0 ? 'yes' : 'no';
}

export interface LogPage {
  events: { seq: number; text: string }[];
  /** Nothing is ever appended again. */
  ended: boolean;
}

/** The events after `after`, a page of them; undefined when the person, as they are now, may not see the log. */
export type ReadLog = (
  store: Store,
  person: { tenant: string; user: string },
  id: string,
  after: number,
) => Promise<LogPage | undefined>;

export const readRunLog: ReadLog = async (store, person, run, after) => {
  return store.actAs({ tenant: person.tenant, user: person.user }, async (tx) => {
    const row = await tx.run.findUnique({
      where: { tenantId_id: { tenantId: person.tenant, id: run } },
      select: { endedAt: true },
    });
    if (row === null) return undefined;
    const events = await tx.runEvent.findMany({
      where: { tenantId: person.tenant, runId: run, seq: { gt: after } },
      orderBy: { seq: 'asc' },
      take: logPageSize,
    });
    return {
      ended: row.endedAt !== null,
      events: events.map(({ seq, type, node, body, at }) => {
        const data = { seq, at: at.toISOString(), type, step: node ?? undefined, body: JSON.parse(body) };
        return { seq, text: eventText(seq, type, data) };
      }),
    };
  });
};

/** One server-sent event. */
export function eventText(seq: number, type: string, data: object): string {
  return `id: ${seq}\nevent: ${type}\ndata: ${JSON.stringify(data)}\n\n`;
}

async function drained(response: ServerResponse, end: AbortSignal, unreadMs: number): Promise<boolean> {
  const signal = AbortSignal.any([end, AbortSignal.timeout(unreadMs)]);
  return once(response, 'drain', { signal }).then(
    () => true,
    () => false,
  );
}
