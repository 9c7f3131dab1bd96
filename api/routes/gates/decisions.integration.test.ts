import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { ApiFixture } from '../../testing/api-fixture.ts';
import {
  asWorker,
  eventually,
  openApiFixture,
  openClaimGate,
  publishClaim,
  startClaim,
} from '../../testing/api-fixture.ts';

let fixture: ApiFixture;
let run: string;
let gate: { id: string; subject: string };

beforeAll(async () => {
  fixture = await openApiFixture();
  await publishClaim(fixture);
});
afterAll(() => fixture.close());
beforeEach(async () => {
  run = await startClaim(fixture);
  gate = await openClaimGate(fixture, run);
});

async function decide(user: string, said: Record<string, unknown> = {}, options: { gate?: string; key?: string } = {}) {
  return fixture.app.inject({
    method: 'POST',
    url: `/gates/${options.gate ?? gate.id}/decisions`,
    headers: await fixture.as(user, options.key ?? randomUUID()),
    payload: { action: 'approve', subject: gate.subject, ...said },
  });
}

/** All that a decision may leave behind, as the database has it. */
async function traces() {
  return fixture.store.actAs({ tenant: 'acme', user: 'an' }, async (tx) => {
    const row = await tx.gate.findUniqueOrThrow({ where: { tenantId_id: { tenantId: 'acme', id: gate.id } } });
    const events = await tx.runEvent.findMany({ where: { runId: run }, orderBy: { seq: 'asc' } });
    return {
      status: row.status,
      verdict: row.verdict,
      view: row.view,
      output:
        row.outputDigest &&
        JSON.parse(
          (
            await tx.artifact.findUniqueOrThrow({
              where: { tenantId_digest: { tenantId: 'acme', digest: row.outputDigest } },
            })
          ).content,
        ),
      decisions: await tx.decision.count({ where: { gateId: gate.id } }),
      rings: await tx.outbox.count({ where: { runId: run, kind: 'ring' } }),
      events: events.map(({ type, body }) => ({ type, body: JSON.parse(body) })).slice(1),
    };
  });
}

const untouched = { status: 'open', verdict: null, view: null, output: null, decisions: 0, rings: 0 };

/** The decision is answered by this problem, and leaves nothing but a note in the run's log and a line in ours. */
async function expectRefusal(
  response: Awaited<ReturnType<typeof decide>>,
  status: number,
  reason: string,
  user: string,
) {
  expect(response.statusCode).toBe(status);
  expect(response.json().type).toBe(`urn:waymark:problem:${reason}`);
  expect(await traces()).toEqual({
    ...untouched,
    events: [{ type: 'gate.refused-decision', body: { gate: gate.id, user, reason } }],
  });
  const logged = fixture.lines.map((line) => JSON.parse(line)).filter((line) => line.gate === gate.id);
  expect(logged).toMatchObject([{ event: 'gate.refused-decision', run, tenant: 'acme', user, reason }]);
}

test('a manager’s decision is kept with its verdict, output, view, event and a ring that repeats until it is heard', async () => {
  const response = await decide('mai', { comment: 'within the limit', form: { cost_centre: 12 } });
  expect(response.statusCode).toBe(201);
  expect(response.json()).toMatchObject({ gate: gate.id, run, action: 'approve' });
  expect(await traces()).toEqual({
    status: 'decided',
    verdict: 'approve',
    view: null,
    output: { action: 'approve', comment: 'within the limit', by: 'mai', form: { cost_centre: 12 } },
    decisions: 1,
    rings: 1,
    events: [
      {
        type: 'gate.decided',
        body: { gate: gate.id, decision: response.json().id, action: 'approve', user: 'mai', subject: gate.subject },
      },
    ],
  });
  const ring = { workflowId: `claim/${run}`, ring: { gate: gate.id } };
  const rings = () => fixture.workflows.rings.filter((one) => one.workflowId === ring.workflowId);
  await eventually(() => (rings().length >= 2 ? true : undefined));
  expect(rings()[0]).toEqual(ring);
  await asWorker(fixture, { heard: gate.id });
  await eventually(() =>
    fixture.store.actAs({ tenant: 'acme', user: 'an' }, async (tx) =>
      (await tx.outbox.count({ where: { runId: run, doneAt: null } })) === 0 ? true : undefined,
    ),
  );
});

test('a rejection keeps no form: only an action that continues has one', async () => {
  expect((await decide('mai', { action: 'reject', form: { x: 1 } })).statusCode).toBe(201);
  expect((await traces()).output).toEqual({ action: 'reject', comment: '', by: 'mai' });
});

test('a person without the role is refused', async () => {
  await expectRefusal(await decide('bo'), 403, 'not-an-approver', 'bo');
});

test('who started the run is refused, though a manager', async () => {
  await expectRefusal(await decide('an'), 403, 'separation-of-duties', 'an');
});

test('a decision about another subject than the gate’s is stale', async () => {
  await expectRefusal(await decide('mai', { subject: 'what was shown yesterday' }), 409, 'stale-subject', 'mai');
});

test('an action the gate does not offer is refused', async () => {
  await expectRefusal(await decide('mai', { action: 'pay anyway' }), 422, 'unknown-action', 'mai');
});

test('a decision on a gate that is not open yet finds no gate and leaves no trace but a log line', async () => {
  const response = await decide('mai', {}, { gate: 'not-open-yet' });
  expect(response.statusCode).toBe(404);
  expect(await traces()).toEqual({ ...untouched, events: [] });
  const logged = fixture.lines.map((line) => JSON.parse(line)).filter((line) => line.event === 'gate.refused-decision');
  expect(logged.at(-1)).toMatchObject({ gate: null, tenant: 'acme', user: 'mai', reason: 'not-found' });
});

test('a manager of another tenant finds no gate', async () => {
  const response = await decide('gus');
  expect(response.statusCode).toBe(404);
  expect(await traces()).toEqual({ ...untouched, events: [] });
  const logged = fixture.lines.map((line) => JSON.parse(line)).filter((line) => line.event === 'gate.refused-decision');
  expect(logged.at(-1)).toMatchObject({ tenant: 'globex', user: 'gus', reason: 'not-found' });
});

test('a lapsed gate is not open', async () => {
  await asWorker(fixture, { lapsed: gate.id });
  const response = await decide('mai');
  expect([response.statusCode, response.json().type]).toEqual([409, 'urn:waymark:problem:not-open']);
  expect((await traces()).decisions).toBe(0);
});

test('a gate of a run that has ended is not open', async () => {
  await asWorker(fixture, { ended: run, status: 'cancelled' });
  await expectRefusal(await decide('mai'), 409, 'not-open', 'mai');
});

test('a second decision is told that one was made, and the first stands', async () => {
  expect((await decide('mai')).statusCode).toBe(201);
  const second = await decide('minh', { action: 'reject' });
  expect([second.statusCode, second.json().type]).toEqual([409, 'urn:waymark:problem:already-decided']);
  expect(await traces()).toMatchObject({ verdict: 'approve', decisions: 1, rings: 1 });
});

test('a repeated request with the same key gets the first answer again and decides nothing anew', async () => {
  const first = await decide('mai', {}, { key: 'once' });
  const again = await decide('mai', {}, { key: 'once' });
  expect(again.statusCode).toBe(201);
  expect(again.body).toBe(first.body);
  expect(again.headers['idempotency-replayed']).toBe('true');
  expect((await traces()).decisions).toBe(1);
});

test('of two managers deciding at once exactly one decides', async () => {
  const both = await Promise.all([decide('mai'), decide('minh', { action: 'reject' })]);
  const statuses = both.map((one) => one.statusCode).sort();
  expect(statuses).toEqual([201, 409]);
  const winner = both.find((one) => one.statusCode === 201)?.json().action;
  expect(await traces()).toMatchObject({ verdict: winner, decisions: 1, rings: 1 });
});

test('rights taken away after the request was identified still refuse the decision', async () => {
  const { Client } = await import('pg');
  const owner = new Client({ connectionString: fixture.database.ownerUrl });
  await owner.connect();
  try {
    await owner.query('BEGIN');
    // Holds the gate, so that the decision waits between being identified and looking at rights.
    await owner.query('SELECT 1 FROM gate WHERE id = $1 FOR UPDATE', [gate.id]);
    const waiting = decide('minh');
    await eventually(async () => {
      const { rows } = await owner.query("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'");
      return rows.length > 0 ? true : undefined;
    });
    await owner.query("DELETE FROM membership WHERE user_id = 'minh'");
    await owner.query('COMMIT');
    await expectRefusal(await waiting, 403, 'not-an-approver', 'minh');
  } finally {
    await owner.query("INSERT INTO membership VALUES ('acme', 'minh', 'manager') ON CONFLICT DO NOTHING");
    await owner.end();
  }
});

test('the comment of a decision is in no log line', async () => {
  await decide('mai', { comment: 'the canary sings' });
  expect(fixture.lines.join('')).not.toContain('canary');
});
