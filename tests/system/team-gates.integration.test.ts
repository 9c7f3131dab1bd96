/** A document that asks people for all it can, on the whole system: tasks, forms, several people, and time that passes. */
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { Answer } from './api-client.ts';
import type { PersonName, System } from './stack-fixture.ts';
import { startSystem } from './stack-fixture.ts';

const purchase = `# Purchase

## Inputs
| Name  | Type   |
|-------|--------|
| limit | number |
| boss  | text   |

## Types
### Offer
| Field    | Type   | Rule       |
|----------|--------|------------|
| amount   | number | at least 0 |
| supplier | text   |            |

### Terms
| Field | Type    | Rule       |
|-------|---------|------------|
| days  | integer | at least 1 |

## Steps
### Get an offer
- person: employee
- gives: Offer
- check: \`output.amount <= input.limit\`

### Sign
- approve: manager
- quorum: 2
- not by: contributors
- ask: Terms
- show: [Get an offer](#get-an-offer)
- actions: approve, reject, request changes to [Get an offer](#get-an-offer) at most 1 times

### Countersign
- approve: \`input.boss\` and finance-director
- remind: every 1 second
- due: 1 hour

### Release
- approve: auditor
- due: 1 second
- if overdue: ask finance-director

### Archive
- approve: auditor
- due: 1 second
- if overdue: continue

### Note
- set:
  - amount: \`get_an_offer.amount\`
  - days: \`has(sign.form) ? sign.form.days : 0\`

## Result
| Name | Type | Value |
|------|------|-------|
| amount | number | \`note.amount\` |
| days | number | \`note.days\` |
`;

const boss = `# Ask the boss

## Inputs
| Name | Type |
|------|------|
| boss | text |

## Steps
### Ask
- approve: \`input.boss\`

## Result
| Name | Type | Value |
|------|------|-------|
| by   | text | \`ask.by\` |
`;

let system: System;
beforeAll(async () => {
  system = await startSystem();
  await system.as('Mai Tran').publish(purchase);
});
afterAll(() => system?.close());

const limit = 500;
const start = () => system.as('An Nguyen').start('purchase', { limit, boss: 'minh' });

async function at(run: string, step: string) {
  return vi.waitFor(
    async () => {
      const { body } = await system.as('An Nguyen').call('GET', `/gates?scope=all&run=${run}`);
      const [gate] = body.items.filter((one: { step: string }) => one.step === step);
      expect(gate).toBeDefined();
      return gate as { id: string; subject: string };
    },
    { timeout: 60_000, interval: 100 },
  );
}

async function decide(run: string, step: string, person: PersonName, said: object): Promise<Answer> {
  const { id, subject } = await at(run, step);
  return system.as(person).call('POST', `/gates/${id}/decisions`, { subject, ...said });
}

const told = async (person: PersonName): Promise<string[]> =>
  (await system.as(person).call('GET', '/notifications?limit=100')).body.items.map(
    ({ kind }: { kind: string }) => kind,
  );

test('people fill in, decide together, are reminded and stood in for, and the run has what they gave', async () => {
  const run = await start();
  const offer = { amount: 480, supplier: 'Metro' };
  expect(
    (await decide(run, 'get_an_offer', 'An Nguyen', { action: 'done', form: { ...offer, amount: 501 } })).status,
  ).toBe(422);
  expect((await decide(run, 'get_an_offer', 'An Nguyen', { action: 'done', form: offer })).status).toBe(201);

  const approval = { action: 'approve', form: { days: 30 } };
  expect((await decide(run, 'sign', 'Mai Tran', approval)).body.missing).toHaveLength(1);
  // An wrote the offer, which the gate shows; Finn is no manager.
  expect((await decide(run, 'sign', 'An Nguyen', approval)).status).toBe(403);
  expect((await decide(run, 'sign', 'Finn Olsen', approval)).status).toBe(403);
  expect((await decide(run, 'sign', 'Minh Pham', approval)).body.missing).toEqual([]);

  await vi.waitFor(async () => expect(await told('Finn Olsen')).toContain('reminder'), {
    timeout: 30_000,
    interval: 200,
  });
  expect((await decide(run, 'countersign', 'Finn Olsen', { action: 'approve' })).body.missing).toEqual([
    { roles: [], people: ['minh'], more: 1 },
  ]);
  expect((await decide(run, 'countersign', 'Minh Pham', { action: 'approve' })).body.missing).toEqual([]);

  // Nobody is an auditor: after a second the finance director is asked, too.
  await vi.waitFor(async () => expect(await told('Finn Olsen')).toContain('escalated'), {
    timeout: 30_000,
    interval: 200,
  });
  expect((await decide(run, 'release', 'Finn Olsen', { action: 'approve' })).status).toBe(201);

  const ended = await system.until(run, 'completed');
  expect(ended.result).toEqual({ amount: 480, days: 30 });
  expect(ended.steps.map(({ id, verdict }) => [id, verdict])).toEqual([
    ['get_an_offer', 'done'],
    ['sign', 'approve'],
    ['countersign', 'approve'],
    ['release', 'approve'],
    ['archive', 'overdue'],
    ['note', undefined],
  ]);
});

test('who sends work back has the task asked again, of the same people', async () => {
  const run = await start();
  await decide(run, 'get_an_offer', 'An Nguyen', { action: 'done', form: { amount: 1, supplier: 'A' } });
  for (const person of ['Mai Tran', 'Minh Pham'] as const) {
    const answer = await decide(run, 'sign', person, { action: 'request changes', comment: `${person}: another one` });
    expect(answer.status).toBe(201);
  }
  const again = await decide(run, 'get_an_offer', 'An Nguyen', { action: 'done', form: { amount: 2, supplier: 'B' } });
  expect(again.status).toBe(201);
  const { id } = await at(run, 'sign');
  const { shown, actions } = await system.as('Mai Tran').gate(id);
  expect(shown[0]?.value).toMatchObject({ amount: 2, supplier: 'B' });
  // Once was all that the document allows.
  expect(actions.map(({ name }) => name)).toEqual(['approve', 'reject']);
  await decide(run, 'sign', 'Mai Tran', { action: 'reject' });
  await system.until(run, 'rejected');
});

test('a gate that nobody could decide says why, until it is resumed with somebody who can', async () => {
  const failureOf = async (id: string) => (await system.as('An Nguyen').run(id)).steps[0]?.failure;
  await system.as('Mai Tran').publish(boss);
  const run = await system.as('An Nguyen').start('ask-the-boss', { boss: 'nobody-here' });
  await system.until(run, 'needs-attention');
  expect(await failureOf(run)).toEqual({
    class: 'not-allowed',
    detail: 'Unexpected value of input.boss, expected the id of a person',
  });

  const choice = { input: { boss: 'minh' } };
  const { body: plan } = await system.as('An Nguyen').call('POST', `/runs/${run}/resume-plan`, choice);
  const order = { ...choice, digest: plan.digest };
  const { body: resumed } = await system.as('An Nguyen').call('POST', `/runs/${run}/resume`, order);
  const { id } = await at(resumed.id, 'ask');
  expect(await failureOf(resumed.id)).toBeUndefined();
  expect((await system.as('Minh Pham').gate(id)).mayDecide).toBe(true);
  expect((await decide(resumed.id, 'ask', 'Minh Pham', { action: 'approve' })).status).toBe(201);
  expect((await system.until(resumed.id, 'completed')).steps[0]).toMatchObject({ state: 'committed' });
});

test('what a raw signal says of a task or a due date changes nothing', async () => {
  const run = await start();
  const { id } = await at(run, 'get_an_offer');
  const { workflowId } = await system.as('An Nguyen').run(run);
  for (const ring of [{ gate: id }, { gate: id, verdict: { action: 'done' } }, { overdue: id }]) {
    await system.temporal.workflow.getHandle(workflowId).signal('ring', ring);
  }
  await vi.waitFor(async () => {
    const rows = await system.as('An Nguyen').journal(run);
    expect(rows.rows.some(({ event }) => event === 'gate.opened')).toBe(true);
  });
  expect(await system.as('An Nguyen').gate(id)).toMatchObject({ status: 'open' });
  expect(
    (await decide(run, 'get_an_offer', 'An Nguyen', { action: 'done', form: { amount: 1, supplier: 'A' } })).status,
  ).toBe(201);
  await decide(run, 'sign', 'Mai Tran', { action: 'reject' });
  await system.until(run, 'rejected');
});
