/** Acting as a person in a tenant: the one way to the tenant tables. */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { Pool, PoolClient } from 'pg';
import type { Prisma } from './generated/client.ts';
import type { LazyClients } from './lazy-client.ts';
import { grownRuns } from './run-log.ts';
import type { HeldConnection } from './statements.ts';
import { bindConnection, unbindConnection } from './statements.ts';

export interface Actor {
  tenant: string;
  user: string;
}

/** The client within one transaction. It is dead when the transaction's function has returned. */
export type Tx = Prisma.TransactionClient;

export type StoreRole = 'api' | 'worker';

export interface ActAsOptions {
  /** After this the transaction is rolled back and the call throws. 15,000 ms unless said. */
  timeoutMs?: number;
}

export type ActAs = <T>(actor: Actor, work: (tx: Tx) => Promise<T>, options?: ActAsOptions) => Promise<T>;

/** The database role a process takes, whatever login it came with. */
export const groupRoles = { api: 'api_user', worker: 'worker_user' } as const;

const DEFAULT_TIMEOUT_MS = 15_000;

/** Says whether this asynchronous flow is inside a transaction already. */
export interface NestingGuard {
  /** Throws when called from within `enter`. */
  refuseNested(call: string): void;
  enter<T>(work: () => Promise<T>): Promise<T>;
}

/**
 * A nested call would take a second connection while it holds the first, so that enough of them at once wait for each
 * other for ever; and it would not see what the outer transaction wrote. Refused at once, not when the pool runs dry.
 */
export function createNestingGuard(): NestingGuard {
  const inside = new AsyncLocalStorage<true>();
  return {
    refuseNested(call) {
      if (inside.getStore()) {
        throw new Error(`${call} was called inside a running actAs: pass on that transaction’s tx instead.`);
      }
    },
    enter: (work) => inside.run(true, work),
  };
}

/** The pool had no connection to give, or `work` took longer than it may. */
export class TransactionTimeout extends Error {
  override name = 'TransactionTimeout';
  /** As Prisma calls both. */
  readonly code = 'P2028';
}

export interface ActAsParts {
  /** Of logins that may take the role, in pipeline mode; one that is lost ends no process. */
  connections: Pool;
  clients: LazyClients;
  role: StoreRole;
  guard: NestingGuard;
  nameOf: HeldConnection['nameOf'];
  /** Is given the runs whose log has grown, after the commit. */
  announce(runs: ReadonlySet<string>): void;
}

/**
 * `work` runs in one transaction under the process's role, with `actor`'s tenant and user set for row-level security.
 * What it returns is returned after the commit; what it throws rolls everything back. An error that a statement caused
 * must not be caught inside `work`: Postgres refuses every later statement of that transaction, and the commit throws.
 */
export function createActAs({ connections, clients, role, guard, nameOf, announce }: ActAsParts): ActAs {
  const groupRole = groupRoles[role];

  async function inTransaction<T>(
    connection: PoolClient,
    actor: Actor,
    work: (tx: Tx) => Promise<T>,
    timeoutMs: number,
  ): Promise<{ done: T; grown: ReadonlySet<string> }> {
    const held = { connection, nameOf, begun: begin(connection, groupRole, actor) };
    const client = clients.on(held, timeoutMs);
    const { tx } = client;
    bindConnection(tx, held);
    try {
      const done = await within(timeoutMs, work(tx));
      unbindConnection(tx);
      await client.close();
      const [{ command }] = await Promise.all([connection.query('COMMIT'), held.begun]);
      // Of a transaction that a statement has failed in, the server makes a ROLLBACK without another word.
      if (command !== 'COMMIT') throw new Error('actAs: nothing was committed, since a statement had failed before');
      return { done, grown: grownRuns(tx) };
    } catch (error) {
      unbindConnection(tx);
      // What Prisma says of its end is said by `error` already.
      await client.close().catch(() => undefined);
      throw error;
    }
  }

  return async (actor, work, options) => {
    guard.refuseNested('actAs');
    if (actor.tenant === '' || actor.user === '') throw new Error('actAs: expected an actor with a tenant and a user.');
    const connection = await connect(connections);
    try {
      const timeoutMs = options?.timeoutMs ?? DEFAULT_TIMEOUT_MS;
      const { done, grown } = await guard.enter(() => inTransaction(connection, actor, work, timeoutMs));
      connection.release();
      if (grown.size > 0) announce(grown);
      return done;
    } catch (error) {
      // A statement may still be under way: without its connection the server ends both.
      if (error instanceof TransactionTimeout) connection.release(true);
      else {
        await connection.query('ROLLBACK').then(
          () => connection.release(),
          () => connection.release(true),
        );
      }
      throw error;
    }
  };
}

const ignore = () => undefined;

async function connect(connections: Pool): Promise<PoolClient> {
  try {
    return await connections.connect();
  } catch (error) {
    if (!(error instanceof Error && /^timeout exceeded when trying to connect/.test(error.message))) throw error;
    throw new TransactionTimeout('actAs: no connection was free in time');
  }
}

/** Sent at once and in one go with what follows. Local to the transaction, and the role first: the rest is under its rights. */
function begin(connection: PoolClient, role: string, actor: Actor): Promise<unknown> {
  const begun = Promise.all([
    connection.query('BEGIN'),
    connection.query({
      name: 'act-as',
      text: `SELECT set_config('role', $1, true), set_config('app.tenant', $2, true), set_config('app.user', $3, true)`,
      values: [role, actor.tenant, actor.user],
    }),
  ]);
  // Whoever sends a statement, or commits, is told.
  begun.catch(ignore);
  return begun;
}

async function within<T>(timeoutMs: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const expired = new Promise<never>((_, reject) => {
    const tell = () => reject(new TransactionTimeout(`actAs: timeout after ${timeoutMs} ms, all is rolled back`));
    timer = setTimeout(tell, timeoutMs);
  });
  // What it comes to after that is of no use to anybody.
  work.catch(ignore);
  return Promise.race([work, expired]).finally(() => clearTimeout(timer));
}
