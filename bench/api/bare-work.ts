/** What the API's three routes read and write, in SQL by hand. */
import { createHash, createHmac, randomBytes, randomUUID } from 'node:crypto';
import canonicalize from 'canonicalize';
import type { PoolClient } from 'pg';

export interface Person {
  tenant: string;
  user: string;
  roles: string[];
}

export interface Start {
  document: string;
  input: Record<string, unknown>;
}

export interface Decision {
  action: string;
  subject: string;
  comment?: string;
}

interface Node {
  id: string;
  title: string;
  kind: string;
}

/** A graph never changes under its hash. */
const nodesOfGraph = new Map<string, { title: string; nodes: Node[] }>();

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

export async function readRun(client: PoolClient, { tenant }: Person, id: string) {
  const run = (await query(client, 'run', 'SELECT * FROM run WHERE tenant_id = $1 AND id = $2', [tenant, id]))[0];
  if (run === undefined) throw Object.assign(new Error('not found'), { statusCode: 404 });
  const { nodes } = await graphOf(client, tenant, run.graph_hash);
  const lineage = [tenant, run.root_run_id];
  const executions = await query(
    client,
    'executions',
    'SELECT * FROM step_execution WHERE tenant_id = $1 AND root_run_id = $2 ORDER BY generation',
    lineage,
  );
  const gates = await query(
    client,
    'gates',
    'SELECT * FROM gate WHERE tenant_id = $1 AND root_run_id = $2 ORDER BY opened_at, id',
    lineage,
  );
  const chosen = await query(
    client,
    'chosen',
    `SELECT node, at FROM run_event WHERE tenant_id = $1 AND run_id = $2 AND type = 'step.chosen'`,
    [tenant, id],
  );
  const runs = await query(
    client,
    'lineage',
    'SELECT id FROM run WHERE tenant_id = $1 AND root_run_id = $2 ORDER BY created_at, id',
    lineage,
  );
  const calls = await query(
    client,
    'calls',
    'SELECT id, called_by, status FROM run WHERE tenant_id = $1 AND called_by = ANY($2) ORDER BY created_at, id',
    [tenant, executions.map((row) => row.id)],
  );
  const result = run.result_digest === null ? undefined : await contentOf(client, tenant, run.result_digest);
  return {
    ...summaryOf(run),
    workflowId: run.workflow_id,
    lineage: { rootRun: run.root_run_id, runs: runs.map((row) => row.id) },
    calls: calls.map((row) => ({
      run: row.id,
      step: executions.find((one) => one.id === row.called_by)?.node ?? '',
      status: row.status,
    })),
    steps: nodes.map((node: Node) => {
      const row = executions.findLast((one) => one.node === node.id && one.path === '');
      const gate = gates.findLast((one) => one.node === node.id && one.path === '' && one.status !== 'lapsed');
      const at = chosen.find((one) => one.node === node.id)?.at;
      const startedAt = row?.started_at ?? gate?.opened_at;
      const endedAt = row?.ended_at ?? gate?.decided_at ?? at;
      return {
        id: node.id,
        title: node.title,
        kind: node.kind,
        state: row?.status ?? (gate?.status === 'open' ? 'waiting' : gate || at ? 'committed' : 'pending'),
        attempt: row?.attempt ?? 0,
        ...(gate?.verdict == null ? {} : { verdict: gate.verdict }),
        ...(startedAt == null ? {} : { startedAt }),
        ...(endedAt == null ? {} : { endedAt }),
      };
    }),
    waiting: gates
      .filter((gate) => gate.status === 'open')
      .map((gate) => ({
        gate: gate.id,
        step: gate.node,
        title: gate.title,
        approvers: JSON.parse(gate.approver_roles),
        people: JSON.parse(gate.approver_people),
        since: gate.opened_at,
      })),
    ...(result === undefined ? {} : { result }),
  };
}

export async function startRun(client: PoolClient, person: Person, key: string, body: Start) {
  const { tenant, user } = person;
  await claimKey(client, person, key, ['POST', '/runs', body]);
  const documents = await query(
    client,
    'document',
    'SELECT graph_hash FROM document WHERE tenant_id = $1 AND id = $2',
    [tenant, body.document],
  );
  const hash = documents[0]?.graph_hash;
  const { title } = await graphOf(client, tenant, hash);
  const input = await putArtifact(client, tenant, body.input);
  const id = randomUUID();
  const workflowId = `${body.document}/${id}`;
  const [run] = await query(
    client,
    'insert run',
    `INSERT INTO run (tenant_id, id, root_run_id, workflow_id, document_id, graph_hash, title, status, requester_id,
        input_digest, trace_id, created_at)
      VALUES ($1, $2, $2, $3, $4, $5, $6, 'running', $7, $8, $9, now()) RETURNING *`,
    [tenant, id, workflowId, body.document, hash, title, user, input, randomBytes(16).toString('hex')],
  );
  await leaveOutbox(client, tenant, id, workflowId, 'start', { document: body.document, title });
  await appendEvent(client, id, 'run.started', 'run.started', null, { graph: hash, input, rootRun: id });
  const started = { ...summaryOf(run as Record<string, never>), workflowId };
  await keepAnswer(client, person, key, started);
  return { ...started, id };
}

export async function decideGate(client: PoolClient, person: Person, key: string, gateId: string, body: Decision) {
  const { tenant, user } = person;
  await claimKey(client, person, key, ['POST', `/gates/${gateId}/decisions`, body]);
  const [gate] = await query(client, 'gate', 'SELECT * FROM gate WHERE tenant_id = $1 AND id = $2 FOR UPDATE', [
    tenant,
    gateId,
  ]);
  if (gate?.status !== 'open' || gate.subject !== body.subject) {
    throw Object.assign(new Error('not open'), { statusCode: 409 });
  }
  const [run] = await query(client, 'run', 'SELECT * FROM run WHERE tenant_id = $1 AND id = $2', [tenant, gate.run_id]);
  const before = await query(
    client,
    'decisions',
    'SELECT * FROM decision WHERE tenant_id = $1 AND gate_id = $2 AND subject = $3 ORDER BY decided_at, id',
    [tenant, gateId, gate.subject],
  );
  const delegations = await query(
    client,
    'delegations',
    'SELECT * FROM gate_delegation WHERE tenant_id = $1 AND gate_id = $2 AND withdrawn_at IS NULL ORDER BY made_at, id',
    [tenant, gateId],
  );
  const voters = await query(
    client,
    'voters',
    `SELECT u.id, array_agg(m.role) AS roles FROM user_account u
      LEFT JOIN membership m ON m.tenant_id = u.tenant_id AND m.user_id = u.id
      WHERE u.tenant_id = $1 AND u.id = ANY($2) AND u.active AND u.kind = 'person' GROUP BY u.id`,
    [tenant, [user, ...before.map((row) => row.user_id)]],
  );
  const roles: string[] = voters.find((one) => one.id === user)?.roles ?? [];
  const may = JSON.parse(gate.approver_roles).some((role: string) => roles.includes(role));
  const barred = JSON.parse(gate.not_by).includes('requester') && run?.requester_id === user;
  if (!may || barred || before.length > 0 || delegations.length > 0) {
    throw Object.assign(new Error('not an approver'), { statusCode: 403 });
  }
  const id = randomUUID();
  const decidedAt = new Date();
  await query(
    client,
    'insert decision',
    `INSERT INTO decision (tenant_id, id, gate_id, user_id, action, comment, subject, decided_at)
      VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
    [tenant, id, gateId, user, body.action, body.comment ?? '', gate.subject, decidedAt],
  );
  await query(
    client,
    'take back',
    `UPDATE gate_delegation SET withdrawn_at = $4
      WHERE tenant_id = $1 AND gate_id = $2 AND from_user_id = $3 AND withdrawn_at IS NULL`,
    [tenant, gateId, user, decidedAt],
  );
  const output = await putArtifact(client, tenant, { action: body.action, comment: body.comment ?? '', by: user });
  await query(
    client,
    'decide',
    `UPDATE gate SET status = 'decided', verdict = $3, output_digest = $4, decided_at = $5
      WHERE tenant_id = $1 AND id = $2`,
    [tenant, gateId, body.action, output, decidedAt],
  );
  await leaveOutbox(client, tenant, gate.run_id, run?.workflow_id, 'ring', { gate: gateId });
  const requester: string = run?.requester_id;
  if (requester !== user) {
    const about = { gate: gateId, run: gate.run_id, action: body.action, by: user };
    await tell(client, tenant, requester, 'decided', `/gates/${gateId}`, about, `gate.decided:${gateId}`);
  }
  await appendEvent(client, gate.run_id, 'gate.decided', `gate.decided:${gateId}`, gate.node, {
    gate: gateId,
    decision: id,
    action: body.action,
    user,
    subject: gate.subject,
  });
  const decided = { id, gate: gateId, run: gate.run_id as string, action: body.action, missing: [], decidedAt };
  await keepAnswer(client, person, key, decided);
  return { decided, requester };
}

// biome-ignore lint/suspicious/noExplicitAny: rows by hand have no types
type Row = Record<string, any>;

async function query(client: PoolClient, name: string, text: string, values: unknown[]): Promise<Row[]> {
  return (await client.query<Row>({ name, text, values })).rows;
}

async function claimKey(client: PoolClient, { tenant, user }: Person, key: string, request: unknown): Promise<void> {
  const inserted = await query(
    client,
    'claim key',
    `INSERT INTO idempotent_request (tenant_id, user_id, key, fingerprint, status, body, created_at)
      VALUES ($1, $2, $3, $4, 0, '', now()) ON CONFLICT DO NOTHING RETURNING key`,
    [tenant, user, key, sha256(canonicalize(request) ?? '')],
  );
  if (inserted.length === 0) throw Object.assign(new Error('key used'), { statusCode: 422 });
}

async function keepAnswer(client: PoolClient, { tenant, user }: Person, key: string, answer: unknown): Promise<void> {
  await query(
    client,
    'keep answer',
    'UPDATE idempotent_request SET status = 201, body = $4 WHERE tenant_id = $1 AND user_id = $2 AND key = $3',
    [tenant, user, key, JSON.stringify(answer)],
  );
}

async function graphOf(client: PoolClient, tenant: string, hash: string): Promise<{ title: string; nodes: Node[] }> {
  const known = nodesOfGraph.get(hash);
  if (known !== undefined) return known;
  const [row] = await query(client, 'graph', 'SELECT graph FROM graph_version WHERE tenant_id = $1 AND hash = $2', [
    tenant,
    hash,
  ]);
  const graph = JSON.parse(row?.graph);
  nodesOfGraph.set(hash, graph);
  return graph;
}

async function putArtifact(client: PoolClient, tenant: string, value: unknown): Promise<string> {
  const [owner] = await query(client, 'key', 'SELECT artifact_key FROM tenant WHERE id = $1', [tenant]);
  const content = canonicalize(value) ?? '';
  const digest = createHmac('sha256', owner?.artifact_key).update(content).digest('base64url');
  await query(
    client,
    'insert artifact',
    `INSERT INTO artifact (tenant_id, digest, content, bytes, created_at) VALUES ($1, $2, $3, $4, now())
      ON CONFLICT DO NOTHING`,
    [tenant, digest, content, Buffer.byteLength(content)],
  );
  return digest;
}

async function contentOf(client: PoolClient, tenant: string, digest: string): Promise<unknown> {
  const [row] = await query(client, 'content', 'SELECT content FROM artifact WHERE tenant_id = $1 AND digest = $2', [
    tenant,
    digest,
  ]);
  return JSON.parse(row?.content);
}

async function leaveOutbox(
  client: PoolClient,
  tenant: string,
  run: string,
  workflowId: string,
  kind: string,
  payload: unknown,
): Promise<void> {
  await query(
    client,
    'outbox',
    `INSERT INTO outbox (tenant_id, id, run_id, workflow_id, kind, payload, next_at)
      VALUES ($1, $2, $3, $4, $5, $6, now())`,
    [tenant, randomUUID(), run, workflowId, kind, JSON.stringify(payload)],
  );
}

/** A person, if active. Webhooks get theirs by the trigger. */
async function tell(
  client: PoolClient,
  tenant: string,
  user: string,
  kind: string,
  address: string,
  about: unknown,
  sourceKey: string,
): Promise<void> {
  await query(
    client,
    'tell',
    `INSERT INTO notification (tenant_id, id, user_id, kind, address, body, source_key, created_at)
      SELECT tenant_id, $3, id, $4, $5, $6, $7, now() FROM user_account
        WHERE tenant_id = $1 AND id = $2 AND active AND kind = 'person' ON CONFLICT DO NOTHING`,
    [tenant, user, randomUUID(), kind, address, canonicalize(about), sourceKey],
  );
}

async function appendEvent(
  client: PoolClient,
  run: string,
  type: string,
  sourceKey: string,
  node: string | null,
  body: unknown,
): Promise<void> {
  await query(client, 'append', 'SELECT append_run_event($1, $2, $3, $4, $5)', [
    run,
    type,
    sourceKey,
    node,
    canonicalize(body),
  ]);
}

function summaryOf(run: Row) {
  return {
    id: run.id as string,
    document: run.document_id,
    graphHash: run.graph_hash,
    title: run.title,
    status: run.status,
    requester: run.requester_id,
    practice: run.practice !== null,
    ...(run.paused ? { paused: true } : {}),
    createdAt: run.created_at,
    ...(run.ended_at === null ? {} : { endedAt: run.ended_at }),
    ...(run.resumes_run_id === null ? {} : { resumes: run.resumes_run_id }),
    ...(run.resumed_by === null ? {} : { resumedBy: run.resumed_by }),
    ...(run.caller_run_id === null ? {} : { calledBy: run.caller_run_id }),
  };
}
