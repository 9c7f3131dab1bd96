import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ApiFixture } from '../../testing/api-fixture.ts';
import { eventually, openApiFixture } from '../../testing/api-fixture.ts';
import type { Method, ProposalClient } from '../../testing/proposal-client.ts';
import { at, outcome, proposalClient } from '../../testing/proposal-client.ts';
import { expense, onboarding, publishGraph, startProposalOf } from '../../testing/proposal-documents.ts';

let fixture: ApiFixture;
let client: ProposalClient;
beforeAll(async () => {
  fixture = await openApiFixture();
  client = proposalClient(fixture);
  for (const graph of [onboarding, expense]) await publishGraph(fixture, graph);
});
afterAll(() => fixture.close());

const open = () => startProposalOf(fixture, 'expense-report', 'an');
const share = (id: string, payload: object, user = 'an') =>
  client.call('POST', `/proposals/${id}/share`, user, payload);
interface Access {
  people: { user: string; mode: string; reasons: object[]; readsTranscriptsOf: string[] }[];
}
const peopleOf = ({ people }: Access) =>
  people.map(({ user, mode, readsTranscriptsOf }) => [user, mode, ...readsTranscriptsOf]);
const told = async (user: string, id: string) => {
  const { items } = await client.get('/notifications?limit=100', user);
  return items
    .filter((one: { proposal: string }) => one.proposal === id)
    .map(({ kind, address }: { kind: string; address: string }) => [kind, address]);
};

test('sharing for review is one call: collaborator, mode, the caller’s transcript, notification', async () => {
  const id = await open();
  expect(outcome(await client.call('GET', `/proposals/${id}`, 'bo'))).toEqual([404, 'not-found']);
  const shared = await share(id, { person: 'bo', mode: 'reviewer', transcript: true });
  expect([shared.statusCode, peopleOf(shared.json())]).toEqual([
    201,
    [
      ['an', 'handoff'],
      ['bo', 'reviewer', 'an'],
    ],
  ]);
  expect(shared.json().people[1].reasons).toEqual([
    { why: 'shared', mode: 'reviewer', by: 'an', at: expect.any(String) },
  ]);
  expect(await told('bo', id)).toEqual([['shared', `/proposals/${id}`]]);
  expect((await client.get('/proposals', 'bo')).items.map((one: { id: string }) => one.id)).toContain(id);
  expect(outcome(await client.put(id, 'Purpose', 'x', 0, 'bo'))).toEqual([403, 'not-permitted']);
});

test('a transcript is granted only in a call that says so', async () => {
  const id = await open();
  const shared = await share(id, { person: 'bo', mode: 'handoff' });
  expect(peopleOf(shared.json())).toEqual([
    ['an', 'reviewer'],
    ['bo', 'handoff'],
  ]);
});

test('asked twenty times at once, sharing shares once and tells once', async () => {
  const id = await open();
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => share(id, { person: 'bo', mode: 'reviewer', transcript: true })),
  );
  expect(answers.map((one) => one.statusCode).sort()).toEqual([...Array(19).fill(200), 201]);
  expect(await told('bo', id)).toEqual([['shared', `/proposals/${id}`]]);
  const grants = await fixture.store.actAs({ tenant: 'acme', user: 'an' }, (tx) =>
    tx.transcriptGrant.count({ where: { proposalId: id } }),
  );
  expect(grants).toBe(1);
  const log = await fixture.store.actAs({ tenant: 'acme', user: 'an' }, (tx) =>
    tx.proposalEvent.findMany({ where: { proposalId: id }, orderBy: { seq: 'asc' }, select: { type: true } }),
  );
  expect(log.map(({ type }) => type)).toEqual([
    'proposal.opened',
    'proposal.written',
    'proposal.written',
    'proposal.shared',
    'transcript.granted',
  ]);
});

test('a transcript granted to somebody who sees the proposal already is told them, once', async () => {
  const id = await open();
  await share(id, { person: 'bo', mode: 'reviewer' });
  await share(id, { person: 'mai', mode: 'reviewer' });
  const shared = ['shared', `/proposals/${id}`];
  const answers = await Promise.all(
    Array.from({ length: 5 }, () => share(id, { person: 'bo', mode: 'reviewer', transcript: true })),
  );
  expect(answers.map((one) => one.statusCode).sort()).toEqual([200, 200, 200, 200, 201]);
  expect(await told('bo', id)).toEqual([shared, shared]);
  const change = (payload: object) => client.call('PATCH', `/proposals/${id}/collaborators/mai`, 'an', payload);
  await change({ transcript: true });
  await change({ transcript: true });
  expect(await told('mai', id)).toEqual([shared, shared]);
  // Handed over in the same call, they are told of that alone.
  await change({ transcript: false });
  await change({ transcript: true, mode: 'handoff' });
  expect(await told('mai', id)).toEqual([['assigned', `/proposals/${id}`], shared, shared]);
});

test('handoff makes the recipient the assignee in a new epoch, who edits; the one before reads and suggests', async () => {
  const id = await open();
  await share(id, { person: 'bo', mode: 'handoff' });
  expect(await client.get(`/proposals/${id}`, 'bo')).toMatchObject({
    assignee: 'bo',
    assigneeEpoch: 1,
    mayShare: true,
  });
  expect((await client.put(id, 'Purpose', 'by bo', 0, 'bo')).statusCode).toBe(200);
  expect(outcome(await client.put(id, 'Purpose', 'by an', 1, 'an'))).toEqual([403, 'not-permitted']);
  expect((await client.get(`/proposals/${id}`, 'an')).sections[2]).toMatchObject({ content: 'by bo', mayEdit: false });
  expect(await told('bo', id)).toEqual([['assigned', `/proposals/${id}`]]);
  expect(outcome(await share(id, { person: 'mai', mode: 'reviewer' }, 'an'))).toEqual([403, 'not-permitted']);
  expect(outcome(await share(id, { person: 'bo', mode: 'handoff' }, 'an'))).toEqual([200]);
});

test('of two handoffs at once one wins, and the other is told that it may not', async () => {
  const id = await open();
  const both = await Promise.all(['bo', 'mai'].map((person) => share(id, { person, mode: 'handoff' })));
  expect(both.map((one) => one.statusCode).sort()).toEqual([201, 403]);
  const { assignee, assigneeEpoch } = await client.get(`/proposals/${id}`, 'an');
  expect([both.findIndex((one) => one.statusCode === 201), assigneeEpoch]).toEqual([assignee === 'bo' ? 0 : 1, 1]);
});

test('named sections are handed over alone', async () => {
  const id = await open();
  const shared = await share(id, { person: 'bo', mode: 'handoff', sections: ['Purpose'] });
  expect(shared.json().people[1]).toMatchObject({
    user: 'bo',
    mode: 'reviewer',
    reasons: [
      { why: 'shared', mode: 'reviewer' },
      { why: 'section-owner', section: 'Purpose' },
    ],
  });
  expect((await client.put(id, 'Purpose', 'by bo', 0, 'bo')).statusCode).toBe(200);
  expect(outcome(await client.put(id, 'Purpose', 'by an', 1, 'an'))).toEqual([403, 'not-permitted']);
  expect((await client.put(id, 'Lines', [], 1, 'an')).statusCode).toBe(200);
  expect(await client.get(`/proposals/${id}`, 'an')).toMatchObject({ assignee: 'an', assigneeEpoch: 0 });
  expect(outcome(await share(id, { person: 'mai', mode: 'handoff', sections: ['Lines'] }, 'bo'))).toEqual([
    403,
    'not-permitted',
  ]);
  expect(outcome(await share(id, { person: 'mai', mode: 'reviewer', sections: ['Lines'] }))).toEqual([
    400,
    'invalid-request',
  ]);
});

test('nobody outside the tenant, no service, nobody inactive and not oneself is shared with', async () => {
  const id = await open();
  const headers = await fixture.as('ada', randomUUID());
  const payload = { service: 'robot', scopes: ['runs:read'] };
  await fixture.app.inject({ method: 'POST', url: '/admin/keys', headers, payload });
  const service = await fixture.store.actAs({ tenant: 'acme', user: 'an' }, (tx) =>
    tx.user.findFirstOrThrow({ where: { kind: 'service' } }),
  );
  for (const person of ['gus', 'nobody', service.id]) {
    expect([person, ...outcome(await share(id, { person, mode: 'handoff' }))]).toEqual([person, 422, 'unknown-person']);
  }
  expect(outcome(await share(id, { person: 'an', mode: 'reviewer' }))).toEqual([400, 'invalid-request']);
});

test('revoked, a person sees nothing of it any more, owns no section and reads no transcript', async () => {
  const id = await open();
  await share(id, { person: 'bo', mode: 'reviewer', transcript: true });
  await share(id, { person: 'bo', mode: 'handoff', sections: ['Purpose'] });
  await share(id, { person: 'mai', mode: 'reviewer' });
  expect(outcome(await client.call('DELETE', `/proposals/${id}/collaborators/bo`, 'mai'))).toEqual([
    403,
    'not-permitted',
  ]);
  const gone = await client.call('DELETE', `/proposals/${id}/collaborators/bo`, 'an');
  expect(peopleOf(gone.json())).toEqual([
    ['an', 'handoff'],
    ['mai', 'reviewer'],
  ]);
  expect(outcome(await client.call('GET', `/proposals/${id}`, 'bo'))).toEqual([404, 'not-found']);
  expect((await client.get(`/proposals/${id}`, 'an')).sections[2].mayEdit).toBe(true);
  const grants = await fixture.store.actAs({ tenant: 'acme', user: 'an' }, (tx) =>
    tx.transcriptGrant.findMany({ where: { proposalId: id, revokedAt: null } }),
  );
  expect(grants).toEqual([]);
  const again = await share(id, { person: 'bo', mode: 'reviewer' });
  expect(peopleOf(again.json())).toContainEqual(['bo', 'reviewer']);
  expect((await told('bo', id)).filter(([kind]: [string]) => kind === 'shared')).toHaveLength(2);
});

test('everyone may leave but the assignee', async () => {
  const id = await open();
  await share(id, { person: 'bo', mode: 'reviewer' });
  expect((await client.call('DELETE', `/proposals/${id}/collaborators/bo`, 'bo')).statusCode).toBe(200);
  expect(outcome(await client.call('DELETE', `/proposals/${id}/collaborators/an`, 'an'))).toEqual([
    409,
    'assignee-needed',
  ]);
});

test('a mode is changed by the assignee, a transcript by whose it is', async () => {
  const id = await open();
  await share(id, { person: 'bo', mode: 'reviewer', transcript: true });
  await share(id, { person: 'mai', mode: 'reviewer' });
  const change = (user: string, of: string, payload: object) =>
    client.call('PATCH', `/proposals/${id}/collaborators/${of}`, user, payload);
  expect(outcome(await change('bo', 'mai', { mode: 'handoff' }))).toEqual([403, 'not-permitted']);
  expect(peopleOf((await change('bo', 'mai', { transcript: true })).json())).toContainEqual(['mai', 'reviewer', 'bo']);
  expect(peopleOf((await change('an', 'bo', { transcript: false })).json())).toContainEqual(['bo', 'reviewer']);
  expect(peopleOf((await change('an', 'bo', { mode: 'handoff' })).json())).toEqual([
    ['an', 'reviewer'],
    ['bo', 'handoff'],
    ['mai', 'reviewer', 'bo'],
  ]);
  expect(outcome(await change('bo', 'bo', { mode: 'reviewer' }))).toEqual([409, 'assignee-needed']);
  expect(outcome(await change('bo', 'minh', { mode: 'handoff' }))).toEqual([404, 'not-found']);
});

test('for whoever has no access it is not there, in any way of asking', async () => {
  const id = await startProposalOf(fixture, 'onboarding-plan', 'an', { buddy: 'bo' });
  const made = await client.call('POST', `/proposals/${id}/suggestions`, 'an', { kind: 'comment', text: 'Hm' });
  const suggestion = `/proposals/${id}/suggestions/${made.json().id}`;
  const ways: [Method, string, object?, object?][] = [
    ['GET', `/proposals/${id}`],
    ['PATCH', `/proposals/${id}`, { title: 'Mine' }],
    ['POST', `/proposals/${id}/claim`, {}],
    ['GET', `/proposals/${id}/export`],
    ['GET', `/proposals/${id}/events`],
    ['PUT', `/proposals/${id}/sections/Welcome`, { content: 'x' }, at(0)],
    ['PUT', `/proposals/${id}/state`, { content: {} }, at(1)],
    ['PATCH', `/proposals/${id}/state`, [{ op: 'remove', path: '/phase' }], at(1)],
    ['GET', `/proposals/${id}/sections/Welcome/versions`],
    ['GET', `/proposals/${id}/sections/Welcome/diff?from=1&to=2`],
    ['GET', `/proposals/${id}/state/versions`],
    ['GET', `/proposals/${id}/state/diff?from=1&to=1`],
    ['POST', `/proposals/${id}/share`, { person: 'minh', mode: 'reviewer' }],
    ['GET', `/proposals/${id}/collaborators`],
    ['PATCH', `/proposals/${id}/collaborators/an`, { mode: 'reviewer' }],
    ['DELETE', `/proposals/${id}/collaborators/an`],
    ['GET', `/proposals/${id}/suggestions`],
    ['POST', `/proposals/${id}/suggestions`, { kind: 'comment', text: 'x' }],
    ['GET', suggestion],
    ['POST', `${suggestion}/accept`, {}],
    ['POST', `${suggestion}/reject`, {}],
    ['POST', `${suggestion}/withdraw`, {}],
  ];
  for (const user of ['minh', 'ada', 'gus']) {
    for (const [method, url, payload, headers] of ways) {
      const response = await client.call(method, url, user, payload, headers);
      expect([user, method, url, ...outcome(response)]).toEqual([user, method, url, 404, 'not-found']);
      expect(response.body).not.toContain('Onboarding');
    }
    expect((await client.get('/proposals?limit=100', user)).items.map((one: { id: string }) => one.id)).not.toContain(
      id,
    );
  }
  // Who owns a section sees it, for that reason: a role's holder and a person.
  for (const user of ['olga', 'bo']) expect((await client.call('GET', `/proposals/${id}`, user)).statusCode).toBe(200);
});

test('what somebody was told is theirs to read and to mark', async () => {
  const id = await open();
  await share(id, { person: 'bo', mode: 'reviewer' });
  const unread = async () =>
    (await client.get('/notifications?unread=true&limit=100', 'bo')).items.filter(
      (one: { proposal: string }) => one.proposal === id,
    );
  const [first] = await unread();
  expect(first).toMatchObject({ kind: 'shared', about: { proposal: id, by: 'an', mode: 'reviewer' } });
  expect(outcome(await client.call('POST', `/notifications/${first.id}/read`, 'an'))).toEqual([404, 'not-found']);
  const read = await client.call('POST', `/notifications/${first.id}/read`, 'bo');
  const again = await client.call('POST', `/notifications/${first.id}/read`, 'bo');
  expect([read.json().readAt, again.json()]).toEqual([expect.any(String), read.json()]);
  expect(await unread()).toEqual([]);
});

test('the stream goes on from the last event received, and ends when access is revoked', async () => {
  const id = await open();
  await share(id, { person: 'bo', mode: 'reviewer' });
  const app = await fixture.secondApp({ streams: { lookEveryMs: 50 } });
  const base = await app.listen({ port: 0, host: '127.0.0.1' });
  const headers = { ...(await fixture.as('bo')), 'last-event-id': '3' };
  const response = await fetch(`${base}/proposals/${id}/events`, { headers });
  expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/event-stream; charset=utf-8']);
  let seen = '';
  const reading = (async () => {
    for await (const chunk of response.body ?? []) seen += Buffer.from(chunk).toString('utf8');
  })();
  await client.put(id, 'Purpose', 'x', 0, 'an');
  await eventually(async () => (seen.includes('id: 5') ? true : undefined));
  await client.call('DELETE', `/proposals/${id}/collaborators/bo`, 'an');
  await reading;
  expect([...seen.matchAll(/^event: (.*)$/gm)].map(([, type]) => type)).toEqual([
    'proposal.shared',
    'proposal.written',
  ]);
  expect(seen).not.toContain('collaborator.revoked');
});
