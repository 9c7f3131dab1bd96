/** Carries the outbox of the bare server to Temporal, in the same functions of the database as the API's relay. */
import type { Pool } from 'pg';
import type { Workflows } from '../../api/temporal-client.ts';

interface Row {
  tenant: string;
  id: string;
  run: string;
  workflowId: string;
  kind: string;
  payload: string;
}

export interface BareRelay {
  start(): void;
  nudge(): void;
  stop(): Promise<void>;
}

export function createBareRelay(pool: Pool, workflows: Workflows): BareRelay {
  let stopped = false;
  let due = false;
  let wake = () => {};
  let loop = Promise.resolve();

  async function carry(row: Row): Promise<void> {
    const payload = JSON.parse(row.payload);
    if (row.kind === 'start') {
      await workflows.start({ workflowId: row.workflowId, run: row.run, ...payload });
      await pool.query('SELECT outbox_settle($1, $2)', [row.tenant, row.id]);
      return;
    }
    const heard = await isHeard(row, payload.gate);
    if (heard) await pool.query('SELECT outbox_settle($1, $2)', [row.tenant, row.id]);
    else await workflows.ring(row.workflowId, payload);
  }

  async function isHeard({ tenant, run }: Row, gate: string): Promise<boolean> {
    const client = await pool.connect();
    try {
      await client.query('BEGIN');
      await client.query({ name: 'relay', text: `SELECT set_config('app.tenant', $1, true)`, values: [tenant] });
      const { rows } = await client.query({
        name: 'heard',
        text: `SELECT r.ended_at, g.heard_at FROM run r LEFT JOIN gate g ON g.tenant_id = r.tenant_id AND g.id = $3
          WHERE r.tenant_id = $1 AND r.id = $2`,
        values: [tenant, run, gate],
      });
      await client.query('COMMIT');
      return rows[0]?.ended_at !== null || rows[0]?.heard_at !== null;
    } finally {
      client.release();
    }
  }

  async function run(): Promise<void> {
    while (!stopped) {
      due = false;
      const { rows } = await pool.query<Row>({
        name: 'due',
        text: 'SELECT tenant, id, run_id AS run, workflow_id AS "workflowId", kind, payload FROM outbox_due(50)',
      });
      await Promise.all(rows.map((row) => carry(row).catch((error: unknown) => console.error(error))));
      if (due || stopped) continue;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 1_000);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  return {
    start() {
      loop = run();
    },
    nudge() {
      due = true;
      wake();
    },
    async stop() {
      stopped = true;
      wake();
      await loop;
    },
  };
}
