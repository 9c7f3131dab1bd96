/** The few questions that are asked before the tenant is known. Each is one SQL function that runs as the owner. */
import type { Pool } from 'pg';

export interface Identity {
  tenant: string;
  user: string;
  name: string;
  email: string;
  /** False: the person may not act any more. */
  active: boolean;
  /** Sorted. */
  roles: string[];
}

/** A service, and what the key it came with must be held against. */
export interface KeyIdentity {
  /** Has no roles. */
  service: Identity;
  /** SHA-256 of the key's secret, hex. */
  secretHash: string;
  scopes: string[];
  expiresAt: Date | null;
  revoked: boolean;
  lastUsedAt: Date | null;
}

export interface RunScope {
  run: string;
  tenant: string;
  /** Who started the run. */
  requester: string;
  rootRun: string;
  workflowId: string;
  documentId: string;
  graphHash: string;
  traceId: string;
  status: string;
}

/** Who acts in a session: its owner, and nobody else. */
export interface SessionScope {
  tenant: string;
  owner: string;
  proposal: string;
}

/** The columns of a row that its delivery needs, under the names of the generated model. */
export interface OutboxRow {
  tenantId: string;
  id: string;
  /** Null of a session's. */
  runId: string | null;
  workflowId: string;
  /** start | ring | session */
  kind: string;
  /** JSON, as it was inserted. */
  payload: string;
  /** Times it was handed out, this time included. */
  attempts: number;
}

/** A delivery of a notification that was handed to the caller. */
export interface DueDelivery {
  tenant: string;
  id: string;
  webhook: string;
  /** Raised whenever it is handed out. */
  fence: number;
}

/** A run that has not ended. */
export interface OpenRun {
  tenant: string;
  run: string;
  workflowId: string;
  requester: string;
}

export interface BeforeTenant {
  /** The person a token is about, by its issuer and subject. For the API. */
  identify(issuer: string, subject: string): Promise<Identity | undefined>;
  /** The service of an API key, by the key's id; whoever asks compares the secret. For the API. */
  identifyKey(id: string): Promise<KeyIdentity | undefined>;
  /** That the key was used now, to about a minute. For the API. */
  noteKeyUse(id: string): Promise<void>;
  /** Whose run it is. */
  runScope(run: string): Promise<RunScope | undefined>;
  /** Whose session it is. For the worker. */
  sessionScope(session: string): Promise<SessionScope | undefined>;
  /**
   * At most `limit` rows that are due, longest due first. Each is handed to one caller and put off (1 s, doubling to 60 s): it comes back
   * unless settled, so a relay that dies loses nothing. For the API.
   */
  dueOutbox(limit: number): Promise<OutboxRow[]>;
  /** At most `limit` open runs that nobody was handed for so many seconds, those longest unseen first. For the API. */
  runsToSweep(limit: number, seconds: number): Promise<OpenRun[]>;
  /**
   * At most `limit` deliveries that are due, at most `each` of one webhook and one of a webhook that is failing, none of
   * those in `busy`. Each is handed to one caller for `leaseMs`: it comes back unless settled by then. For the API.
   */
  dueDeliveries(asked: {
    limit: number;
    each: number;
    busy: readonly string[];
    leaseMs: number;
  }): Promise<DueDelivery[]>;
  /** Removes at most `limit` deliveries that were settled more than `days` days ago; gives how many. For the API. */
  forgetDeliveries(days: number, limit: number): Promise<number>;
  /** It is done; again is no error. For the API. */
  settleOutbox(tenant: string, id: string): Promise<void>;
}

/** `pool`'s connections are under the process's role and have no tenant set: they see no row but through the functions. */
export function createBeforeTenant(pool: Pool, refuseNested: (call: string) => void): BeforeTenant {
  return {
    async identify(issuer, subject) {
      refuseNested('identify');
      const { rows } = await pool.query<Identity>({
        name: 'identify',
        text: 'SELECT tenant, user_id AS "user", name, email, active, roles FROM identify($1, $2)',
        values: [issuer, subject],
      });
      return rows[0];
    },
    async identifyKey(id) {
      refuseNested('identifyKey');
      const { rows } = await pool.query<Omit<Identity, 'roles'> & Omit<KeyIdentity, 'service'>>({
        name: 'identify-key',
        text: `SELECT tenant, user_id AS "user", name, email, active, secret_hash AS "secretHash", scopes,
          expires_at AS "expiresAt", revoked, last_used_at AS "lastUsedAt" FROM identify_key($1)`,
        values: [id],
      });
      const [row] = rows;
      if (row === undefined) return undefined;
      const { tenant, user, name, email, active, ...key } = row;
      return { service: { tenant, user, name, email, active, roles: [] }, ...key };
    },
    async noteKeyUse(id) {
      refuseNested('noteKeyUse');
      await pool.query('SELECT note_key_use($1)', [id]);
    },
    async runScope(run) {
      refuseNested('runScope');
      const { rows } = await pool.query<RunScope>({
        name: 'run-scope',
        text: `SELECT $1::text AS run, tenant, requester, root_run AS "rootRun", workflow_id AS "workflowId",
          document_id AS "documentId", graph_hash AS "graphHash", trace_id AS "traceId", status FROM run_scope($1)`,
        values: [run],
      });
      return rows[0];
    },
    async sessionScope(session) {
      refuseNested('sessionScope');
      const { rows } = await pool.query<SessionScope>({
        name: 'session-scope',
        text: 'SELECT tenant, owner, proposal FROM session_scope($1)',
        values: [session],
      });
      return rows[0];
    },
    async dueOutbox(limit) {
      refuseNested('dueOutbox');
      const { rows } = await pool.query<OutboxRow>({
        name: 'outbox-due',
        text: 'SELECT tenant AS "tenantId", id, run_id AS "runId", workflow_id AS "workflowId", kind, payload, attempts FROM outbox_due($1)',
        values: [limit],
      });
      return rows;
    },
    async runsToSweep(limit, seconds) {
      refuseNested('runsToSweep');
      const { rows } = await pool.query<OpenRun>({
        name: 'runs-to-sweep',
        text: 'SELECT tenant, run, workflow_id AS "workflowId", requester FROM runs_to_sweep($1, $2)',
        values: [limit, seconds],
      });
      return rows;
    },
    async dueDeliveries({ limit, each, busy, leaseMs }) {
      refuseNested('dueDeliveries');
      const { rows } = await pool.query<DueDelivery>({
        name: 'deliveries-due',
        text: 'SELECT tenant, id, webhook, fence FROM deliveries_due($1, $2, $3, $4)',
        values: [limit, each, busy, leaseMs],
      });
      return rows;
    },
    async forgetDeliveries(days, limit) {
      refuseNested('forgetDeliveries');
      const { rows } = await pool.query<{ count: number }>({
        name: 'forget-deliveries',
        text: 'SELECT forget_deliveries($1, $2) AS count',
        values: [days, limit],
      });
      return rows[0]?.count ?? 0;
    },
    async settleOutbox(tenant, id) {
      refuseNested('settleOutbox');
      await pool.query('SELECT outbox_settle($1, $2)', [tenant, id]);
    },
  };
}
