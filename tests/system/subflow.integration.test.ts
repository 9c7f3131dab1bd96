/** Documents that run other documents, on the whole system: each run its own, the caller rung when it has ended. */
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { RunView } from './api-client.ts';
import { order } from './documents.ts';
import type { System } from './stack-fixture.ts';
import { startSystem } from './stack-fixture.ts';

const season = `# Season

## Inputs
| Name     | Type   |
|----------|--------|
| amount   | number |
| supplier | text   |

## Steps
### Order
- run: [Order](order.md)
- after: start
- with:
  - supplier: \`input.supplier\`
  - amount: \`input.amount * 2\`

### Meanwhile
- set:
  - note: \`input.supplier\`
- after: start
- then: end

### Say so
- set:
  - text: \`order.paid.reference\`
- after: [Order](#order)

## Result
| Name | Type | Value |
|------|------|-------|
| said | text | \`say_so.text\` |
`;

/** What was ordered stands in its proposal, if its state allows as much. */
const booked = `# Booked season

## Inputs
| Name     | Type   |
|----------|--------|
| amount   | number |
| supplier | text   |

## Types
### Limits
| Field | Type   | Rule       |
|-------|--------|------------|
| most  | number | default 10 |

## Proposal
- state: Limits

| Section | Type            |
|---------|-----------------|
| Order   | map of anything |

## Steps
### Order
- run: [Order](order.md)
- with:
  - supplier: \`input.supplier\`
  - amount: \`input.amount\`
- check: \`size(output.paid.reference) > 0 && input.amount <= proposal.state.most\`
- section: Order

## Result
| Name | Type     | Value                       |
|------|----------|-----------------------------|
| paid | anything | \`proposal.sections.Order\` |
`;

let system: System;
beforeAll(async () => {
  system = await startSystem();
  await system.as('Mai Tran').publish(order);
  await system.as('Mai Tran').publish(season);
  await system.as('Mai Tran').publish(booked);
});
afterAll(() => system?.close());

/** The run that the caller called, once it waits for a manager. */
async function calledBy(caller: string): Promise<{ run: string; gate: string; subject: string }> {
  const run = await vi.waitFor(
    async () => {
      const { calls } = await system.as('An Nguyen').run(caller);
      expect(calls).toHaveLength(1);
      return calls[0]?.run ?? '';
    },
    { timeout: 60_000, interval: 100 },
  );
  const { id, subject } = await system.openGateOf(run);
  return { run, gate: id, subject };
}

async function cancel(run: string): Promise<void> {
  const { status } = await system.as('An Nguyen').call('POST', `/runs/${run}/cancel`, {});
  expect(status).toBe(202);
}

const stateOf = ({ steps }: RunView, step: string) => steps.find(({ id }) => id === step)?.state;

test('the Result of the document that was run is the output of the step, and what stands beside it does not wait', async () => {
  const caller = await system.as('An Nguyen').start('season', { amount: 35, supplier: 'subflow-approved' });
  const { run, gate, subject } = await calledBy(caller);
  const view = await system.as('An Nguyen').run(run);
  expect(view).toMatchObject({
    document: 'order',
    calledBy: caller,
    requester: (await system.as('An Nguyen').run(caller)).requester,
  });
  const waiting = await system.as('An Nguyen').run(caller);
  expect([waiting.status, stateOf(waiting, 'meanwhile'), stateOf(waiting, 'order')]).toEqual([
    'running',
    'committed',
    'running',
  ]);
  await system.as('Mai Tran').decide(gate, { action: 'approve', subject });
  expect((await system.until(caller, 'completed')).result).toEqual({ said: expect.any(String) });
  expect((await system.until(run, 'completed')).result).toMatchObject({ paid: expect.anything() });
  expect(system.tools.requestsFor('subflow-approved')).toBe(1);
  expect((await system.as('An Nguyen').run(caller)).calls).toEqual([{ run, step: 'order', status: 'completed' }]);
});

test('a document that is rejected refuses the step that runs it', async () => {
  const caller = await system.as('An Nguyen').start('season', { amount: 35, supplier: 'subflow-rejected' });
  const { gate, subject } = await calledBy(caller);
  await system.as('Mai Tran').decide(gate, { action: 'reject', subject, comment: 'Not this year' });
  const ended = await system.until(caller, 'rejected');
  expect([stateOf(ended, 'order'), stateOf(ended, 'say_so'), stateOf(ended, 'meanwhile')]).toEqual([
    'refused',
    'refused',
    'committed',
  ]);
});

test('cancelling the caller cancels what it called', async () => {
  const caller = await system.as('An Nguyen').start('season', { amount: 35, supplier: 'subflow-cancelled' });
  const { run } = await calledBy(caller);
  await cancel(caller);
  await system.until(caller, 'cancelled');
  await system.until(run, 'cancelled');
  expect(system.tools.requestsFor('subflow-cancelled')).toBe(0);
});

test('a run that was cancelled by itself parks the step that called it', async () => {
  const caller = await system.as('An Nguyen').start('season', { amount: 35, supplier: 'subflow-parked' });
  const { run } = await calledBy(caller);
  await cancel(run);
  const parked = await system.until(caller, 'needs-attention');
  expect(parked.steps.find(({ id }) => id === 'order')?.failure?.class).toBe('run-failed');
  await cancel(caller);
  await system.until(caller, 'cancelled');
});

test('a worker that dies between calling and committing calls nothing twice', async () => {
  const caller = await system.as('An Nguyen').start('season', { amount: 35, supplier: 'subflow-killed' });
  const { gate, subject } = await calledBy(caller);
  await system.worker.kill();
  await system.as('Mai Tran').decide(gate, { action: 'approve', subject });
  await system.worker.start();
  const ended = await system.until(caller, 'completed');
  expect(ended.calls).toHaveLength(1);
  expect(system.tools.requestsFor('subflow-killed')).toBe(1);
});

test('a Result that fails a check parks the step, and a retry puts the same one into the proposal: nothing is paid twice', async () => {
  const an = system.as('An Nguyen');
  const caller = await an.start('booked-season', { amount: 35, supplier: 'subflow-checked' });
  const { run, gate, subject } = await calledBy(caller);
  await system.as('Mai Tran').decide(gate, { action: 'approve', subject });
  const parked = await system.until(caller, 'needs-attention');
  expect(parked.steps.find(({ id }) => id === 'order')?.failure?.class).toBe('check-failed');
  const { body: opened } = await an.call('POST', `/runs/${caller}/proposal`);
  const path = `/proposals/${opened.id}`;
  const { body: before } = await an.call('GET', path);
  const { body: made } = await an.call('POST', `${path}/suggestions`, {
    kind: 'patch',
    base: before.state.digest,
    patch: [{ op: 'replace', path: '/most', value: 100 }],
  });
  expect((await an.call('POST', `${path}/suggestions/${made.id}/accept`, {})).status).toBe(200);
  expect((await an.call('POST', `/runs/${caller}/steps/order/retry`, { comment: 'It may be more' })).status).toBe(202);
  const ended = await system.until(caller, 'completed');
  const { result } = await system.until(run, 'completed');
  expect(ended.result).toEqual({ paid: result });
  expect(ended.calls).toEqual([{ run, step: 'order', status: 'completed' }]);
  expect(system.tools.requestsFor('subflow-checked')).toBe(1);
});
