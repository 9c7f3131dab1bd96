/** kill -9 of the API after a decision was committed and answered, and before anything of it reached Temporal. */
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { findFreePorts } from '../../dev/ports.ts';
import { order } from '../system/documents.ts';
import type { System } from '../system/stack-fixture.ts';
import { startSystem } from '../system/stack-fixture.ts';

let system: System;
beforeAll(async () => {
  system = await startSystem();
});
afterAll(() => system?.close());

async function signalsTo(workflowId: string): Promise<number> {
  const { events } = await system.temporal.workflow.getHandle(workflowId).fetchHistory();
  return (events ?? []).filter((event) => event.workflowExecutionSignaledEventAttributes).length;
}

function relayFailures(run: string): number {
  const lines = system.logs().split('\n');
  return lines.filter((line) => line.includes('"outbox.failed"') && line.includes(run)).length;
}

async function waitingOrder(supplier: string) {
  const an = system.as('An Nguyen');
  const run = await an.start(await an.publish(order), { amount: 70, supplier });
  const { id: gate, subject } = await system.openGateOf(run);
  const { workflowId } = await an.run(run);
  const approve = () => system.as('Mai Tran').decide(gate, { action: 'approve', subject }, `approve ${gate}`);
  return { supplier, run, gate, subject, workflowId, approve };
}

test('decisions that were answered are carried out by the next API, and count once', async () => {
  const { api, tools } = system;
  const mai = system.as('Mai Tran');
  const [tried, untried] = [await waitingOrder('tried'), await waitingOrder('untried')];

  await api.stop();
  const [nowhere] = await findFreePorts(1);
  await api.start({ TEMPORAL_ADDRESS: `127.0.0.1:${nowhere}` });
  const decided = [await tried.approve()];
  // One that the relay has tried to carry and could not, and one that it has hardly seen.
  await vi.waitFor(() => expect(relayFailures(tried.run)).toBeGreaterThan(0), { timeout: 30_000 });
  decided.push(await untried.approve());
  await api.kill();
  expect(decided).toMatchObject([
    { status: 201, body: { run: tried.run, action: 'approve' } },
    { status: 201, body: { run: untried.run, action: 'approve' } },
  ]);
  for (const { workflowId, supplier } of [tried, untried]) {
    expect(await signalsTo(workflowId)).toBe(0);
    expect(tools.requestsFor(supplier)).toBe(0);
  }

  await api.start();
  for (const [index, { run, gate, subject, supplier, approve }] of [tried, untried].entries()) {
    await system.until(run, 'completed');
    expect(tools.paymentsTo(supplier)).toEqual([{ to: supplier, amount: 70 }]);
    expect(tools.requestsFor(supplier)).toBe(1);
    // Whoever repeats the request because the answer was lost hears the same; anything else is too late.
    expect(await approve()).toEqual(decided[index]);
    expect(await mai.decide(gate, { action: 'reject', subject })).toMatchObject({
      status: 409,
      body: { type: 'urn:waymark:problem:already-decided' },
    });
    const { rows } = await mai.journal(run);
    expect(rows.filter(({ event }) => event === 'gate.decided')).toHaveLength(1);
    expect(rows.filter(({ event }) => event === 'step.committed').map(({ step }) => step)).toEqual(['pay']);
  }
});

test('a run whose start was answered while Temporal was away is started by the next API, once', async () => {
  const { api, tools } = system;
  const an = system.as('An Nguyen');
  await api.stop();
  const [nowhere] = await findFreePorts(1);
  await api.start({ TEMPORAL_ADDRESS: `127.0.0.1:${nowhere}` });
  const started = await an.call(
    'POST',
    '/runs',
    { document: 'order', input: { amount: 5, supplier: 'late' } },
    'start',
  );
  expect(started.status).toBe(201);
  await api.kill();

  await api.start();
  const again = await an.call('POST', '/runs', { document: 'order', input: { amount: 5, supplier: 'late' } }, 'start');
  expect(again).toEqual(started);
  const { id: gate, subject } = await system.openGateOf(started.body.id);
  await system.as('Minh Pham').decide(gate, { action: 'approve', subject });
  await system.until(started.body.id, 'completed');
  expect(tools.requestsFor('late')).toBe(1);
});
