import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { compile } from '../../../compiler/compile.ts';
import { appendEvents } from '../../../prisma/run-log.ts';
import type { ApiFixture } from '../../testing/api-fixture.ts';
import {
  asWorker,
  claimInput,
  eventually,
  lendingDocument,
  openApiFixture,
  openClaimGate,
  publishClaim,
  startClaim,
} from '../../testing/api-fixture.ts';

let fixture: ApiFixture;
let hash: string;
beforeAll(async () => {
  fixture = await openApiFixture();
  hash = await publishClaim(fixture);
});
afterAll(() => fixture.close());

const post = async (url: string, payload: object, user = 'an', key: string | undefined = randomUUID()) =>
  fixture.app.inject({ method: 'POST', url, headers: await fixture.as(user, key), payload });
const get = async (url: string, user = 'an') => fixture.app.inject({ url, headers: await fixture.as(user) });

test('starting a run answers with where to watch it, and its workflow is started', async () => {
  const response = await post('/runs', { document: 'claim', input: claimInput });
  expect(response.statusCode).toBe(201);
  const run = response.json();
  expect(run).toEqual({
    id: run.id,
    document: 'claim',
    graphHash: hash,
    title: 'Claim',
    status: 'running',
    requester: 'an',
    practice: false,
    createdAt: run.createdAt,
    workflowId: `claim/${run.id}`,
    webUi: `http://127.0.0.1:8233/namespaces/default/workflows/claim%2F${run.id}`,
  });
  const started = await eventually(() => fixture.workflows.started.find((one) => one.run === run.id));
  expect(started).toEqual({ workflowId: `claim/${run.id}`, run: run.id, document: 'claim', title: 'Claim' });
});

test('a run can be pinned to a graph by hash', async () => {
  expect((await post('/runs', { graphHash: hash, input: claimInput })).statusCode).toBe(201);
});

test('input that does not meet Inputs is refused, naming each field, and starts nothing', async () => {
  const before = (await get('/runs')).body;
  const response = await post('/runs', { document: 'claim', input: { amount: -1, colour: 'red' } });
  expect(response.statusCode).toBe(400);
  expect(response.json().type).toBe('urn:waymark:problem:invalid-input');
  const errors: { at: string; in: string; message: string }[] = response.json().errors;
  expect(errors.map(({ at }) => at).sort()).toEqual(['amount', 'colour', 'purpose']);
  expect(errors.every((error) => error.in === 'input' && error.message.startsWith('Unexpected'))).toBe(true);
  expect((await get('/runs')).body).toBe(before);
});

test('a body of the wrong shape, and one that names two versions, are told by place', async () => {
  const none = await post('/runs', { input: claimInput });
  const both = await post('/runs', { document: 'claim', graphHash: hash, input: claimInput });
  const error = { at: '/document', in: 'body', message: 'Expected exactly one of document and graphHash' };
  expect([none.json().errors, both.json().errors]).toEqual([[error], [error]]);
  const unknown = await post('/runs', { document: 'claim', inputs: claimInput });
  expect([unknown.statusCode, unknown.json().type]).toEqual([400, 'urn:waymark:problem:invalid-request']);
});

test('a document or graph that is not there, or another tenant’s, is not found', async () => {
  expect((await post('/runs', { document: 'nothing' })).statusCode).toBe(404);
  expect((await post('/runs', { document: 'claim', input: claimInput }, 'gus')).statusCode).toBe(404);
  expect((await post('/runs', { graphHash: hash, input: claimInput }, 'gus')).statusCode).toBe(404);
});

test('a practice script is taken only by an API that was started for practice', async () => {
  const payload = { document: 'claim', input: claimInput, practice: { models: [] } };
  expect((await post('/runs', payload)).json()).toMatchObject({ practice: true });
  const strict = await fixture.secondApp({ practice: false });
  const headers = await fixture.as('an', randomUUID());
  const refused = await strict.inject({ method: 'POST', url: '/runs', headers, payload });
  expect([refused.statusCode, refused.json().type]).toEqual([403, 'urn:waymark:problem:practice-not-allowed']);
});

test('ten requests with one key start one run, and all are answered with its bytes', async () => {
  const key = randomUUID();
  const answers = await Promise.all(
    Array.from({ length: 10 }, () => post('/runs', { document: 'claim', input: claimInput }, 'bo', key)),
  );
  expect(new Set(answers.map((one) => one.statusCode))).toEqual(new Set([201]));
  expect(new Set(answers.map((one) => one.body)).size).toBe(1);
  expect(answers.filter((one) => one.headers['idempotency-replayed'] === 'true').length).toBe(9);
});

test('a key that comes with another request is refused; another person’s same key is another key', async () => {
  const key = randomUUID();
  const first = await post('/runs', { document: 'claim', input: claimInput }, 'an', key);
  const changed = await post('/runs', { document: 'claim', input: { ...claimInput, amount: 1 } }, 'an', key);
  expect([changed.statusCode, changed.json().type]).toEqual([422, 'urn:waymark:problem:idempotency-key-reused']);
  const other = await post('/runs', { document: 'claim', input: claimInput }, 'bo', key);
  expect(other.json().id).not.toBe(first.json().id);
});

test('a refused request keeps no key: put right, it may use the same one', async () => {
  const key = randomUUID();
  expect((await post('/runs', { document: 'claim', input: {} }, 'an', key)).statusCode).toBe(400);
  expect((await post('/runs', { document: 'claim', input: claimInput }, 'an', key)).statusCode).toBe(201);
});

test('a run shows its steps, who it waits for, and nothing to another tenant', async () => {
  const id = await startClaim(fixture);
  const gate = await openClaimGate(fixture, id);
  const view = (await get(`/runs/${id}`, 'bo')).json();
  expect(view.lineage).toEqual({ rootRun: id, runs: [id] });
  expect(
    view.steps.map((step: { id: string; state: string; kind: string }) => [step.id, step.kind, step.state]),
  ).toEqual([
    ['note_the_claim', 'set', 'pending'],
    ['manager_approves', 'approve', 'waiting'],
  ]);
  expect(view.waiting).toEqual([
    {
      gate: gate.id,
      step: 'manager_approves',
      title: 'Manager approves',
      approvers: ['manager'],
      people: [],
      since: expect.any(String),
    },
  ]);
  for (const url of [`/runs/${id}`, `/runs/${id}/journal`, `/runs/${id}/events`]) {
    expect((await get(url, 'gus')).statusCode).toBe(404);
  }
});

test('a step shows its attempt, and a parked one why it parked', async () => {
  const id = await startClaim(fixture);
  const where = { tenantId_id: { tenantId: 'acme', id: `step-of-${id}` } };
  const stepOf = async () => (await get(`/runs/${id}`)).json().steps[0];
  await fixture.worker.actAs({ tenant: 'acme', user: 'an' }, async (tx) => {
    await tx.stepExecution.create({
      data: {
        tenantId: 'acme',
        id: where.tenantId_id.id,
        rootRunId: id,
        runId: id,
        node: 'note_the_claim',
        status: 'pending',
        memoKey: id,
        actorId: 'an',
      },
    });
    await tx.stepExecution.update({ where, data: { status: 'running', attempt: 2, startedAt: new Date() } });
  });
  expect(await stepOf()).toMatchObject({ state: 'running', attempt: 2 });
  const failure = { failureClass: 'invalid-output', failureDetail: 'Unexpected text, expected number' };
  await fixture.worker.actAs({ tenant: 'acme', user: 'an' }, (tx) =>
    tx.stepExecution.update({ where, data: { status: 'failed', endedAt: new Date(), ...failure } }),
  );
  expect(await stepOf()).toMatchObject({
    state: 'failed',
    failure: { class: 'invalid-output', detail: 'Unexpected text, expected number' },
    startedAt: expect.any(String),
    endedAt: expect.any(String),
  });
});

test('a gate that could not be made shows why, until it was made', async () => {
  const id = await startClaim(fixture);
  const stepOf = async () => (await get(`/runs/${id}`)).json().steps[1];
  const where = { tenantId_id: { tenantId: 'acme', id: `gate-of-${id}` } };
  const why = {
    failureClass: 'not-allowed',
    failureDetail: 'Unexpected value of input.boss, expected the id of a person',
  };
  await fixture.worker.actAs({ tenant: 'acme', user: 'an' }, async (tx) => {
    await tx.stepExecution.create({
      data: {
        ...{ ...where.tenantId_id, rootRunId: id, runId: id, node: 'manager_approves', generation: -1 },
        ...{ status: 'running', memoKey: `not made ${id}`, actorId: 'an' },
      },
    });
    await tx.stepExecution.update({ where, data: { status: 'failed', ...why } });
  });
  expect(await stepOf()).toMatchObject({
    state: 'failed',
    attempt: 0,
    failure: { class: why.failureClass, detail: why.failureDetail },
  });
  // What another run of the lineage could not make says nothing of this one.
  const other = await startClaim(fixture);
  const becomesOf = (runId: string) =>
    fixture.worker.actAs({ tenant: 'acme', user: 'an' }, (tx) => tx.stepExecution.update({ where, data: { runId } }));
  await becomesOf(other);
  expect(await stepOf()).toMatchObject({ state: 'pending' });
  await becomesOf(id);
  expect(await stepOf()).toMatchObject({ state: 'failed' });
  await fixture.worker.actAs({ tenant: 'acme', user: 'an' }, (tx) =>
    tx.stepExecution.update({ where, data: { failureClass: null, failureDetail: null } }),
  );
  expect(await stepOf()).toMatchObject({ state: 'pending' });
  await openClaimGate(fixture, id);
  expect(await stepOf()).toMatchObject({ state: 'waiting' });
  expect(await stepOf()).not.toHaveProperty('failure');
});

test('a gate that was decided is a committed step with its verdict', async () => {
  const id = await startClaim(fixture);
  const gate = await openClaimGate(fixture, id);
  await post(`/gates/${gate.id}/decisions`, { action: 'reject', subject: gate.subject }, 'mai');
  expect((await get(`/runs/${id}`)).json().steps[1]).toMatchObject({ state: 'committed', verdict: 'reject' });
});

test('a run that ended shows its result and waits for nobody', async () => {
  const id = await startClaim(fixture);
  await openClaimGate(fixture, id);
  await asWorker(fixture, { ended: id, status: 'completed', result: { amount: 740 } });
  expect((await get(`/runs/${id}`)).json()).toMatchObject({
    status: 'completed',
    result: { amount: 740 },
    waiting: [],
  });
});

test('runs are listed newest first, in pages, by status and document', async () => {
  const [a, b] = [await startClaim(fixture, 'bo'), await startClaim(fixture, 'bo')];
  const first = (await get('/runs?limit=1')).json();
  expect(first.items.map((one: { id: string }) => one.id)).toEqual([b]);
  const second = (await get(`/runs?limit=1&cursor=${first.next}`)).json();
  expect(second.items.map((one: { id: string }) => one.id)).toEqual([a]);
  const completed = (await get('/runs?status=completed&document=claim')).json().items;
  expect(completed.map((one: { status: string }) => one.status)).toEqual(['completed']);
  expect((await get('/runs?document=nothing')).json()).toEqual({ items: [] });
  expect((await get('/runs?status=sleeping')).statusCode).toBe(400);
});

test('the journal has a row for each event, with what the attempt took and the agent’s tool or model', async () => {
  const id = await startClaim(fixture);
  await fixture.worker.actAs({ tenant: 'acme', user: 'an' }, (tx) =>
    appendEvents(tx, [
      { run: id, type: 'step.started', sourceKey: 's', node: 'note_the_claim', body: { attempt: 1, execution: 'x' } },
      {
        run: id,
        type: 'step.turn',
        sourceKey: 't',
        node: 'note_the_claim',
        body: { attempt: 1, turn: 0, source: 'small-1', tokensIn: 120, tokensOut: 30, costUsd: 0.002, latencyMs: 812 },
      },
      {
        run: id,
        type: 'step.retrying',
        sourceKey: 'r',
        node: 'note_the_claim',
        body: { attempt: 1, class: 'invalid-output', charged: 1 },
      },
      {
        run: id,
        type: 'step.committed',
        sourceKey: 'c',
        node: 'note_the_claim',
        body: { attempt: 2, qualityScore: 0.75, tokensIn: 120 },
      },
    ]),
  );
  const journal = (await get(`/runs/${id}/journal`)).json();
  expect(journal).toMatchObject({
    run: id,
    qualityScore: 0.75,
    totals: { tokensIn: 120, tokensOut: 30, costUsd: 0.002 },
  });
  const traceId = journal.traceId;
  const step = { step: 'note_the_claim', at: expect.any(String), traceId };
  expect(journal.rows).toEqual([
    { seq: 1, at: expect.any(String), event: 'run.started', status: 'running', traceId },
    { seq: 2, event: 'step.started', attempt: 1, status: 'running', ...step },
    {
      seq: 3,
      event: 'step.turn',
      attempt: 1,
      source: 'small-1',
      tokensIn: 120,
      tokensOut: 30,
      costUsd: 0.002,
      latencyMs: 812,
      ...step,
    },
    { seq: 4, event: 'step.retrying', attempt: 1, status: 'retrying', class: 'invalid-output', ...step },
    { seq: 5, event: 'step.committed', attempt: 2, status: 'committed', qualityScore: 0.75, tokensIn: 120, ...step },
  ]);
});

test('who started a run, or an operator, cancels it once: a command, an event and a ring', async () => {
  const id = await startClaim(fixture, 'bo');
  expect((await post(`/runs/${id}/cancel`, {}, 'mai')).json().type).toBe('urn:waymark:problem:not-permitted');
  expect((await post(`/runs/${id}/cancel`, {}, 'gus')).statusCode).toBe(404);
  const first = await post(`/runs/${id}/cancel`, { comment: 'a mistake' }, 'bo');
  const second = await post(`/runs/${id}/cancel`, {}, 'olga');
  expect([first.statusCode, second.statusCode]).toEqual([202, 202]);
  expect(second.json()).toEqual(first.json());
  const ring = await eventually(() => fixture.workflows.rings.find((one) => one.workflowId === `claim/${id}`));
  expect(ring.ring).toEqual({ command: first.json().command });
  const events = (await get(`/runs/${id}/journal`)).json().rows.map((row: { event: string }) => row.event);
  expect(events).toEqual(['run.started', 'run.cancel-requested']);
  await asWorker(fixture, { ended: id, status: 'cancelled' });
  expect((await post(`/runs/${id}/cancel`, {}, 'bo')).json().type).toBe('urn:waymark:problem:run-ended');
});

test('cancelling needs no body at all', async () => {
  const id = await startClaim(fixture, 'bo');
  const headers = await fixture.as('bo');
  expect((await fixture.app.inject({ method: 'POST', url: `/runs/${id}/cancel`, headers })).statusCode).toBe(202);
});

test('executions are runs under other addresses', async () => {
  const started = await post('/workflows/execute', { document: 'claim', input: claimInput });
  expect(started.statusCode).toBe(202);
  const { executionId } = started.json();
  expect((await get(`/executions/${executionId}`)).json()).toEqual({
    executionId,
    ...(await get(`/runs/${executionId}`)).json(),
  });
  expect((await get(`/executions/${executionId}/journal`)).body).toBe((await get(`/runs/${executionId}/journal`)).body);
  expect((await post(`/executions/${executionId}/cancel`, {})).statusCode).toBe(202);
});

test('a graph as JSON is stored under its hash and run; the document keeps its newest version', async () => {
  const { graph } = (await get(`/graphs/${hash}`)).json();
  const changed = { ...graph, title: 'Claim by machine' };
  const started = await post('/workflows/execute', { graph: changed, input: claimInput }, 'an', undefined);
  expect(started.statusCode).toBe(202);
  const run = (await get(`/runs/${started.json().executionId}`)).json();
  expect(run).toMatchObject({ title: 'Claim by machine', document: 'claim' });
  const { markdown, ...stored } = (await get(`/graphs/${run.graphHash}`)).json();
  expect(stored).toMatchObject({ graph: changed, receipt: { graph: run.graphHash } });
  expect(markdown.split('\n').slice(0, 3)).toEqual(['# Claim by machine', '', '- id: claim']);
  expect((await get('/documents/claim')).json().graphHash).toBe(hash);
});

test('a graph as JSON with mistakes is refused with all their places', async () => {
  const { graph } = (await get(`/graphs/${hash}`)).json();
  const shape = await post('/workflows/execute', { graph: { ...graph, schemaVersion: 2, nodes: 'none' }, input: {} });
  expect([shape.statusCode, shape.json().errors.map((one: { at: string }) => one.at)]).toEqual([
    422,
    ['/schemaVersion', '/nodes'],
  ]);
  const names = await post('/workflows/execute', { graph: { ...graph, edges: [{ from: 'x', to: 'note_the_claim' }] } });
  expect([names.statusCode, names.json().errors[0].at]).toEqual([422, '/edges/0/from']);
});

test('a graph without steps is stored, and its start is refused', async () => {
  const { graph } = compile(lendingDocument);
  const refused = await post('/workflows/execute', { graph, input: {} });
  expect([refused.statusCode, refused.json().type, refused.json().errors]).toEqual([
    422,
    'urn:waymark:problem:not-runnable',
    [{ at: '', in: 'graph', message: 'Unexpected document without steps, expected a document that can be run' }],
  ]);
});

test('what was given as input is in no log line', () => {
  expect(fixture.lines.length).toBeGreaterThan(20);
  expect(fixture.lines.join('')).not.toContain('laptop');
});
