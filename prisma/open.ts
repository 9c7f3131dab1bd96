/** The store: opening a database under one of the two roles. */
import type { ActAs, StoreRole } from './act-as.ts';
import { createActAs, createNestingGuard, groupRoles } from './act-as.ts';
import { createAnnouncer } from './announce.ts';
import type { BeforeTenant } from './before-tenant.ts';
import { createBeforeTenant } from './before-tenant.ts';
import { GatheringSocket } from './gathering-socket.ts';
import { createLazyClients } from './lazy-client.ts';
import { createRunEventListener } from './listen.ts';
import { openPool } from './pool.ts';
import { checkReadiness } from './readiness.ts';
import { createStatementNames } from './statement-names.ts';

export type { ActAsOptions, Actor, StoreRole, Tx } from './act-as.ts';
export type {
  BeforeTenant,
  DueDelivery,
  Identity,
  KeyIdentity,
  OpenRun,
  OutboxRow,
  RunScope,
  SessionScope,
} from './before-tenant.ts';
export { StoreNotReady } from './readiness.ts';

export interface Store {
  /** The single way in: one transaction under the process's role, then the actor's tenant and user. Nested calls throw. */
  actAs: ActAs;
  /** What is asked before the tenant is known. No tenant is set: sees no rows but what its functions return. */
  before: BeforeTenant;
  /** Calls back with a run's id when its log has grown; returns unsubscribe. A hint, never the data: see listen.ts. */
  onRunEvents(listener: (run: string) => void): () => void;
  /** Throws StoreNotReady when migrations are missing or a row can be seen without a tenant. */
  ready(): Promise<void>;
  /** Gives all connections back. Transactions in flight are let finish. */
  close(): Promise<void>;
}

export interface OpenStoreOptions {
  /**
   * Of a login that may take the role: a member of it, or the owner. The server itself or a pooler that keeps sessions:
   * LISTEN and prepared statements belong to a connection.
   */
  url: string;
  role: StoreRole;
  /** Connections for transactions; 20 unless said. Three more at most answer `before`, and one listens. */
  max?: number;
  /** Waiting for a free connection ends with TransactionTimeout after this, in milliseconds; 10,000 unless said. */
  maxWaitMs?: number;
}

/** Connects and answers once the database does. Does not ask whether it is migrated: that is `ready`. */
export async function openStore(options: OpenStoreOptions): Promise<Store> {
  const { url, role } = options;
  const transactions = openPool({
    connectionString: url,
    max: options.max ?? 20,
    application_name: `waymark-${role}`,
    connectionTimeoutMillis: options.maxWaitMs ?? 10_000,
    // Statements that wait for no other's answer are sent together.
    pipeline: true,
    stream: () => new GatheringSocket(),
  });
  // The role is taken when a connection starts, so that a question is one round trip.
  const questions = openPool({
    connectionString: url,
    max: 3,
    application_name: `waymark-${role}-before`,
    options: `-c role=${groupRoles[role]}`,
  });
  const nameOf = createStatementNames();
  const clients = createLazyClients(nameOf);
  const listener = createRunEventListener(url);
  const announcer = createAnnouncer(questions);
  const guard = createNestingGuard();

  async function close(): Promise<void> {
    await Promise.all([listener.close(), clients.close().then(() => transactions.end())]);
    await announcer.close();
    await questions.end();
  }

  try {
    await questions.query('SELECT');
  } catch (error) {
    await close();
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`The store could not be opened as ${groupRoles[role]}: ${reason}`, { cause: error });
  }
  return {
    actAs: createActAs({ connections: transactions, clients, role, guard, nameOf, announce: announcer.announce }),
    before: createBeforeTenant(questions, guard.refuseNested),
    onRunEvents: (callback) => listener.subscribe(callback),
    ready: () => checkReadiness(questions),
    close,
  };
}
