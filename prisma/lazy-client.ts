/**
 * Prisma's client on a connection that has a transaction open already. It is put there when it is first used: that alone
 * costs as much as ten statements by hand, and many transactions need none of it.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { PrismaPg } from '@prisma/adapter-pg';
import type { PoolClient } from 'pg';
import { Pool } from 'pg';
import type { Tx } from './act-as.ts';
import { PrismaClient } from './generated/client.ts';
import type { HeldConnection } from './statements.ts';

export interface LazyClient {
  tx: Tx;
  /** From now on every call throws. Resolves when nothing of Prisma's is under way. The transaction stays open. */
  close(): Promise<void>;
}

export interface LazyClients {
  on(held: HeldConnection, timeoutMs: number): LazyClient;
  close(): Promise<void>;
}

/** Prisma's own limit is never to be the one that is met. */
const MARGIN_MS = 60_000;
/** What opens and ends the transaction is the business of whoever holds the connection. */
const ofTransaction = /^(BEGIN|COMMIT|ROLLBACK)$/;
const nothing = { rows: [], fields: [], rowCount: 0, command: '', oid: 0 };

export function createLazyClients(nameOf: (query: { sql: string }) => string): LazyClients {
  const holding = new AsyncLocalStorage<HeldConnection>();
  const pool = new Pool({ max: 1 });
  pool.connect = (() => {
    const held = holding.getStore();
    if (held === undefined) return Promise.reject(new Error('Prisma was asked outside the transaction of an actAs'));
    return Promise.resolve(lent(held));
  }) as Pool['connect'];
  const prisma = new PrismaClient({ adapter: new PrismaPg(pool, { statementNameGenerator: nameOf }) });
  return {
    on: (held, timeoutMs) =>
      lazyClient((work) => holding.run(held, () => prisma.$transaction(work, limits(timeoutMs)))),
    async close() {
      await prisma.$disconnect();
      await pool.end();
    },
  };
}

const limits = (timeoutMs: number) => ({ maxWait: MARGIN_MS, timeout: timeoutMs + MARGIN_MS });

/** As much of a connection of the pool as the adapter uses. Given back, it stays with who holds it. */
function lent({ connection, begun }: HeldConnection): PoolClient {
  const query = async (config: { text: string }) => {
    if (ofTransaction.test(config.text)) {
      await begun;
      return nothing;
    }
    return connection.query(config);
  };
  const lentOut: Pick<PoolClient, 'on' | 'removeListener' | 'release'> & { query: typeof query } = {
    query,
    on: (...args: Parameters<PoolClient['on']>) => connection.on(...args),
    removeListener: (...args: Parameters<PoolClient['removeListener']>) => connection.removeListener(...args),
    release: () => undefined,
  };
  return lentOut as unknown as PoolClient;
}

function lazyClient(begin: (work: (tx: Tx) => Promise<void>) => Promise<void>): LazyClient {
  let finish: () => void = () => undefined;
  let ended: Promise<void> | undefined;
  let opened: Promise<Tx> | undefined;
  let closed = false;

  function open(): Promise<Tx> {
    if (closed) return Promise.reject(new Error('the transaction of this tx has ended'));
    opened ??= new Promise<Tx>((resolve, reject) => {
      const finished = new Promise<void>((done) => {
        finish = done;
      });
      ended = begin(async (tx) => {
        resolve(tx);
        await finished;
      });
      ended.catch(reject);
    });
    return opened;
  }

  return {
    tx: deferred(open),
    async close() {
      closed = true;
      finish();
      await ended;
    },
  };
}

type Callable = (...args: unknown[]) => unknown;

/** Has the client's methods, `$queryRaw` and the like, and its models, each with its own; a call opens the client. */
function deferred(open: () => Promise<Tx>): Tx {
  const models = new Map<string, object>();
  const modelOf = (model: string) =>
    new Proxy(
      {},
      {
        get: (_, operation) =>
          typeof operation === 'string' && operation !== 'then'
            ? async (...args: unknown[]) => {
                const delegate = Reflect.get(await open(), model) as object;
                return Reflect.apply(Reflect.get(delegate, operation) as Callable, delegate, args);
              }
            : undefined,
      },
    );
  return new Proxy({} as Tx, {
    get(_, name) {
      if (typeof name !== 'string' || name === 'then') return undefined;
      if (name.startsWith('$')) {
        return async (...args: unknown[]) => {
          const client = await open();
          return Reflect.apply(Reflect.get(client, name) as Callable, client, args);
        };
      }
      const model = models.get(name) ?? modelOf(name);
      models.set(name, model);
      return model;
    },
  });
}
