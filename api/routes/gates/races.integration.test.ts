/**
 * Many at once, on a real database with two APIs. `WAYMARK_ALL_ROUNDS` in the environment makes it 200 gates with 50
 * decisions each.
 */
import { randomUUID } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { putArtifact } from '../../../prisma/artifacts.ts';
import { provision } from '../../../prisma/provision.ts';
import type { ApiFixture } from '../../testing/api-fixture.ts';
import { openApiFixture, openClaimGate, publishClaim, startClaim } from '../../testing/api-fixture.ts';

const gates = process.env.WAYMARK_ALL_ROUNDS === undefined ? 6 : 200;
const deciders = 50;

let fixture: ApiFixture;
let apps: FastifyInstance[];
let run: string;
const people = Array.from({ length: deciders }, (_, index) => `judge${index}`);

beforeAll(async () => {
  fixture = await openApiFixture();
  apps = [fixture.app, await fixture.secondApp()];
  await apps[1]?.ready();
  await provision(fixture.database.ownerUrl, {
    tenants: [],
    users: people.map((id) => ({
      tenant: 'acme',
      id,
      name: id,
      email: `${id}@acme.test`,
      issuer: fixture.issuer.issuer,
      subject: id,
      roles: ['manager'],
    })),
  });
  await publishClaim(fixture);
  run = await startClaim(fixture);
});
afterAll(() => fixture.close());

type Gate = { id: string; subject: string };

async function decide(gate: Gate, user: string, action: string, app = 0) {
  return (apps[app % apps.length] ?? fixture.app).inject({
    method: 'POST',
    url: `/gates/${gate.id}/decisions`,
    headers: await fixture.as(user, randomUUID()),
    payload: { action, subject: gate.subject },
  });
}

async function stateOf(gate: Gate) {
  return fixture.store.actAs({ tenant: 'acme', user: 'an' }, async (tx) => ({
    row: await tx.gate.findUniqueOrThrow({ where: { tenantId_id: { tenantId: 'acme', id: gate.id } } }),
    decisions: await tx.decision.findMany({ where: { gateId: gate.id }, orderBy: { decidedAt: 'asc' } }),
    rings: (await tx.outbox.findMany({ where: { runId: run, kind: 'ring' } })).filter(
      ({ payload }) => JSON.parse(payload).gate === gate.id,
    ).length,
    decided: await tx.runEvent.count({ where: { runId: run, sourceKey: `gate.decided:${gate.id}` } }),
  }));
}

test(`${deciders} people decide at once at each of ${gates} gates: one verdict each, and everybody is told`, async () => {
  for (let round = 0; round < gates; round += 1) {
    const gate = await openClaimGate(fixture, run, { row: { path: `round ${round}` } });
    const answers = await Promise.all(
      people.map((user, index) => decide(gate, user, index % 3 === 0 ? 'reject' : 'approve', index)),
    );
    const won = answers.filter(({ statusCode }) => statusCode === 201);
    expect(won).toHaveLength(1);
    expect(answers.filter(({ statusCode }) => statusCode === 409)).toHaveLength(deciders - 1);
    const { row, decisions, rings, decided } = await stateOf(gate);
    expect([row.status, row.verdict]).toEqual(['decided', won[0]?.json().action]);
    expect([decisions.length, rings, decided]).toEqual([1, 1, 1]);
  }
}, 600_000);

test('a quorum of 5 out of 50 who vote at once is closed by the fifth, and counts nobody twice', async () => {
  const gate = await openClaimGate(fixture, run, { row: { path: 'quorum', quorum: 5 } });
  const twice = [...people, ...people];
  const answers = await Promise.all(twice.map((user, index) => decide(gate, user, 'approve', index)));
  expect(answers.filter(({ statusCode }) => statusCode === 201)).toHaveLength(5);
  const { row, decisions, rings } = await stateOf(gate);
  expect([row.status, row.verdict, rings]).toEqual(['decided', 'approve', 1]);
  expect(new Set(decisions.map(({ userId }) => userId)).size).toBe(5);
});

/** As the worker does when the gate is due; gives what was done. */
async function closeOverdue(gate: Gate): Promise<string> {
  return fixture.worker.actAs({ tenant: 'acme', user: 'an' }, async (tx) => {
    const output = await putArtifact(tx, 'acme', { action: 'overdue', by: '', comment: '' });
    const [answer] = await tx.$queryRaw<{ did: string }[]>`SELECT close_overdue(${gate.id}, ${output}, null) AS did`;
    return answer?.did ?? '';
  });
}

test('of a decision and the due date the first to commit counts, and the other is told', async () => {
  const seen = new Set<string>();
  for (let round = 0; round < (gates > 6 ? 100 : 12); round += 1) {
    const gate = await openClaimGate(fixture, run, {
      row: { path: `due ${round}`, dueAt: new Date(Date.now() - 1000), ifOverdue: '{"do":"reject"}' },
    });
    const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
    // Each in turn gets a head start.
    const [answer, did] = await Promise.all([
      wait((round % 4) * 4).then(() => decide(gate, 'mai', 'approve', round)),
      wait((3 - (round % 4)) * 4).then(() => closeOverdue(gate)),
    ]);
    const { row, decisions, rings } = await stateOf(gate);
    seen.add(row.verdict ?? '');
    if (row.verdict === 'approve') {
      expect([answer.statusCode, did, decisions.length, rings]).toEqual([201, 'not-open', 1, 1]);
    } else {
      expect(row.verdict).toBe('overdue');
      expect([answer.statusCode, answer.json().type, did]).toEqual([
        409,
        'urn:waymark:problem:already-decided',
        'decided',
      ]);
      expect([decisions.length, rings]).toEqual([0, 0]);
    }
  }
  expect([...seen].sort()).toEqual(['approve', 'overdue']);
});

test('a role that is taken away while votes come in counts only as far as it was held at the closing', async () => {
  const { Client } = await import('pg');
  const owner = new Client({ connectionString: fixture.database.ownerUrl });
  await owner.connect();
  try {
    for (let round = 0; round < 5; round += 1) {
      const gate = await openClaimGate(fixture, run, { row: { path: `revoked ${round}`, quorum: 3 } });
      await decide(gate, 'judge1', 'approve');
      await decide(gate, 'judge2', 'approve');
      await owner.query("DELETE FROM membership WHERE user_id = 'judge1'");
      const third = await decide(gate, 'judge3', 'approve');
      expect(third.json().missing).toEqual([{ roles: ['manager'], people: [], more: 1 }]);
      expect((await stateOf(gate)).row.status).toBe('open');
      await owner.query("INSERT INTO membership VALUES ('acme', 'judge1', 'manager')");
      expect((await decide(gate, 'judge4', 'approve')).json().missing).toEqual([]);
      expect((await stateOf(gate)).row.verdict).toBe('approve');
    }
  } finally {
    await owner.query("INSERT INTO membership VALUES ('acme', 'judge1', 'manager') ON CONFLICT DO NOTHING");
    await owner.end();
  }
});
