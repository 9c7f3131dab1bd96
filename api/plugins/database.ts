/** The store on the app, and on each request the one way into it: as the person who asks. */
import type { FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import type { Store, Tx } from '../../prisma/open.ts';
import type { GraphCache } from '../graph-cache.ts';
import type { ReadNotes, WhatIsRead } from '../read-notes.ts';
import { personOf } from './identity.ts';

declare module 'fastify' {
  interface FastifyInstance {
    store: Store;
    graphs: GraphCache;
    reads: ReadNotes;
  }
  interface FastifyRequest {
    /** One transaction as the caller, in the caller's tenant. Throws on a route that is public. */
    actAs<T>(work: (tx: Tx) => Promise<T>): Promise<T>;
    /** The same, which shows content: what is read is noted of the caller in the same transaction. */
    readAs<T>(what: WhatIsRead<T>, work: (tx: Tx) => Promise<T>): Promise<T>;
  }
}

export interface DatabaseOptions {
  store: Store;
  graphs: GraphCache;
  reads: ReadNotes;
}

export const database = fp<DatabaseOptions>(
  async (app, { store, graphs, reads }) => {
    app.decorate('store', store);
    app.decorate('graphs', graphs);
    app.decorate('reads', reads);
    app.decorateRequest('actAs', function actAs<T>(this: FastifyRequest, work: (tx: Tx) => Promise<T>): Promise<T> {
      const person = personOf(this);
      return store.actAs({ tenant: person.tenant, user: person.user }, work);
    });
    app.decorateRequest('readAs', function readAs<
      T,
    >(this: FastifyRequest, what: WhatIsRead<T>, work: (tx: Tx) => Promise<T>): Promise<T> {
      const { tenant, user } = personOf(this);
      return reads.readAs(store, { tenant, user }, what, work);
    });
  },
  { name: 'database', fastify: '5.x' },
);
