/** Decisions that must have no effect, and decisions at once: the row decides, whoever can reach Temporal. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Answer, GateView } from '../system/api-client.ts';
import { order } from '../system/documents.ts';
import type { PersonName, System } from '../system/stack-fixture.ts';
import { startSystem } from '../system/stack-fixture.ts';

let system: System;
beforeAll(async () => {
  system = await startSystem();
  await system.as('Mai Tran').publish(order);
});
afterAll(() => system?.close());

const startOrder = (supplier: string, by: PersonName = 'An Nguyen') =>
  system.as(by).start('order', { amount: 70, supplier });

async function refusedIn(run: string): Promise<number> {
  const { rows } = await system.as('Mai Tran').journal(run);
  return rows.filter(({ event }) => event === 'gate.refused-decision').length;
}

const reasonOf = ({ status, body }: Answer) => `${status} ${String(body.type).replace('urn:waymark:problem:', '')}`;

async function decideAs(person: PersonName, { id, subject }: Pick<GateView, 'id' | 'subject'>, action = 'approve') {
  return reasonOf(await system.as(person).decide(id, { action, subject }));
}

describe('a decision that may not be made', () => {
  test('is refused with its reason, has no effect, and is logged', async () => {
    const supplier = 'refused-decisions';
    const run = await startOrder(supplier, 'Mai Tran');
    const gate = await system.openGateOf(run);
    const unknown = { id: randomUUID(), subject: gate.subject };
    const stale = { id: gate.id, subject: `${gate.subject.slice(0, -4)}AAAA` };
    expect({
      early: await decideAs('Minh Pham', unknown),
      stale: await decideAs('Minh Pham', stale),
      withoutTheRole: await decideAs('An Nguyen', gate),
      withAnotherRole: await decideAs('Finn Olsen', gate),
      whoStartedIt: await decideAs('Mai Tran', gate),
      ofAnotherTenant: await decideAs('Gus Grant', gate),
      anActionNotOffered: await decideAs('Minh Pham', gate, 'pay anyway'),
    }).toEqual({
      early: '404 not-found',
      stale: '409 stale-subject',
      withoutTheRole: '403 not-an-approver',
      withAnotherRole: '403 not-an-approver',
      whoStartedIt: '403 separation-of-duties',
      ofAnotherTenant: '404 not-found',
      anActionNotOffered: '422 unknown-action',
    });
    expect(await system.as('Mai Tran').gate(gate.id)).toMatchObject({ status: 'open', subject: gate.subject });
    expect((await system.as('Mai Tran').run(run)).status).toBe('waiting');
    expect(system.tools.requestsFor(supplier)).toBe(0);
    // In the run's log where there is a run of this tenant; for the others a line of the API.
    expect(await refusedIn(run)).toBe(5);
    const lines = system
      .logs()
      .split('\n')
      .filter((line) => line.includes('"gate.refused-decision"'));
    const reasons = lines.map((line) => (JSON.parse(line) as { reason: string }).reason);
    expect(reasons.sort()).toEqual([
      'not-an-approver',
      'not-an-approver',
      'not-found',
      'not-found',
      'separation-of-duties',
      'stale-subject',
      'unknown-action',
    ]);

    expect(await decideAs('Minh Pham', gate)).toMatch(/^201 /);
    await system.until(run, 'completed');
    expect(await decideAs('Minh Pham', gate)).toBe('409 already-decided');
    expect(await decideAs('Minh Pham', gate, 'reject')).toBe('409 already-decided');
    expect(system.tools.paymentsTo(supplier)).toHaveLength(1);
    expect(system.tools.requestsFor(supplier)).toBe(1);
  });

  test('leaves no trace of another tenant: its manager sees neither the run nor the gate', async () => {
    const run = await startOrder('other-tenant');
    const gate = await system.openGateOf(run);
    const gus = system.as('Gus Grant');
    expect(await gus.inbox()).toEqual([]);
    expect(reasonOf(await gus.call('GET', `/gates/${gate.id}`))).toBe('404 not-found');
    expect(reasonOf(await gus.call('GET', `/runs/${run}`))).toBe('404 not-found');
    expect(reasonOf(await gus.call('POST', `/runs/${run}/cancel`, {}))).toBe('404 not-found');
    expect((await system.as('Mai Tran').run(run)).status).toBe('waiting');
  });
});

test('a claim the manager rejects is never paid', async () => {
  const run = await startOrder('rejected');
  const gate = await system.openGateOf(run);
  expect(await decideAs('Mai Tran', gate, 'reject')).toMatch(/^201 /);
  const { steps } = await system.until(run, 'rejected');
  expect(steps.map(({ id, state }) => `${id} ${state}`)).toEqual(['manager_approves committed', 'pay refused']);
  expect(await decideAs('Minh Pham', gate, 'approve')).toBe('409 already-decided');
  expect(system.tools.requestsFor('rejected')).toBe(0);
});

test('signals sent straight to Temporal change nothing: of an open gate, of forged ids, of garbage', async () => {
  const supplier = 'forged';
  const run = await startOrder(supplier);
  const other = await startOrder('forged-other');
  const [gate, otherGate] = [await system.openGateOf(run), await system.openGateOf(other)];
  const { workflowId } = await system.as('Mai Tran').run(run);
  const workflow = system.temporal.workflow.getHandle(workflowId);
  // Decided, but of another run.
  expect(await decideAs('Mai Tran', otherGate)).toMatch(/^201 /);
  await system.until(other, 'completed');

  const forged: unknown[] = [
    { gate: gate.id },
    { gate: gate.id, action: 'approve', verdict: { action: 'approve', output: gate.subject }, by: 'mai' },
    { gate: otherGate.id },
    { gate: randomUUID() },
    { command: randomUUID() },
    { command: gate.id },
    { gate: { toString: 'approve' } },
    { gate: 'x'.repeat(100_000) },
    { __proto__: null, constructor: 'approve' },
    [],
    null,
    'approve',
    7,
  ];
  for (const payload of forged) await workflow.signal('ring', payload);
  await workflow.signal('decide', { gate: gate.id, action: 'approve' });
  await workflow.signal('approve');

  await expectHeard(workflow, 5);
  expect((await system.as('Mai Tran').run(run)).status).toBe('waiting');
  expect((await workflow.describe()).status.name).toBe('RUNNING');
  expect(system.tools.requestsFor(supplier)).toBe(0);
  const { rows } = await system.as('Mai Tran').journal(run);
  expect(rows.filter(({ event }) => event === 'gate.decided')).toEqual([]);

  expect(await decideAs('Mai Tran', gate, 'reject')).toMatch(/^201 /);
  await system.until(run, 'rejected');
  expect(system.tools.requestsFor(supplier)).toBe(0);
});

/** Until the run has looked into that many rings, which names rows that could exist. */
async function expectHeard(workflow: { fetchHistory(): Promise<unknown> }, rings: number): Promise<void> {
  const heard = async () => JSON.stringify(await workflow.fetchHistory()).match(/"hear(#\d+)?"/g)?.length ?? 0;
  await expect.poll(heard, { timeout: 30_000 }).toBeGreaterThanOrEqual(rings);
}

test('two managers deciding at once with different words: one decision in each of 20 rounds, and the run follows it', async () => {
  const rounds = Array.from({ length: 20 }, (_, round) => `at-once-${round}`);
  const started = await Promise.all(rounds.map((supplier) => startOrder(supplier)));
  const outcomes = await Promise.all(
    started.map(async (run, round) => {
      const gate = await system.openGateOf(run);
      const approve = () => decideAs('Mai Tran', gate, 'approve');
      const reject = () => decideAs('Minh Pham', gate, 'reject');
      const [approved, rejected] =
        round % 2 === 0
          ? await Promise.all([approve(), reject()])
          : (await Promise.all([reject(), approve()])).toReversed();
      const answers = [approved, rejected].map((answer) => answer?.split(' ')[0]);
      expect(answers.toSorted(), `round ${round}`).toEqual(['201', '409']);
      const isApproved = answers[0] === '201';
      await system.until(run, isApproved ? 'completed' : 'rejected');
      const { rows } = await system.as('Mai Tran').journal(run);
      expect(rows.filter(({ event }) => event === 'gate.decided')).toHaveLength(1);
      expect(system.tools.requestsFor(rounds[round] ?? '')).toBe(isApproved ? 1 : 0);
      return isApproved;
    }),
  );
  expect(outcomes).toHaveLength(20);
});
