import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Store, Tx } from './open.ts';
import type { FilledRun, StoreWorld } from './testing/store-world.ts';
import { acme, createStoreWorld, fillRun, insertGate, insertStep, queryOnce, startRun } from './testing/store-world.ts';

let world: StoreWorld;
let filled: FilledRun;

beforeAll(async () => {
  world = await createStoreWorld();
  filled = await fillRun(world, acme);
});
afterAll(() => world.close());

const refused = /permission denied|42501/;
const sql = (store: Store, statement: string) => store.actAs(acme, (tx: Tx) => tx.$executeRawUnsafe(statement));

test('each role may do to each table exactly this', async () => {
  const rows = await world.asSuperuser(
    `SELECT r.role || ' ' || c.relname || ': ' || concat_ws(' ',
       CASE WHEN has_table_privilege(r.role, c.oid, 'SELECT') THEN 'select' END,
       CASE WHEN has_table_privilege(r.role, c.oid, 'INSERT') THEN 'insert' END,
       CASE WHEN has_table_privilege(r.role, c.oid, 'UPDATE') THEN 'update' ELSE (
         SELECT 'update(' || string_agg(a.attname, ',' ORDER BY a.attnum) || ')' FROM pg_attribute a
         WHERE a.attrelid = c.oid AND a.attnum > 0 AND has_column_privilege(r.role, c.oid, a.attnum, 'UPDATE')) END,
       CASE WHEN has_table_privilege(r.role, c.oid, 'DELETE, TRUNCATE, REFERENCES, TRIGGER') THEN 'too much' END) AS line
     FROM (VALUES ('api_user'), ('worker_user')) r(role), pg_class c
     WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') ORDER BY r.role, c.relname`,
  );
  expect(rows.map((row) => row.line)).toEqual([
    'api_user _prisma_migrations: select',
    'api_user admin_event: select',
    'api_user api_key: select insert update(revoked_at)',
    'api_user artifact: select insert',
    'api_user collaborator: select insert update(mode,added_by,added_at,revoked_at)',
    'api_user command: select insert',
    'api_user confirmation: select update(state,answered_at)',
    'api_user connection: insert update(sealed,made_at)',
    'api_user decision: select insert',
    'api_user document: select insert update(title,graph_hash,published_at)',
    'api_user effect: select',
    'api_user gate: select update(status,verdict,output_digest,view,decided_at,claimed_at,claimed_by)',
    'api_user gate_delegation: select insert update(withdrawn_at)',
    'api_user gate_message: select insert',
    'api_user graph_version: select insert',
    'api_user group_member: select',
    'api_user idempotent_request: select insert update(status,body)',
    'api_user membership: select',
    'api_user message: select insert',
    'api_user notification: select insert update(read_at)',
    'api_user outbox: select insert',
    'api_user people_group: select',
    'api_user proposal: select insert update(title,status,assignee_id,assignee_role,assignee_epoch,lock_version)',
    'api_user proposal_event: select',
    'api_user read_event: select',
    'api_user read_log: select',
    'api_user run: select insert update(status,result_digest,ended_at,resumed_by)',
    'api_user run_event: select',
    'api_user section: select insert update(digest,lock_version,owner_role,owner_id)',
    'api_user section_version: select insert',
    'api_user session: select insert update(seq)',
    'api_user session_turn: select insert update(state,stopping,failure,ended_at)',
    'api_user step_execution: select',
    'api_user step_turn: select',
    'api_user suggestion: select insert update(status,decided_by,decided_at,note,applied_digest)',
    'api_user tenant: select update(name)',
    'api_user transcript_grant: select insert update(revoked_at)',
    'api_user turn_entry: ',
    'api_user user_account: select insert update(name,email,active)',
    'api_user webhook: select insert update(kinds,sealed,sealed_before,before_until,failing_since,disabled_at,disabled_why,removed_at)',
    'api_user webhook_delivery: select update(state,attempts,next_at,leased_until,last_status,last_failure,last_at)',
    'worker_user _prisma_migrations: select',
    'worker_user admin_event: ',
    'worker_user api_key: ',
    'worker_user artifact: select insert',
    'worker_user collaborator: select insert update(mode,added_by,added_at,revoked_at)',
    'worker_user command: select update(heard_at,applied)',
    'worker_user confirmation: select insert',
    'worker_user connection: select',
    'worker_user decision: ',
    'worker_user document: select',
    'worker_user effect: select insert update',
    'worker_user gate: select insert update(run_id,status,heard_at)',
    'worker_user gate_delegation: select',
    'worker_user gate_message: ',
    'worker_user graph_version: select',
    'worker_user group_member: ',
    'worker_user idempotent_request: ',
    'worker_user membership: select',
    'worker_user message: select insert',
    'worker_user notification: insert',
    'worker_user outbox: ',
    'worker_user people_group: ',
    'worker_user proposal: select insert update(assignee_id,assignee_role,assignee_epoch,lock_version)',
    'worker_user proposal_event: select',
    'worker_user read_event: ',
    'worker_user read_log: ',
    'worker_user run: select update(status,result_digest,ended_at,paused,heard_at)',
    'worker_user run_event: select',
    'worker_user section: select insert update(digest,lock_version)',
    'worker_user section_version: select insert',
    'worker_user session: select update(seq)',
    'worker_user session_turn: select update(state,fence,epoch,untrusted,failure,ended_at,agent,step,tokens,cost_usd)',
    'worker_user step_execution: select insert update',
    'worker_user step_turn: select insert',
    'worker_user suggestion: select insert update(status)',
    'worker_user tenant: select',
    'worker_user transcript_grant: select',
    'worker_user turn_entry: select insert',
    'worker_user user_account: select',
    'worker_user webhook: ',
    'worker_user webhook_delivery: ',
  ]);
});

test('each function can be called by these roles only', async () => {
  const rows = await world.asSuperuser(
    `SELECT p.proname || ': ' || concat_ws(' ', CASE WHEN has_function_privilege('api_user', p.oid, 'EXECUTE') THEN 'api' END,
       CASE WHEN has_function_privilege('worker_user', p.oid, 'EXECUTE') THEN 'worker' END) AS line,
       p.proconfig IS NOT NULL AS pinned
     FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace AND p.prosecdef ORDER BY 1`,
  );
  expect(rows).toEqual([
    { line: 'append_admin_event: api', pinned: true },
    { line: 'append_proposal_event: api worker', pinned: true },
    { line: 'append_run_event: api worker', pinned: true },
    { line: 'call_run: worker', pinned: true },
    { line: 'cancel_called: api worker', pinned: true },
    { line: 'close_overdue: worker', pinned: true },
    { line: 'deliver_notifications: ', pinned: true },
    { line: 'deliveries_due: api', pinned: true },
    { line: 'end_steps: api', pinned: true },
    { line: 'forget_deliveries: api', pinned: true },
    { line: 'identify: api', pinned: true },
    { line: 'identify_key: api', pinned: true },
    { line: 'note_key_use: api', pinned: true },
    { line: 'note_read: api worker', pinned: true },
    { line: 'number_notifications: api', pinned: true },
    { line: 'outbox_due: api', pinned: true },
    { line: 'outbox_settle: api', pinned: true },
    { line: 'ring_caller: api worker', pinned: true },
    { line: 'ring_tasks_of_assignee: ', pinned: true },
    { line: 'run_scope: api worker', pinned: true },
    { line: 'runs_to_sweep: api', pinned: true },
    { line: 'session_scope: worker', pinned: true },
    { line: 'set_group_roles: api', pinned: true },
    { line: 'set_memberships: api', pinned: true },
  ]);
});

test('the worker has no way to decide a gate', async () => {
  const gate = await insertGate(world.worker, acme, filled.run);
  const attempts = [
    `INSERT INTO decision (tenant_id, id, gate_id, user_id, action, comment, subject, decided_at) VALUES ('acme', 'd', '${gate}', 'ann', 'approve', '', 'subject', now())`,
    'SELECT * FROM decision',
    `UPDATE gate SET verdict = 'approve' WHERE id = '${gate}'`,
    `UPDATE gate SET status = 'decided', verdict = 'approve', output_digest = 'o', decided_at = now() WHERE id = '${gate}'`,
    `UPDATE gate SET output_digest = 'o' WHERE id = '${gate}'`,
    `UPDATE gate SET view = '{}' WHERE id = '${gate}'`,
    `INSERT INTO command (tenant_id, id, run_id, kind, user_id, comment, created_at) VALUES ('acme', 'k', '${filled.run}', 'cancel', 'ann', '', now())`,
    `UPDATE command SET kind = 'abort'`,
    'DELETE FROM gate',
  ];
  for (const attempt of attempts) await expect(sql(world.worker, attempt), attempt).rejects.toThrow(refused);
  await expect(sql(world.worker, `UPDATE gate SET status = 'decided' WHERE id = '${gate}'`)).rejects.toThrow(
    /cannot be decided without verdict/,
  );
  const columns =
    '(tenant_id, id, root_run_id, run_id, node, purpose, subject, bindings, title, question, approver_roles, not_by, actions, shown, status, verdict, opened_at)';
  const born = `INSERT INTO gate ${columns} SELECT tenant_id, 'born', root_run_id, run_id, 'born', purpose, subject, bindings, title, question, approver_roles, not_by, actions, shown, 'decided', 'approve', now() FROM gate WHERE id = '${gate}'`;
  await expect(sql(world.worker, born)).rejects.toThrow(/row-level security policy "begins_open"/);
  expect(await world.asSuperuser('SELECT status, verdict FROM gate WHERE id = $1', [gate])).toEqual([
    { status: 'open', verdict: null },
  ]);
});

test('the worker lapses a decided gate, and nobody brings the verdict back', async () => {
  const { gate } = await fillRun(world, acme);
  await sql(world.worker, `UPDATE gate SET heard_at = now(), status = 'lapsed' WHERE id = '${gate}'`);
  await expect(sql(world.worker, `UPDATE gate SET status = 'decided' WHERE id = '${gate}'`)).rejects.toThrow(
    /cannot go from lapsed to decided/,
  );
  await expect(sql(world.api, `UPDATE gate SET status = 'decided' WHERE id = '${gate}'`)).rejects.toThrow(
    /cannot go from lapsed to decided/,
  );
});

test('a verdict is given once', async () => {
  await expect(sql(world.api, `UPDATE gate SET verdict = 'reject' WHERE id = '${filled.gate}'`)).rejects.toThrow(
    /given by deciding it while it is open, and once/,
  );
});

test('the API cannot touch what the worker does', async () => {
  for (const attempt of [
    `UPDATE step_execution SET status = 'committed'`,
    `UPDATE effect SET status = 'succeeded'`,
    'DELETE FROM effect',
    `INSERT INTO step_turn SELECT * FROM step_turn`,
    `UPDATE gate SET subject = 'other'`,
  ]) {
    await expect(sql(world.api, attempt), attempt).rejects.toThrow(refused);
  }
});

test.each(['api', 'worker'] as const)(
  'the %s can neither write the run log but by its function, nor the run’s place in it',
  async (role) => {
    for (const attempt of [
      'INSERT INTO run_event SELECT * FROM run_event',
      `UPDATE run_event SET body = '{}'`,
      'DELETE FROM run_event',
      'TRUNCATE run_event',
      'UPDATE run SET seq = 0',
      `UPDATE run SET head_hash = ''`,
    ]) {
      await expect(sql(world[role], attempt), attempt).rejects.toThrow(refused);
    }
  },
);

test('the API can neither write the admin log nor memberships but by their functions', async () => {
  for (const attempt of [
    'INSERT INTO admin_event SELECT * FROM admin_event',
    `UPDATE admin_event SET actor = 'gus'`,
    'DELETE FROM admin_event',
    'UPDATE tenant SET admin_seq = 0',
    `INSERT INTO membership (tenant_id, user_id, role) VALUES ('acme', 'ann', 'admin')`,
    'DELETE FROM membership',
    `INSERT INTO people_group (tenant_id, name) VALUES ('acme', 'all')`,
    `UPDATE user_account SET kind = 'person'`,
    `UPDATE user_account SET issuer = 'https://other.example'`,
    `UPDATE api_key SET expires_at = NULL`,
    `UPDATE api_key SET scopes = '{people:admin}'`,
  ]) {
    await expect(sql(world.api, attempt), attempt).rejects.toThrow(refused);
  }
});

test('a run cannot begin with a history it never had', async () => {
  await expect(
    sql(
      world.api,
      `INSERT INTO run (tenant_id, id, root_run_id, workflow_id, document_id, graph_hash, title, status, requester_id, input_digest, trace_id, seq, head_hash, created_at)
       SELECT tenant_id, 'forged', 'forged', 'forged', document_id, graph_hash, title, status, requester_id, input_digest, trace_id, 3, 'hash', created_at FROM run WHERE id = '${filled.run}'`,
    ),
  ).rejects.toThrow(/row-level security policy "begins_empty"/);
});

test.each(['apiUrl', 'workerUrl'] as const)(
  'a login of %s that has not taken its role can read nothing',
  async (url) => {
    await expect(queryOnce(world.database[url], 'SELECT * FROM run')).rejects.toMatchObject({ code: '42501' });
    await expect(queryOnce(world.database[url], `SELECT run_scope('x')`)).rejects.toMatchObject({ code: '42501' });
  },
);

test('the worker’s login cannot take the API’s role', async () => {
  await expect(queryOnce(world.database.workerUrl, 'SET ROLE api_user')).rejects.toMatchObject({ code: '42501' });
});

const allowed: Record<string, string[]> = {
  pending: ['running', 'skipped', 'refused'],
  running: ['validated', 'failed', 'skipped', 'refused'],
  validated: ['running', 'committed', 'refused', 'failed'],
  failed: ['running', 'skipped'],
  committed: [],
  skipped: [],
  refused: [],
};
/** How a new execution gets there. */
const wayTo: Record<string, string[]> = {
  pending: ['pending'],
  running: ['running'],
  validated: ['running', 'validated'],
  failed: ['running', 'failed'],
  committed: ['running', 'validated', 'committed'],
  skipped: ['skipped'],
  refused: ['refused'],
};

test.each(Object.keys(allowed))('a step that is %s goes where it may go and nowhere else', async (from) => {
  const run = await startRun(world.api, acme);
  const outcomes: Record<string, boolean> = {};
  for (const to of Object.keys(allowed)) {
    const [first, ...rest] = wayTo[from] ?? [];
    const step = await insertStep(world.worker, acme, run, first);
    const set = (status: string) =>
      sql(world.worker, `UPDATE step_execution SET status = '${status}' WHERE id = '${step}'`);
    for (const status of rest) await set(status);
    outcomes[to] = await set(to).then(
      () => true,
      (error: Error) => {
        expect(error.message).toContain(`cannot go from ${from} to ${to}`);
        return false;
      },
    );
  }
  expect(outcomes).toEqual(
    Object.fromEntries(Object.keys(allowed).map((to) => [to, to === from || Boolean(allowed[from]?.includes(to))])),
  );
});

test.each(['validated', 'committed', 'failed'])('a step cannot begin as %s', async (status) => {
  await expect(insertStep(world.worker, acme, filled.run, status)).rejects.toThrow(`cannot begin as ${status}`);
});

test('a committed output stays, and a fence never falls', async () => {
  const step = await insertStep(world.worker, acme, filled.run);
  const set = (assignment: string) => sql(world.worker, `UPDATE step_execution SET ${assignment} WHERE id = '${step}'`);
  await expect(set('fence = 0')).rejects.toThrow('the fence of step');
  await set(`status = 'validated', output_digest = 'o'`);
  await set(`status = 'committed'`);
  await expect(set(`output_digest = 'other'`)).rejects.toThrow('its output cannot change');
});

test('an effect that succeeded stays so', async () => {
  const set = (status: string) =>
    sql(world.worker, `UPDATE effect SET status = '${status}' WHERE effect_key = '${filled.effect}'`);
  await set('unknown');
  await set('succeeded');
  await expect(set('intent')).rejects.toThrow('its outcome cannot change');
  await expect(set('failed')).rejects.toThrow('its outcome cannot change');
});
