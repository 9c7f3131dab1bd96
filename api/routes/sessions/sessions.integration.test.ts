/** Sessions by two APIs, asked in turn: one for each person, read where it was granted, written by its owner alone. */
import { randomUUID } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Deed } from '../../../prisma/session-deeds.ts';
import { appendMessage } from '../../../prisma/sessions.ts';
import type { ApiFixture } from '../../testing/api-fixture.ts';
import { eventually, openApiFixture } from '../../testing/api-fixture.ts';
import type { ProposalClient } from '../../testing/proposal-client.ts';
import { outcome, proposalClient } from '../../testing/proposal-client.ts';
import { expense, onboarding, publishGraph, startProposalOf } from '../../testing/proposal-documents.ts';
import { askOwnerOf } from '../../testing/session-questions.ts';

const an = { tenant: 'acme', user: 'an' };
let fixture: ApiFixture;
let client: ProposalClient;
beforeAll(async () => {
  fixture = await openApiFixture({ streams: { lookEveryMs: 50 }, credentialKey: Buffer.alloc(32, 5) });
  client = proposalClient(fixture, [fixture.app, await fixture.secondApp()]);
  await publishGraph(fixture, expense);
  await publishGraph(fixture, onboarding);
});
afterAll(() => fixture.close());

/** An's proposal, which Bo reviews and reads An's transcript of; and An's session with one message. */
async function shared(transcript = true): Promise<{ proposal: string; session: string }> {
  const proposal = await startProposalOf(fixture, 'expense-report', 'an');
  await client.call('POST', `/proposals/${proposal}/share`, 'an', { person: 'bo', mode: 'reviewer', transcript });
  const session = await continued(proposal, 'an');
  await client.call('POST', `/sessions/${session}/messages`, 'an', { text: 'What is missing?' });
  return { proposal, session };
}

async function continued(proposal: string, user: string): Promise<string> {
  return (await client.call('POST', `/proposals/${proposal}/sessions`, user, {})).json().id;
}

/** The worker takes up the session's turn and writes some of the answer. */
async function answering(session: string, ...pieces: string[]): Promise<string> {
  return fixture.worker.actAs(an, async (tx) => {
    const { id } = await tx.sessionTurn.findFirstOrThrow({ where: { sessionId: session, state: 'queued' } });
    await tx.sessionTurn.updateMany({ where: { id }, data: { state: 'running', fence: 1 } });
    for (const body of pieces) {
      await appendMessage(tx, an, session, { author: 'agent', kind: 'piece', turn: id, body });
    }
    return id;
  });
}

test('Continue opens one session for each person, also when a hundred ask at once', async () => {
  const proposal = await startProposalOf(fixture, 'expense-report', 'an');
  const answers = await Promise.all(
    Array.from({ length: 100 }, () => client.call('POST', `/proposals/${proposal}/sessions`, 'an', {})),
  );
  expect(answers.filter(({ statusCode }) => statusCode === 201)).toHaveLength(1);
  expect(answers.filter(({ statusCode }) => statusCode === 200)).toHaveLength(99);
  expect(new Set(answers.map((one) => one.json().id)).size).toBe(1);
  expect(answers[0]?.json()).toMatchObject({ proposal, owner: 'an', mayWrite: true, messages: 0, asks: [] });
  expect(outcome(await client.call('POST', `/proposals/${proposal}/sessions`, 'mai', {}))).toEqual([404, 'not-found']);
});

test('a message is stored, then handed to the session’s workflow until a worker takes the turn up', async () => {
  const { session } = await shared();
  const { items } = await client.get(`/sessions/${session}/messages`, 'an');
  expect(items).toEqual([
    {
      seq: 1,
      author: 'owner',
      kind: 'text',
      turn: expect.any(String),
      text: 'What is missing?',
      at: expect.any(String),
    },
  ]);
  await eventually(() => (fixture.workflows.answered.includes(session) ? true : undefined));
  await answering(session);
  await eventually(async () => {
    const left = await fixture.store.actAs(an, (tx) =>
      tx.outbox.count({ where: { workflowId: `session/${session}`, doneAt: null } }),
    );
    return left === 0 ? true : undefined;
  });
});

test('the same message sent twice under one key is said once', async () => {
  const { session } = await shared();
  const headers = { 'idempotency-key': randomUUID() };
  const say = () => client.call('POST', `/sessions/${session}/messages`, 'an', { text: 'Once.' }, headers);
  const [first, again] = [await say(), await say()];
  expect([first.statusCode, again.body]).toEqual([201, first.body]);
  expect((await client.get(`/sessions/${session}`, 'an')).messages).toBe(2);
});

test('a transcript is read by whom it was granted, and written by none of them', async () => {
  const { proposal, session } = await shared();
  expect((await client.get(`/sessions/${session}`, 'bo')).mayWrite).toBe(false);
  expect((await client.get(`/sessions/${session}/messages`, 'bo')).items[0].text).toBe('What is missing?');
  expect(
    (await client.get(`/proposals/${proposal}/sessions`, 'bo')).items.map((one: { id: string }) => one.id),
  ).toEqual([session]);
  for (const [path, payload] of [
    ['messages', { text: 'Mine' }],
    ['stop', {}],
    ['retry', {}],
  ] as const) {
    expect(outcome(await client.call('POST', `/sessions/${session}/${path}`, 'bo', payload))).toEqual([
      403,
      'not-permitted',
    ]);
  }
  // He continues in his own.
  const own = await continued(proposal, 'bo');
  expect(own).not.toBe(session);
  await client.call('POST', `/sessions/${own}/messages`, 'bo', { text: 'Mine' });
  expect((await client.get(`/sessions/${session}`, 'an')).messages).toBe(1);
  expect(outcome(await client.call('GET', `/sessions/${own}`, 'an'))).toEqual([404, 'not-found']);
  const collaborator = `/proposals/${proposal}/collaborators/bo`;
  await client.call('PATCH', collaborator, 'an', { transcript: false });
  expect(outcome(await client.call('GET', `/sessions/${session}/messages`, 'bo'))).toEqual([404, 'not-found']);
});

test('a transcript is taken back from a closed proposal, where nothing else is changed', async () => {
  const { proposal, session } = await shared();
  await client.call('PATCH', `/proposals/${proposal}`, 'an', { status: 'closed' });
  const change = (payload: object) => client.call('PATCH', `/proposals/${proposal}/collaborators/bo`, 'an', payload);
  expect(outcome(await change({ mode: 'reviewer', transcript: false }))).toEqual([409, 'proposal-closed']);
  expect(outcome(await change({ transcript: true }))).toEqual([409, 'proposal-closed']);
  expect((await client.call('GET', `/sessions/${session}/messages`, 'bo')).statusCode).toBe(200);
  expect((await change({ transcript: false })).json().people[1]).toMatchObject({ user: 'bo', readsTranscriptsOf: [] });
  expect(outcome(await client.call('GET', `/sessions/${session}/messages`, 'bo'))).toEqual([404, 'not-found']);
  expect((await client.call('DELETE', `/proposals/${proposal}/collaborators/bo`, 'an')).statusCode).toBe(200);
});

test('whose access is taken away leaves no transcript behind that others read', async () => {
  const { proposal, session } = await shared();
  await client.call('POST', `/proposals/${proposal}/share`, 'an', { person: 'bo', mode: 'handoff' });
  expect((await client.call('GET', `/sessions/${session}/messages`, 'bo')).statusCode).toBe(200);
  expect((await client.call('DELETE', `/proposals/${proposal}/collaborators/an`, 'bo')).statusCode).toBe(200);
  expect(outcome(await client.call('GET', `/sessions/${session}/messages`, 'bo'))).toEqual([404, 'not-found']);
  const last = await fixture.store.actAs({ tenant: 'acme', user: 'bo' }, (tx) =>
    tx.proposalEvent.findFirst({ where: { proposalId: proposal, type: 'transcript.revoked' } }),
  );
  expect(JSON.parse(last?.body ?? '')).toEqual({ owner: 'an', user: 'bo', by: 'bo' });
});

test('who sees a proposal no more takes back what they granted, and is shown nothing', async () => {
  // Olga sees it by her role alone, which owns a section.
  const proposal = await startProposalOf(fixture, 'onboarding-plan', 'an', { buddy: 'mai' });
  await client.call('POST', `/proposals/${proposal}/share`, 'an', { person: 'bo', mode: 'reviewer' });
  const session = await continued(proposal, 'olga');
  await client.call('POST', `/sessions/${session}/messages`, 'olga', { text: 'What is missing?' });
  const shared = { person: 'bo', mode: 'reviewer', transcript: true };
  expect((await client.call('POST', `/proposals/${proposal}/share`, 'olga', shared)).statusCode).toBe(201);
  await client.call('PATCH', '/admin/users/olga', 'ada', { roles: [] });
  try {
    expect(outcome(await client.call('GET', `/proposals/${proposal}`, 'olga'))).toEqual([404, 'not-found']);
    expect((await client.call('GET', `/sessions/${session}/messages`, 'bo')).statusCode).toBe(200);
    const change = (of: string, payload: object) =>
      client.call('PATCH', `/proposals/${proposal}/collaborators/${of}`, 'olga', payload);
    expect(outcome(await change('bo', { transcript: true }))).toEqual([404, 'not-found']);
    expect(outcome(await change('an', { transcript: false }))).toEqual([404, 'not-found']);
    const takenBack = await change('bo', { transcript: false });
    expect([takenBack.statusCode, takenBack.json()]).toEqual([200, { people: [], roles: [] }]);
    expect(outcome(await client.call('GET', `/sessions/${session}/messages`, 'bo'))).toEqual([404, 'not-found']);
  } finally {
    await client.call('PATCH', '/admin/users/olga', 'ada', { roles: ['operator'] });
  }
});

test('the admin log says who connected a tool and took that back, and not by what', async () => {
  const connect = () => client.call('PUT', '/connections/calendar', 'mai', { credential: 'of-mai' });
  const remove = () => client.call('DELETE', '/connections/calendar', 'mai');
  for (const [ask, connected] of [
    [remove, false],
    [connect, true],
    [connect, true],
    [remove, false],
  ] as const) {
    expect((await ask()).json()).toEqual({ tool: 'calendar', connected });
  }
  const events = (await client.get('/admin/events?limit=100', 'ada')).items
    .filter(({ subject }: { subject: string }) => subject === 'calendar')
    .map(({ actor, what, detail }: { actor: string; what: string; detail: object }) => [actor, what, detail]);
  expect(events).toEqual([
    ['mai', 'credential.connected', {}],
    ['mai', 'credential.connected', {}],
    ['mai', 'credential.removed', {}],
  ]);
});

test('a collaborator without a grant is shown nothing of it', async () => {
  const { proposal, session } = await shared(false);
  for (const path of ['', '/messages', '/events']) {
    expect(outcome(await client.call('GET', `/sessions/${session}${path}`, 'bo'))).toEqual([404, 'not-found']);
  }
  expect((await client.get(`/proposals/${proposal}/sessions`, 'bo')).items).toEqual([]);
});

test('whatever a reader sends to the session of another, nothing is said in it: 0 of more than 200 ways', async () => {
  const { proposal, session } = await shared();
  const own = await continued(proposal, 'bo');
  const asked = await askOwnerOf(fixture, session, { does: 'share', person: 'minh' }, 'an');
  const at = (path: string) => `/sessions/${session}${path}`;
  const paths = [
    at('/messages'),
    at('/messages?owner=bo'),
    at('/messages/'),
    at('/stop'),
    at('/retry'),
    at('/events'),
    at(`/confirmations/${asked}`),
    at(''),
    `/sessions/${own}/../${session}/messages`,
    `/sessions/${own}%2F..%2F${session}/messages`,
    `/sessions/${own}/confirmations/${asked}`,
    `/proposals/${proposal}/sessions?owner=an`,
    `/proposals/${proposal}/sessions/${session}/messages`,
  ];
  const bodies = [
    { text: 'forged' },
    { text: 'forged', owner: 'an', ownerId: 'an', session },
    { answer: 'yes' },
    {},
    { text: 'forged', author: 'owner', seq: 2 },
  ];
  const headers = [{}, { 'x-user': 'an', 'x-forwarded-user': 'an' }];
  const before = await fixture.store.actAs(an, (tx) => tx.message.findMany({ where: { ownerId: 'an' } }));
  let tried = 0;
  for (const url of paths) {
    for (const payload of bodies) {
      for (const more of headers) {
        for (const method of ['POST', 'PUT', 'PATCH'] as const) {
          await client.call(method, url, 'bo', payload, more);
          tried += 1;
        }
      }
    }
  }
  expect(tried).toBeGreaterThan(200);
  expect(await fixture.store.actAs(an, (tx) => tx.message.findMany({ where: { ownerId: 'an' } }))).toEqual(before);
  const seen = await client.get(`/sessions/${session}`, 'an');
  expect([seen.turn.state, seen.asks.length]).toEqual(['queued', 1]);
});

test('a page goes on where the one before ended, and leaves out pieces', async () => {
  const { session } = await shared();
  await answering(session, 'The ', 'costs.');
  for (const text of ['Two', 'Three']) await client.call('POST', `/sessions/${session}/messages`, 'an', { text });
  const first = await client.get(`/sessions/${session}/messages?limit=2`, 'an');
  const rest = await client.get(`/sessions/${session}/messages?cursor=${first.next}`, 'an');
  expect([...first.items, ...rest.items].map((one) => [one.seq, one.text])).toEqual([
    [1, 'What is missing?'],
    [4, 'Two'],
    [5, 'Three'],
  ]);
});

test('a stream shows an answer as it is written, to the owner and to whom it was granted, until that is taken back', async () => {
  const { proposal, session } = await shared();
  await fixture.app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = fixture.app.server.address() as AddressInfo;
  const follow = async (user: string) => {
    const headers = await fixture.as(user);
    const response = await fetch(`http://127.0.0.1:${port}/sessions/${session}/events`, { headers });
    const stream = { text: '', ended: false };
    void (async () => {
      const decoder = new TextDecoder();
      for await (const chunk of response.body ?? []) stream.text += decoder.decode(chunk, { stream: true });
      stream.ended = true;
    })().catch(() => undefined);
    return stream;
  };
  const [own, granted] = [await follow('an'), await follow('bo')];
  await answering(session, 'The ', 'costs.');
  for (const stream of [own, granted]) {
    await eventually(() => (stream.text.includes('"text":"costs."') ? true : undefined));
    expect(stream.text.match(/^id: \d+\nevent: \w+/gm)).toEqual([
      'id: 1\nevent: text',
      'id: 2\nevent: piece',
      'id: 3\nevent: piece',
    ]);
  }
  await client.call('PATCH', `/proposals/${proposal}/collaborators/bo`, 'an', { transcript: false });
  await eventually(() => (granted.ended ? true : undefined));
  expect(own.ended).toBe(false);
});

test('stop ends what waits, tells what is under way to, and what failed or was stopped is asked again', async () => {
  const { session } = await shared();
  const running = await answering(session);
  await client.call('POST', `/sessions/${session}/messages`, 'an', { text: 'And then?' });
  const stopped = await client.call('POST', `/sessions/${session}/stop`, 'an', {});
  expect(stopped.json().turn).toMatchObject({ number: 2, state: 'stopped' });
  const under = await fixture.store.actAs(an, (tx) => tx.sessionTurn.findFirstOrThrow({ where: { id: running } }));
  expect([under.state, under.stopping]).toEqual(['running', true]);
  const again = await client.call('POST', `/sessions/${session}/retry`, 'an', {});
  expect(again.json()).toMatchObject({ number: 2, state: 'queued' });
  expect(outcome(await client.call('POST', `/sessions/${session}/retry`, 'an', {}))).toEqual([409, 'nothing-to-retry']);
  const { items } = await client.get(`/sessions/${session}/messages`, 'an');
  expect(items.slice(-2).map((one: { kind: string; data: object }) => [one.kind, one.data])).toEqual([
    ['turn', { state: 'stopped' }],
    ['turn', { state: 'queued' }],
  ]);
});

test('in a closed proposal nothing more is said', async () => {
  const { proposal, session } = await shared();
  await client.call('PATCH', `/proposals/${proposal}`, 'an', { status: 'closed' });
  const said = await client.call('POST', `/sessions/${session}/messages`, 'an', { text: 'Still there?' });
  expect(outcome(said)).toEqual([409, 'proposal-closed']);
  expect((await client.get(`/sessions/${session}/messages`, 'an')).items).toHaveLength(1);
});

test('what an agent asks is done when its owner says yes, by them, once; a no does nothing', async () => {
  const { proposal, session } = await shared();
  const ask = (deed: Deed) => askOwnerOf(fixture, session, deed, 'an');
  const say = (confirmation: string, answer: 'yes' | 'no', user = 'an') =>
    client.call('POST', `/sessions/${session}/confirmations/${confirmation}`, user, { answer });
  const sharing = await ask({ does: 'share', person: 'minh' });
  const edit = await ask({ does: 'edit', section: 'Purpose', base: null, content: 'A trip' });
  const later = await ask({ does: 'edit', section: 'Purpose', base: null, content: 'No trip' });
  const handing = await ask({ does: 'hand over', person: 'minh' });
  expect((await client.get(`/sessions/${session}`, 'an')).asks).toHaveLength(4);
  expect((await client.get(`/sessions/${session}`, 'bo')).asks).toEqual([]);
  // Who reads the transcript answers nothing.
  expect(outcome(await say(sharing, 'yes', 'bo'))).toEqual([403, 'not-permitted']);
  expect((await say(sharing, 'yes')).json().outcome).toEqual({ did: 'shared' });
  expect(outcome(await say(sharing, 'yes'))).toEqual([409, 'confirmation-answered']);
  expect((await say(edit, 'yes')).json().outcome).toMatchObject({ did: 'wrote', section: 'Purpose', version: 1 });
  expect((await say(later, 'yes')).json().outcome).toMatchObject({ did: 'suggested', status: 'stale' });
  expect((await say(handing, 'no')).json()).toEqual({ confirmation: expect.objectContaining({ state: 'declined' }) });
  const seen = await client.get(`/proposals/${proposal}`, 'an');
  expect(seen.assignee).toBe('an');
  const purpose = seen.sections.find(({ name }: { name: string }) => name === 'Purpose');
  expect([purpose.content, purpose.provenance.by, purpose.provenance.source]).toEqual(['A trip', 'an', 'session']);
  // The log says what was asked for and how it was answered, and nothing of what it holds.
  const rows = await fixture.store.actAs(an, (tx) =>
    tx.proposalEvent.findMany({
      where: { proposalId: proposal, type: { startsWith: 'deed.' } },
      orderBy: { seq: 'asc' },
    }),
  );
  expect(rows.map(({ type, section, body }) => [type, section, JSON.parse(body)])).toEqual([
    ['deed.confirmed', null, { by: 'an', session, confirmation: sharing, does: 'share' }],
    ['deed.confirmed', 'Purpose', { by: 'an', session, confirmation: edit, does: 'edit' }],
    ['deed.confirmed', 'Purpose', { by: 'an', session, confirmation: later, does: 'edit' }],
    ['deed.declined', null, { by: 'an', session, confirmation: handing, does: 'hand over' }],
  ]);
  const audit = await client.get(`/audit?thing=${proposal}&kind=deed.declined`, 'ada');
  expect(audit.items.map(({ person, kind }: { person: string; kind: string }) => [person, kind])).toEqual([
    ['an', 'deed.declined'],
  ]);
  // Sharing by an agent grants no transcript.
  expect(outcome(await client.call('GET', `/sessions/${session}`, 'minh'))).toEqual([404, 'not-found']);
});

test('a yes to a call of a tool has a turn of its own make it, once', async () => {
  const { session } = await shared();
  const at = { step: 'talk', path: '' };
  const asked = await askOwnerOf(
    fixture,
    session,
    { does: 'call', tool: 'rooms.book', arguments: { room: 'Blue' }, at },
    'an',
  );
  const url = `/sessions/${session}/confirmations/${asked}`;
  const { outcome: begun } = (await client.call('POST', url, 'an', { answer: 'yes' })).json();
  const { turn } = await client.get(`/sessions/${session}`, 'an');
  expect([begun, turn.number, turn.state]).toEqual([{ did: 'begun', turn: turn.id }, 2, 'queued']);
  expect(outcome(await client.call('POST', url, 'an', { answer: 'yes' }))).toEqual([409, 'confirmation-answered']);
  expect((await client.get(`/sessions/${session}`, 'an')).turn.number).toBe(2);
});

test('a yes to a patch does these operations and no others; one that cannot be done leaves the state as it is', async () => {
  const proposal = await startProposalOf(fixture, 'onboarding-plan', 'an', { buddy: 'bo' });
  const session = await continued(proposal, 'an');
  await client.call('POST', `/sessions/${session}/messages`, 'an', { text: 'Make it ready.' });
  const base = (await client.get(`/proposals/${proposal}`, 'an')).state.digest;
  const confirmed = async (patch: Extract<Deed, { does: 'patch' }>['patch']) => {
    const asked = await askOwnerOf(fixture, session, { does: 'patch', base, patch }, 'an');
    return client.call('POST', `/sessions/${session}/confirmations/${asked}`, 'an', { answer: 'yes' });
  };
  expect((await confirmed([{ op: 'remove', path: '/mentor' }])).json().outcome).toEqual({
    did: 'nothing',
    why: 'patch[0]: Unexpected remove at /mentor, expected a place that the value has',
  });
  const done = await confirmed([{ op: 'add', path: '/mentor', value: 'Bo' }]);
  expect(done.json().outcome).toMatchObject({ did: 'wrote', section: '', version: 2 });
  const { state } = await client.get(`/proposals/${proposal}`, 'an');
  expect([state.content, state.provenance.source]).toEqual([{ phase: 'draft', mentor: 'Bo' }, 'session']);
});

test('an agent gets nobody to do what its owner may not: a reviewer’s yes does not hand over', async () => {
  const { proposal } = await shared();
  const session = await continued(proposal, 'bo');
  await client.call('POST', `/sessions/${session}/messages`, 'bo', { text: 'Give it to Minh.' });
  const handing = await askOwnerOf(fixture, session, { does: 'hand over', person: 'minh' }, 'bo');
  const url = `/sessions/${session}/confirmations/${handing}`;
  expect(outcome(await client.call('POST', url, 'bo', { answer: 'yes' }))).toEqual([403, 'not-permitted']);
  expect((await client.get(`/sessions/${session}`, 'bo')).asks).toHaveLength(1);
  expect((await client.get(`/proposals/${proposal}`, 'an')).assignee).toBe('an');
});
