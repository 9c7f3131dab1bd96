/** Who read, shared, decided and changed what: noted when it is shown, listed by filters, for admins and auditors. */
import { randomUUID } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { provision } from '../../../prisma/provision.ts';
import type { ApiFixture } from '../../testing/api-fixture.ts';
import {
  asWorker,
  claimInput,
  eventually,
  openApiFixture,
  openClaimGate,
  publishClaim,
  startClaim,
} from '../../testing/api-fixture.ts';
import type { ProposalClient } from '../../testing/proposal-client.ts';
import { proposalClient } from '../../testing/proposal-client.ts';
import { expense, publishGraph, startProposalOf } from '../../testing/proposal-documents.ts';

let fixture: ApiFixture;
let client: ProposalClient;
beforeAll(async () => {
  fixture = await openApiFixture({ streams: { lookEveryMs: 50 } });
  const { issuer } = fixture.issuer;
  const person = { name: 'audrey', email: 'audrey@acme.test', issuer, subject: 'audrey', roles: ['auditor'] };
  await provision(fixture.database.ownerUrl, { tenants: [], users: [{ tenant: 'acme', id: 'audrey', ...person }] });
  client = proposalClient(fixture);
  await publishClaim(fixture);
  await publishGraph(fixture, expense);
});
afterAll(() => fixture.close());

interface Entry {
  at: string;
  log: string;
  thing: string;
  seq: number;
  kind: string;
  person?: string;
  about?: string;
  detail?: unknown;
}

/** Oldest first: who did what. */
async function noted(query: string): Promise<[string | undefined, string][]> {
  const { items } = await client.get(`/audit?limit=100&${query}`, 'audrey');
  return (items as Entry[]).map(({ person, kind }): [string | undefined, string] => [person, kind]).reverse();
}
const readsOf = (thing: string) => noted(`log=read&thing=${thing}`);

test('who reads a proposal is noted once in ten minutes, and who exports it besides', async () => {
  const proposal = await startProposalOf(fixture, 'expense-report', 'an');
  for (let i = 0; i < 3; i += 1) await client.get(`/proposals/${proposal}`, 'an');
  await client.get(`/proposals/${proposal}/export`, 'an');
  await client.call('POST', `/proposals/${proposal}/share`, 'an', { person: 'bo', mode: 'reviewer' });
  await client.get(`/proposals/${proposal}`, 'bo');
  expect(await readsOf(proposal)).toEqual([
    ['an', 'proposal.read'],
    ['an', 'proposal.exported'],
    ['bo', 'proposal.read'],
  ]);
});

test('what another API has noted is not noted again, nor by twenty requests at once', async () => {
  const proposal = await startProposalOf(fixture, 'expense-report', 'an');
  const headers = await fixture.as('an');
  const second = await fixture.secondApp();
  const url = `/proposals/${proposal}`;
  await Promise.all(
    Array.from({ length: 20 }, (_, i) => (i % 2 === 0 ? fixture.app : second).inject({ url, headers })),
  );
  expect(await readsOf(proposal)).toEqual([['an', 'proposal.read']]);
});

test('who is shown nothing is noted nowhere', async () => {
  const proposal = await startProposalOf(fixture, 'expense-report', 'an');
  expect((await client.call('GET', `/proposals/${proposal}`, 'mai')).statusCode).toBe(404);
  expect((await client.call('GET', `/proposals/${proposal}/export`, 'mai')).statusCode).toBe(404);
  await client.get('/proposals', 'an');
  expect(await readsOf(proposal)).toEqual([]);
});

test('reading a transcript, by page and by stream, is noted of the proposal with the session', async () => {
  const proposal = await startProposalOf(fixture, 'expense-report', 'an');
  await client.call('POST', `/proposals/${proposal}/share`, 'an', {
    person: 'bo',
    mode: 'reviewer',
    transcript: true,
  });
  const session = (await client.call('POST', `/proposals/${proposal}/sessions`, 'an', {})).json().id;
  await client.call('POST', `/sessions/${session}/messages`, 'an', { text: 'What is missing?' });
  await client.get(`/sessions/${session}/messages`, 'bo');
  const app = await fixture.secondApp();
  await app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = app.server.address() as AddressInfo;
  const stream = await fetch(`http://127.0.0.1:${port}/sessions/${session}/events`, {
    headers: await fixture.as('an'),
  });
  const reader = stream.body?.getReader();
  await reader?.read();
  await reader?.cancel();
  const entries = (await client.get(`/audit?log=read&thing=${proposal}`, 'audrey')).items as Entry[];
  expect(entries.map(({ person, kind, about }) => [person, kind, about])).toEqual([
    ['an', 'transcript.read', session],
    ['bo', 'transcript.read', session],
  ]);
});

test('of a run its result, its journal and its gates are content; how it stands is none', async () => {
  const run = await startClaim(fixture);
  await client.get(`/runs/${run}`, 'bo');
  await client.get(`/runs/${run}/state`, 'bo');
  expect(await readsOf(run)).toEqual([]);
  const gate = await openClaimGate(fixture, run, { shown: claimInput });
  await client.get(`/gates/${gate.id}`, 'mai');
  // An inbox shows what the gates in it show, and is looked at again and again.
  for (let i = 0; i < 2; i += 1) await client.get('/gates', 'minh');
  await asWorker(fixture, { ended: run, status: 'completed', result: { amount: 740 } });
  await client.get(`/executions/${run}`, 'bo');
  await client.get(`/runs/${run}/journal`, 'minh');
  expect(await readsOf(run)).toEqual([
    ['mai', 'gate.read'],
    ['minh', 'gate.read'],
    ['bo', 'run.read'],
    ['minh', 'run.read'],
  ]);
});

test('entries are found by person, thing, kind and time', async () => {
  const proposal = await startProposalOf(fixture, 'expense-report', 'an');
  const before = new Date(Date.now() + 1).toISOString();
  await eventually(() => (Date.now() > Date.parse(before) ? true : undefined));
  await client.call('POST', `/proposals/${proposal}/share`, 'an', { person: 'bo', mode: 'reviewer' });
  await client.call('POST', `/proposals/${proposal}/share`, 'an', { person: 'mai', mode: 'handoff' });
  await client.call('POST', `/proposals/${proposal}/share`, 'mai', { person: 'minh', mode: 'reviewer' });
  const of = `thing=${proposal}`;
  const opened = [
    ['an', 'proposal.opened'],
    // What the document gives by default.
    ['an', 'proposal.written'],
    ['an', 'proposal.written'],
  ];
  expect(await noted(of)).toEqual([
    ...opened,
    ['an', 'proposal.shared'],
    ['an', 'proposal.assigned'],
    ['mai', 'proposal.shared'],
  ]);
  expect(await noted(`${of}&person=mai`)).toEqual([['mai', 'proposal.shared']]);
  expect(await noted(`${of}&kind=proposal.shared`)).toEqual([
    ['an', 'proposal.shared'],
    ['mai', 'proposal.shared'],
  ]);
  expect(await noted(`${of}&from=${before}&person=an`)).toEqual([
    ['an', 'proposal.shared'],
    ['an', 'proposal.assigned'],
  ]);
  expect(await noted(`${of}&to=${before}`)).toEqual(opened);
  expect(await noted(`${of}&log=run`)).toEqual([]);
  expect((await client.call('GET', '/audit?from=0000-01-01T00:00:00Z', 'audrey')).statusCode).toBe(400);
});

test('a decision and an order are of who gave them, the start of a run of who started it', async () => {
  const run = await startClaim(fixture, 'bo');
  const gate = await openClaimGate(fixture, run, { row: { notBy: '[]' } });
  await client.call('POST', `/gates/${gate.id}/decisions`, 'mai', { action: 'approve', subject: gate.subject });
  await client.call('POST', `/runs/${run}/cancel`, 'olga', { comment: 'not needed' });
  expect(await noted(`thing=${run}&log=run`)).toEqual([
    ['bo', 'run.started'],
    ['mai', 'gate.decided'],
    ['olga', 'run.cancel-requested'],
  ]);
  for (const [person, kind] of [
    ['bo', 'run.started'],
    ['mai', 'gate.decided'],
    ['olga', 'run.cancel-requested'],
  ]) {
    expect(await noted(`thing=${run}&log=run&person=${person}`)).toEqual([[person, kind]]);
  }
});

test('what admins change is there, and that the audit was read', async () => {
  await client.call('PUT', '/admin/groups/emea', 'ada', { roles: ['buyer'] });
  await client.get('/admin/events', 'ada');
  expect(await noted('log=admin&person=ada')).toEqual([['ada', 'group.changed']]);
  const readers = await readsOf('audit');
  expect(readers.filter(([person]) => person === 'ada')).toEqual([['ada', 'audit.read']]);
  expect(readers.filter(([person]) => person === 'audrey')).toEqual([['audrey', 'audit.read']]);
});

test('the pages are the whole list, newest first, each entry once', async () => {
  const proposal = await startProposalOf(fixture, 'expense-report', 'an');
  await client.get(`/proposals/${proposal}`, 'an');
  const all: Entry[] = (await client.get('/audit?limit=100', 'audrey')).items;
  const paged: Entry[] = [];
  let cursor = '';
  do {
    const { items, next } = await client.get(`/audit?limit=3${cursor}`, 'audrey');
    paged.push(...items);
    cursor = next === undefined ? '' : `&cursor=${next}`;
  } while (cursor !== '');
  expect(all.length).toBeGreaterThan(20);
  expect(paged).toEqual(all);
  const moments = all.map(({ at }) => at);
  expect(moments).toEqual(moments.toSorted().reverse());
  expect(new Set(all.map(({ log, thing, seq }) => `${log} ${thing} ${seq}`)).size).toBe(all.length);
});

test('a cursor of another list, or of nothing that the store can hold, is none', async () => {
  const first = (await client.get('/audit?limit=1&log=admin', 'audrey')).items;
  const at = new Date().toISOString();
  for (const cursor of [
    [at, 'some-run'],
    [at, JSON.stringify(['run', 'a\0b', 1])],
    [at, JSON.stringify(['run', '\ud800', 1])],
    [at, JSON.stringify(['run', 'r', 2 ** 40])],
    ['', ''],
  ]) {
    const text = Buffer.from(JSON.stringify(cursor)).toString('base64url');
    expect((await client.get(`/audit?limit=1&log=admin&cursor=${text}`, 'audrey')).items).toEqual(first);
  }
});

test('a body that was tampered with is listed as it stands', async () => {
  const run = await startClaim(fixture);
  const { Client } = await import('pg');
  const database = new Client({ connectionString: fixture.database.ownerUrl });
  await database.connect();
  try {
    await database.query('SET session_replication_role = replica');
    await database.query(`UPDATE run_event SET body = '{"user":"gus' WHERE run_id = $1`, [run]);
  } finally {
    await database.end();
  }
  const { items } = await client.get(`/audit?thing=${run}`, 'audrey');
  expect((items as Entry[]).map(({ kind, detail }) => [kind, detail])).toEqual([['run.started', '{"user":"gus']]);
});

test('an auditor may read the audit and change nothing, a service with its scope the same, and nobody else', async () => {
  expect((await client.call('PUT', '/admin/groups/emea', 'audrey', { roles: [] })).statusCode).toBe(403);
  expect((await client.call('GET', '/audit', 'olga')).json()).toMatchObject({
    detail: 'This is for the roles admin and auditor.',
  });
  const made = await client.call('POST', '/admin/keys', 'ada', { service: 'archive', scopes: ['audit:read'] });
  const authorization = `Bearer ${made.json().key}`;
  const read = await fixture.app.inject({ url: '/audit?limit=1', headers: { authorization } });
  expect(read.statusCode).toBe(200);
  const other = await client.call('POST', '/admin/keys', 'ada', { service: 'sync', scopes: ['people:admin'] });
  const refused = await fixture.app.inject({
    url: '/audit',
    headers: { authorization: `Bearer ${other.json().key}`, 'idempotency-key': randomUUID() },
  });
  expect(refused.json()).toMatchObject({ status: 403, detail: 'The API key lacks the scope audit:read.' });
});
