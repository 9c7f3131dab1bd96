/** Each kind of the issue, made by two APIs at once through the routes people use: told once, and sent once. */
import { randomUUID } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ApiFixture } from '../testing/api-fixture.ts';
import { eventually, openApiFixture } from '../testing/api-fixture.ts';
import { at } from '../testing/proposal-client.ts';
import { expense, publishGraph, startProposalOf } from '../testing/proposal-documents.ts';
import type { WebhookReceiver } from '../testing/webhook-receiver.ts';
import { openWebhookReceiver } from '../testing/webhook-receiver.ts';

let fixture: ApiFixture;
let apps: FastifyInstance[];
let receiver: WebhookReceiver;
beforeAll(async () => {
  fixture = await openApiFixture({
    credentialKey: Buffer.alloc(32, 3),
    webhookReach: { loopback: true },
    webhookTimes: { everyMs: 20, pausesMs: [10, 20] },
  });
  const second = await fixture.secondApp();
  await second.ready();
  apps = [fixture.app, second];
  await publishGraph(fixture, expense);
  receiver = await openWebhookReceiver();
  await ask('POST', '/admin/webhooks', 'ada', { url: receiver.url });
});
afterAll(async () => {
  await fixture.close();
  await receiver.close();
});

type Method = 'GET' | 'POST' | 'PUT';
async function ask(
  method: Method,
  url: string,
  user: string,
  payload?: object,
  headers: object = {},
  app = fixture.app,
) {
  const own = await fixture.as(user, randomUUID());
  return app.inject({ method, url, headers: { ...own, ...headers }, ...(payload ? { payload } : {}) });
}

/** Ten requests at once to the two APIs in turn; of those that create, some with the same key. */
const race = (method: Method, url: string, user: string, payload: object, headers: object = {}) =>
  Promise.all(Array.from({ length: 10 }, (_, index) => ask(method, url, user, payload, headers, apps[index % 2])));

const told = async (user: string, proposal: string) =>
  (await ask('GET', '/notifications?limit=100', user))
    .json()
    .items.filter((one: { proposal?: string }) => one.proposal === proposal)
    .map(({ kind, address }: { kind: string; address: string }) => `${kind} ${address}`)
    .reverse();

test('shared, assigned, suggested, decided and stale: ten racing requests tell once, with the address to open', async () => {
  const id = await startProposalOf(fixture, 'expense-report', 'an');
  const proposal = `/proposals/${id}`;
  await race('POST', `${proposal}/share`, 'an', { person: 'bo', mode: 'reviewer' });
  const suggestion = { kind: 'replace', section: 'Purpose', base: null, content: 'A trip' };
  const key = { 'idempotency-key': randomUUID() };
  const made = await race('POST', `${proposal}/suggestions`, 'bo', suggestion, key);
  const first = made.find(({ statusCode }) => statusCode === 201)?.json().id;
  await race('POST', `${proposal}/suggestions/${first}/reject`, 'an', {});
  const second = (await ask('POST', `${proposal}/suggestions`, 'bo', suggestion)).json().id;
  await race('PUT', `${proposal}/sections/Purpose`, 'an', { content: 'Another trip' }, at(0));
  await race('POST', `${proposal}/share`, 'an', { person: 'mai', mode: 'handoff' });

  expect(await told('bo', id)).toEqual([
    `shared ${proposal}`,
    `decided ${proposal}/suggestions/${first}`,
    `stale ${proposal}/suggestions/${second}`,
  ]);
  expect(await told('an', id)).toEqual([
    `suggested ${proposal}/suggestions/${first}`,
    `suggested ${proposal}/suggestions/${second}`,
  ]);
  expect(await told('mai', id)).toEqual([`assigned ${proposal}`]);

  const sent = await eventually(() => (receiver.received.length >= 6 ? receiver.received : undefined));
  const said = sent.map(({ body }) => {
    const { type, data } = JSON.parse(body);
    return `${data.person} ${type} ${data.address}`;
  });
  expect(said.sort()).toEqual(
    [
      `an notification.suggested ${proposal}/suggestions/${first}`,
      `an notification.suggested ${proposal}/suggestions/${second}`,
      `bo notification.decided ${proposal}/suggestions/${first}`,
      `bo notification.shared ${proposal}`,
      `bo notification.stale ${proposal}/suggestions/${second}`,
      `mai notification.assigned ${proposal}`,
    ].sort(),
  );
  // Nothing of what was written, suggested or said is in any of it.
  expect(sent.map(({ body }) => body).join()).not.toMatch(/trip|Purpose/);
  // And each address is one that the person who was told may open.
  for (const { body } of sent) {
    const { person, address } = JSON.parse(body).data;
    expect([address, (await ask('GET', address, person)).statusCode]).toEqual([address, 200]);
  }
});

test('who lost their access before it is told nothing more of the proposal', async () => {
  const id = await startProposalOf(fixture, 'expense-report', 'an');
  await ask('POST', `/proposals/${id}/share`, 'an', { person: 'bo', mode: 'reviewer' });
  const suggestion = { kind: 'replace', section: 'Purpose', base: null, content: 'A trip' };
  await ask('POST', `/proposals/${id}/suggestions`, 'bo', suggestion);
  const headers = await fixture.as('an');
  await fixture.app.inject({ method: 'DELETE', url: `/proposals/${id}/collaborators/bo`, headers });
  await ask('PUT', `/proposals/${id}/sections/Purpose`, 'an', { content: 'Another trip' }, at(0));
  expect(await told('bo', id)).toEqual([`shared /proposals/${id}`]);
});
