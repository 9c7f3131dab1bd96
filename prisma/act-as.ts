/** Acting as a person in a tenant: the one way to the tenant tables. */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { Prisma, PrismaClient } from './generated/client.ts';
import { grownRuns } from './run-log.ts';

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

/** Waiting for a free connection ends with an error after this. */
const MAX_WAIT_MS = 10_000;
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

/**
 * `work` runs in one transaction under the process's role, with `actor`'s tenant and user set for row-level security.
 * What it returns is returned after the commit; what it throws rolls everything back. An error that a statement caused
 * must not be caught inside `work`: Postgres refuses every later statement of that transaction. `announce` is given the
 * runs whose log has grown, after the commit.
 */
export function createActAs(
  client: PrismaClient,
  role: StoreRole,
  guard: NestingGuard,
  announce: (runs: ReadonlySet<string>) => void,
): ActAs {
  const groupRole = groupRoles[role];
  return async (actor, work, options) => {
    guard.refuseNested('actAs');
    if (actor.tenant === '' || actor.user === '') throw new Error('actAs: expected an actor with a tenant and a user.');
    let grown: ReadonlySet<string> = new Set();
    const result = await guard.enter(() =>
      client.$transaction(
        async (tx) => {
          // Local to the transaction, and the role first: what follows is under its rights.
          await tx.$queryRaw`SELECT set_config('role', ${groupRole}, true), set_config('app.tenant', ${actor.tenant}, true), set_config('app.user', ${actor.user}, true)`;
          const done = await work(tx);
          grown = grownRuns(tx);
          return done;
        },
        { maxWait: MAX_WAIT_MS, timeout: options?.timeoutMs ?? DEFAULT_TIMEOUT_MS },
      ),
    );
    if (grown.size > 0) announce(grown);
    return result;
  };
}
