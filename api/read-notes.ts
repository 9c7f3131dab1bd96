/**
 * Reading what holds content, with a note of who read it. It is written in the reading transaction: an answer goes out
 * after its note has been committed, and where it cannot be, nothing is shown. What this process noted within the last ten
 * minutes it remembers, so that whoever asks again and again is written once and costs nothing after that.
 */
import type { Actor, Store, Tx } from '../prisma/open.ts';
import type { Read } from '../prisma/read-log.ts';
import { inOneOrder, noteReads, readSeconds } from '../prisma/read-log.ts';

/** What was read, by what there was to be shown; nothing where that held no content. */
export type WhatIsRead<T> = Read | ((shown: T) => Read | readonly Read[] | undefined);

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
      const keyOf = ({ what: kind, thing, part }: Read): string =>
        JSON.stringify([actor.tenant, actor.user, kind, thing, part]);
      let written: { read: Read; at: Date | undefined }[] = [];
      const shown = await store.actAs(actor, async (tx) => {
        const found = await work(tx);
        const read = typeof what === 'function' ? what(found) : what;
        const due = [read ?? []].flat().filter((one) => (noted.get(keyOf(one)) ?? 0) <= Date.now());
        const reads = inOneOrder(due);
        const moments = await noteReads(tx, reads);
        written = reads.map((one, index) => ({ read: one, at: moments[index] }));
        return found;
      });
      // Only what was committed is remembered.
      for (const { read, at } of written) if (at !== undefined) remember(keyOf(read), at);
      return shown;
    },
  };
}
