/**
 * Reading what holds content, with a note of who read it. It is written in the reading transaction: an answer goes out
 * after its note has been committed, and where it cannot be, nothing is shown. What this process noted within the last ten
 * minutes it remembers, so that whoever asks again and again is written once and costs nothing after that.
 */
import type { Actor, Store, Tx } from '../prisma/open.ts';
import type { Read } from '../prisma/read-log.ts';
import { noteRead, readSeconds } from '../prisma/read-log.ts';

/** What was read, by what there was to be shown; undefined where that held no content. */
export type WhatIsRead<T> = Read | ((shown: T) => Read | undefined);

export interface ReadNotes {
  /** One transaction as the actor. What `work` throws leaves no note: nothing was shown. */
  readAs<T>(store: Store, actor: Actor, what: WhatIsRead<T>, work: (tx: Tx) => Promise<T>): Promise<T>;
}

/** Remembers the `capacity` notes made last. */
export function createReadNotes(capacity = 10_000): ReadNotes {
  const noted = new Map<string, number>();

  function remember(key: string, at: Date): void {
    noted.delete(key);
    noted.set(key, at.getTime() + readSeconds * 1000);
    const oldest = noted.keys().next();
    if (noted.size > capacity && !oldest.done) noted.delete(oldest.value);
  }

  return {
    async readAs(store, actor, what, work) {
      let written: { key: string; at: Date } | undefined;
      const shown = await store.actAs(actor, async (tx) => {
        const found = await work(tx);
        const read = typeof what === 'function' ? what(found) : what;
        if (read === undefined) return found;
        const key = JSON.stringify([actor.tenant, actor.user, read.what, read.thing, read.part]);
        if ((noted.get(key) ?? 0) <= Date.now()) written = { key, at: await noteRead(tx, read) };
        return found;
      });
      // Only what was committed is remembered.
      if (written !== undefined) remember(written.key, written.at);
      return shown;
    },
  };
}
