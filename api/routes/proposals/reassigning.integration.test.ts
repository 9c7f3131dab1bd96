/** Proposals of people who may not act any more, and of services, are given to somebody else. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { planProposal } from '../../../compiler/planned-proposal.ts';
import { createDefinitionCache } from '../../../compiler/proposal-definition.ts';
import { openPlannedProposal } from '../../../prisma/open-planned-proposal.ts';
import type { ApiFixture } from '../../testing/api-fixture.ts';
import { asWorker, claimInput, openApiFixture, publishClaim } from '../../testing/api-fixture.ts';
import type { ProposalClient } from '../../testing/proposal-client.ts';
import { outcome, proposalClient } from '../../testing/proposal-client.ts';
import { expense, publishGraph, startProposalOf } from '../../testing/proposal-documents.ts';

let fixture: ApiFixture;
let client: ProposalClient;
beforeAll(async () => {
  fixture = await openApiFixture();
  client = proposalClient(fixture);
  await publishGraph(fixture, expense);
  await publishClaim(fixture);
});
afterAll(() => fixture.close());

const setActive = (user: string, active: boolean) => client.call('PATCH', `/admin/users/${user}`, 'ada', { active });

/** Started by An, handed over to Minh, reviewed by Mai. */
async function minhs(): Promise<string> {
  const id = await startProposalOf(fixture, 'expense-report', 'an');
  await client.call('POST', `/proposals/${id}/share`, 'an', { person: 'mai', mode: 'reviewer' });
  await client.call('POST', `/proposals/${id}/share`, 'an', { person: 'minh', mode: 'handoff' });
  return id;
}

const reassign = (id: string, by: string, person: string) =>
  client.call('POST', `/proposals/${id}/reassign`, by, { person });

test('while its assignee is active nobody takes a proposal over their head', async () => {
  const id = await minhs();
  for (const by of ['an', 'ada']) expect(outcome(await reassign(id, by, 'bo'))).toEqual([409, 'has-assignee']);
});

test('once they are inactive, who started it gives it to somebody, in a new epoch, who is told', async () => {
  const id = await minhs();
  await setActive('minh', false);
  try {
    const { items } = await client.get('/admin/proposals', 'ada');
    expect(items).toContainEqual(expect.objectContaining({ id, assignee: 'minh', assigneeEpoch: 1 }));
    expect(outcome(await reassign(id, 'mai', 'mai'))).toEqual([403, 'not-permitted']);
    expect(outcome(await reassign(id, 'olga', 'olga'))).toEqual([404, 'not-found']);
    expect(outcome(await reassign(id, 'an', 'minh'))).toEqual([422, 'unknown-person']);
    expect(outcome(await reassign(id, 'an', 'gus'))).toEqual([422, 'unknown-person']);
    const done = await reassign(id, 'an', 'bo');
    expect(done.json()).toMatchObject({ id, assignee: 'bo', assigneeEpoch: 2 });
  } finally {
    await setActive('minh', true);
  }
  expect(outcome(await client.put(id, 'Purpose', 'A stand', 0, 'minh'))).toEqual([403, 'not-permitted']);
  const told = (await client.get('/notifications', 'bo')).items as { kind: string; address: string }[];
  expect(told.filter(({ address }) => address === `/proposals/${id}`)).toMatchObject([{ kind: 'assigned' }]);
  const entries = (await client.get(`/audit?thing=${id}&kind=proposal.assigned&limit=1`, 'ada')).items;
  expect(entries).toMatchObject([
    { person: 'an', detail: { by: 'an', from: 'minh', user: 'bo', epoch: 2, because: 'inactive' } },
  ]);
});

test('an admin does it, too, of a closed one as well, and is shown nothing of it', async () => {
  const id = await minhs();
  await client.call('PATCH', `/proposals/${id}`, 'minh', { status: 'closed' });
  await setActive('minh', false);
  try {
    expect((await reassign(id, 'ada', 'bo')).json()).toMatchObject({ assignee: 'bo', status: 'closed' });
  } finally {
    await setActive('minh', true);
  }
  expect(outcome(await client.call('GET', `/proposals/${id}`, 'ada'))).toEqual([404, 'not-found']);
  const { statusCode } = await client.call('PATCH', `/proposals/${id}`, 'bo', { status: 'open' });
  expect(statusCode).toBe(200);
});

test('of two who do it at once one does', async () => {
  const id = await minhs();
  await setActive('minh', false);
  try {
    const answers = await Promise.all([reassign(id, 'an', 'bo'), reassign(id, 'ada', 'olga')]);
    expect(answers.map(({ statusCode }) => statusCode).sort()).toEqual([200, 409]);
  } finally {
    await setActive('minh', true);
  }
});

/** Of a service that has a key, in its name. */
async function runOfService(service: string): Promise<string> {
  const made = await client.call('POST', '/admin/keys', 'ada', { service, scopes: ['runs:write', 'runs:read'] });
  const headers = { authorization: `Bearer ${made.json().key}`, 'idempotency-key': randomUUID() };
  const payload = { document: 'claim', input: claimInput };
  const started = await fixture.app.inject({ method: 'POST', url: '/runs', headers, payload });
  expect(started.json()).toMatchObject({ requester: `service:${service}` });
  return started.json().id;
}

test('the proposal of a run that a service started is opened by an operator, whose it then is', async () => {
  const run = await runOfService('billing');
  await asWorker(fixture, { ended: run, status: 'completed', result: { amount: 740 } });
  const open = (user: string) => client.call('POST', `/runs/${run}/proposal`, user, {});
  for (const user of ['an', 'mai']) expect(outcome(await open(user))).toEqual([403, 'not-permitted']);
  const opened = await open('olga');
  expect([opened.statusCode, opened.json()]).toMatchObject([201, { run, startedBy: 'olga', assignee: 'olga' }]);
  expect(outcome(await open('olga'))).toEqual([200]);
  // It is Olga's now: another operator or admin is let in by her or not at all.
  expect(outcome(await open('ada'))).toEqual([404, 'not-found']);
  expect(outcome(await reassign(opened.json().id, 'ada', 'ada'))).toEqual([409, 'has-assignee']);
});

test('what a step opened for a service is found and given to a person by an operator or an admin', async () => {
  for (const [by, service] of [
    ['olga', 'sync'],
    ['ada', 'import'],
  ] as const) {
    const run = await runOfService(service);
    const actor = { tenant: 'acme', user: `service:${service}` };
    const planned = planProposal(expense, createDefinitionCache(), {});
    if (!planned.ok) throw new Error('the document has a plan');
    const opening = { title: 'Claim', graphHash: (await client.get(`/runs/${run}`, 'an')).graphHash, run };
    const opened = await fixture.worker.actAs(actor, (tx) =>
      openPlannedProposal(tx, actor, { ...opening, plan: planned.plan }),
    );
    const id = 'opened' in opened ? String(opened.opened) : '';
    expect((await client.get('/admin/proposals?limit=100', 'ada')).items).toContainEqual(
      expect.objectContaining({ id, assignee: actor.user }),
    );
    expect(outcome(await client.call('GET', `/proposals/${id}`, by))).toEqual([404, 'not-found']);
    const found = await client.call('POST', `/runs/${run}/proposal`, by, {});
    expect([found.statusCode, found.json()]).toMatchObject([200, { id, assignee: actor.user }]);
    expect(outcome(await reassign(id, 'an', 'an'))).toEqual([404, 'not-found']);
    expect((await reassign(id, by, 'bo')).json()).toMatchObject({ id, assignee: 'bo', assigneeEpoch: 1 });
    expect((await client.put(id, 'Purpose', 'A stand', 0, 'bo')).statusCode).toBe(200);
    expect(outcome(await client.call('POST', `/runs/${run}/proposal`, by, {}))).toEqual([404, 'not-found']);
    const entries = (await client.get(`/audit?thing=${id}&kind=proposal.assigned&limit=1`, 'ada')).items;
    expect(entries).toMatchObject([{ person: by, detail: { from: actor.user, user: 'bo', because: 'service' } }]);
  }
});
