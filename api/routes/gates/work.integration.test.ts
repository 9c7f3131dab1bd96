import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { putArtifact } from '../../../prisma/artifacts.ts';
import type { ApiFixture } from '../../testing/api-fixture.ts';
import { openApiFixture, openClaimGate, publishClaim, startClaim } from '../../testing/api-fixture.ts';

const reportDocument = `# Report

## Proposal
| Section | Type |
|---------|------|
| Summary | text |

## Steps
### Look at it
- approve: manager
- share: handoff
`;

let fixture: ApiFixture;
let run: string;
let gate: { id: string; subject: string };

beforeAll(async () => {
  fixture = await openApiFixture();
  await publishClaim(fixture);
});
afterAll(() => fixture.close());
beforeEach(async () => {
  run = await startClaim(fixture);
  gate = await openClaimGate(fixture, run);
});

async function post(what: string, user: string, payload: object = {}) {
  return fixture.app.inject({
    method: 'POST',
    url: `/gates/${gate.id}/${what}`,
    headers: await fixture.as(user, randomUUID()),
    payload,
  });
}

const decide = (user: string, said: object = {}) =>
  post('decisions', user, { action: 'approve', subject: gate.subject, ...said });
const problemOf = (response: Awaited<ReturnType<typeof post>>): [number, string] => [
  response.statusCode,
  response.json().type?.replace('urn:waymark:problem:', ''),
];
const get = async (url: string, user: string) =>
  (await fixture.app.inject({ url, headers: await fixture.as(user) })).json();
const inbox = async (user: string, query = ''): Promise<string[]> =>
  (await get(`/gates${query}`, user)).items.map(({ id }: { id: string }) => id);
const told = async (user: string) =>
  (await get('/notifications', user)).items
    .filter(({ address }: { address: string }) => address === `/gates/${gate.id}`)
    .map(({ kind }: { kind: string }) => kind);
const events = () =>
  fixture.store.actAs({ tenant: 'acme', user: 'an' }, async (tx) =>
    (await tx.runEvent.findMany({ where: { runId: run }, orderBy: { seq: 'asc' } }))
      .map(({ type }) => type)
      .filter((type) => type.startsWith('gate.')),
  );

describe('a claim', () => {
  test('keeps others from deciding, and from their inbox, until it is released', async () => {
    const claimed = await post('claim', 'mai');
    expect(claimed.json()).toEqual({ gate: gate.id, claimed: { by: 'mai', at: expect.any(String) } });
    expect((await post('claim', 'mai')).json()).toEqual(claimed.json());
    expect(problemOf(await post('claim', 'minh'))).toEqual([409, 'claimed']);
    expect(problemOf(await decide('minh'))).toEqual([409, 'claimed']);
    expect(await inbox('minh')).not.toContain(gate.id);
    expect(await inbox('minh', '?claimed=others')).toContain(gate.id);
    expect(await inbox('mai', '?claimed=me')).toContain(gate.id);
    expect((await get('/gates', 'mai')).counts).toMatchObject({ claimed: 1 });
    expect((await post('release', 'mai')).json()).toEqual({ gate: gate.id });
    expect((await decide('minh')).statusCode).toBe(201);
    expect(await events()).toEqual(['gate.claimed', 'gate.refused-decision', 'gate.released', 'gate.decided']);
  });

  test('is released by who made it and by operators, and by nobody else', async () => {
    await post('claim', 'mai');
    expect(problemOf(await post('release', 'minh'))).toEqual([403, 'not-permitted']);
    expect((await post('release', 'olga')).json()).toEqual({ gate: gate.id });
    expect((await post('release', 'minh')).statusCode).toBe(200);
  });

  test('of somebody who lost the right to decide stands in nobody’s way', async () => {
    await post('claim', 'minh');
    await setManager('minh', false);
    try {
      expect((await post('claim', 'mai')).json().claimed.by).toBe('mai');
      expect((await decide('mai')).statusCode).toBe(201);
    } finally {
      await setManager('minh', true);
    }
  });

  test('is for those who may decide, while the gate is open', async () => {
    expect(problemOf(await post('claim', 'bo'))).toEqual([403, 'not-an-approver']);
    expect(problemOf(await post('claim', 'an'))).toEqual([403, 'separation-of-duties']);
    await decide('mai');
    expect(problemOf(await post('claim', 'mai'))).toEqual([409, 'already-decided']);
  });
});

async function setManager(user: string, holds: boolean): Promise<void> {
  const { Client } = await import('pg');
  const owner = new Client({ connectionString: fixture.database.ownerUrl });
  await owner.connect();
  await owner.query(
    holds
      ? "INSERT INTO membership VALUES ('acme', $1, 'manager')"
      : "DELETE FROM membership WHERE user_id = $1 AND role = 'manager'",
    [user],
  );
  await owner.end();
}

test('who claims a gate that hands the proposal over becomes its assignee', async () => {
  const as = async (user: string, url: string, payload: object) =>
    fixture.app.inject({ method: 'POST', url, headers: await fixture.as(user, randomUUID()), payload });
  await as('an', '/documents', { markdown: reportDocument });
  run = (await as('an', '/runs', { document: 'report', input: {} })).json().id;
  const proposal = (await as('an', `/runs/${run}/proposal`, {})).json();
  expect([proposal.id, proposal.assignee]).toMatchObject([expect.any(String), 'an']);
  gate = await openClaimGate(fixture, run, { row: { node: 'look_at_it' } });
  expect((await post('claim', 'mai')).statusCode).toBe(200);
  expect(await get(`/proposals/${proposal.id}`, 'mai')).toMatchObject({ assignee: 'mai' });
});

test('what a gate shows of a run with a proposal is hidden from who has no part in either', async () => {
  const as = async (user: string, method: 'POST' | 'DELETE', url: string, payload?: object) =>
    fixture.app.inject({
      method,
      url,
      headers: await fixture.as(user, randomUUID()),
      ...(payload === undefined ? {} : { payload }),
    });
  await as('an', 'POST', '/documents', { markdown: reportDocument });
  run = (await as('an', 'POST', '/runs', { document: 'report', input: {} })).json().id;
  gate = await openClaimGate(fixture, run, { shown: 'As Mai wrote it', row: { node: 'look_at_it' } });
  const shownTo = async (user: string) => {
    const one = await get(`/gates/${gate.id}`, user);
    const [listed] = (await get(`/gates?scope=all&status=any&run=${run}`, user)).items;
    expect([one.title, one.shown[0].name, one.shown[0].digest]).toEqual([
      'Manager approves',
      'note_the_claim',
      expect.any(String),
    ]);
    expect(listed.shown).toEqual(one.shown);
    return [one.shown[0].value, one.decisions.map(({ form }: { form?: unknown }) => form)];
  };
  // There is no proposal yet.
  expect(await shownTo('bo')).toEqual(['As Mai wrote it', []]);
  const { id } = (await as('an', 'POST', `/runs/${run}/proposal`, {})).json();
  for (const user of ['an', 'mai', 'minh', 'olga', 'ada']) expect(await shownTo(user)).toEqual(['As Mai wrote it', []]);
  expect(await shownTo('bo')).toEqual([undefined, []]);
  // Who is let into the proposal, until they are not.
  await as('an', 'POST', `/proposals/${id}/share`, { person: 'bo', mode: 'reviewer' });
  expect(await shownTo('bo')).toEqual(['As Mai wrote it', []]);
  await as('an', 'DELETE', `/proposals/${id}/collaborators/bo`);
  expect(await shownTo('bo')).toEqual([undefined, []]);
  // Who is asked at the gate, by delegation or by a question.
  await post('delegate', 'mai', { to: 'bo' });
  expect(await shownTo('bo')).toEqual(['As Mai wrote it', []]);
  await post('withdraw-delegation', 'mai');
  expect(await shownTo('bo')).toEqual([undefined, []]);
  await post('questions', 'mai', { text: 'Is this so?', to: 'bo' });
  expect(await shownTo('bo')).toEqual(['As Mai wrote it', []]);
});

test('what was filled in at a gate of a run with a proposal is hidden with it', async () => {
  const as = async (user: string, url: string, payload: object) =>
    fixture.app.inject({ method: 'POST', url, headers: await fixture.as(user, randomUUID()), payload });
  await as('an', '/documents', { markdown: reportDocument });
  run = (await as('an', '/runs', { document: 'report', input: {} })).json().id;
  await as('an', `/runs/${run}/proposal`, {});
  gate = await openClaimGate(fixture, run, { row: { node: 'look_at_it' } });
  const vote = { id: randomUUID(), tenantId: 'acme', gateId: gate.id, userId: 'mai', action: 'approve', comment: '' };
  await fixture.store.actAs({ tenant: 'acme', user: 'mai' }, async (tx) => {
    const formDigest = await putArtifact(tx, 'acme', { summary: 'As Mai wrote it' });
    await tx.decision.create({ data: { ...vote, formDigest, subject: gate.subject, decidedAt: new Date() } });
  });
  const [toMinh, toBo] = [await get(`/gates/${gate.id}`, 'minh'), await get(`/gates/${gate.id}`, 'bo')];
  expect(toMinh.decisions).toMatchObject([{ by: 'mai', form: { summary: 'As Mai wrote it' } }]);
  expect(toBo.decisions).toMatchObject([{ by: 'mai', action: 'approve' }]);
  expect(toBo.decisions[0].form).toBeUndefined();
});

describe('a delegation', () => {
  test('lets another cast the vote, in whose inbox the gate then is', async () => {
    expect(problemOf(await decide('bo'))).toEqual([403, 'not-an-approver']);
    expect((await post('delegate', 'mai', { to: 'bo' })).json()).toEqual({ gate: gate.id, from: 'mai', to: 'bo' });
    expect(await inbox('bo')).toContain(gate.id);
    expect(await told('bo')).toEqual(['delegated']);
    expect((await decide('bo')).statusCode).toBe(201);
    expect(await get(`/gates/${gate.id}`, 'an')).toMatchObject({
      decisions: [{ by: 'bo', for: 'mai', action: 'approve', counts: true }],
      delegations: [{ from: 'mai', to: 'bo' }],
    });
  });

  test('gives one vote, not two: of a quorum the other half is still missing', async () => {
    gate = await openClaimGate(fixture, run, { row: { quorum: 2 } });
    await post('delegate', 'mai', { to: 'minh' });
    expect((await decide('minh', { for: 'mai' })).json().missing).toMatchObject([{ more: 1 }]);
    // One's own instead of the delegated one: still one person.
    expect((await decide('minh', { for: 'minh' })).json().missing).toMatchObject([{ more: 1 }]);
    expect((await decide('mai')).json().missing).toEqual([]);
  });

  test('binds both by not by, and ends with the right of who made it', async () => {
    expect(problemOf(await post('delegate', 'an', { to: 'bo' }))).toEqual([403, 'separation-of-duties']);
    expect(problemOf(await post('delegate', 'mai', { to: 'an' }))).toEqual([403, 'separation-of-duties']);
    expect(problemOf(await post('delegate', 'bo', { to: 'mai' }))).toEqual([403, 'not-an-approver']);
    for (const to of ['nobody', 'gus', 'minh']) {
      expect(problemOf(await post('delegate', 'minh', { to }))).toEqual([422, 'unknown-person']);
    }
    await post('delegate', 'minh', { to: 'bo' });
    await setManager('minh', false);
    try {
      expect(problemOf(await decide('bo'))).toEqual([403, 'not-an-approver']);
      expect(await inbox('bo')).not.toContain(gate.id);
    } finally {
      await setManager('minh', true);
    }
  });

  test('is withdrawn by who made it: the vote that was cast under it counts no more', async () => {
    gate = await openClaimGate(fixture, run, { row: { quorum: 2 } });
    await post('delegate', 'mai', { to: 'bo' });
    expect((await decide('bo')).statusCode).toBe(201);
    expect((await post('withdraw-delegation', 'minh')).json()).toEqual({ gate: gate.id, from: 'minh' });
    expect((await post('withdraw-delegation', 'mai')).json()).toEqual({ gate: gate.id, from: 'mai', to: 'bo' });
    expect((await post('withdraw-delegation', 'mai')).json()).toEqual({ gate: gate.id, from: 'mai' });
    expect(problemOf(await decide('bo'))).toEqual([403, 'not-an-approver']);
    expect(await inbox('bo')).not.toContain(gate.id);
    expect(await inbox('mai')).toContain(gate.id);
    expect(await get(`/gates/${gate.id}`, 'an')).toMatchObject({
      decisions: [{ by: 'bo', for: 'mai', counts: false }],
      missing: [{ action: 'approve', needed: [{ roles: ['manager'], more: 2 }] }],
      delegations: [{ from: 'mai', to: 'bo', withdrawnAt: expect.any(String) }],
    });
    expect(await events()).toEqual([
      'gate.delegated',
      'gate.voted',
      'gate.delegation-withdrawn',
      'gate.refused-decision',
    ]);
    await decide('mai');
    await decide('minh');
    expect(problemOf(await post('withdraw-delegation', 'mai'))).toEqual([409, 'already-decided']);
  });

  test('is taken back by another delegation, and by one’s own vote', async () => {
    await post('delegate', 'mai', { to: 'bo' });
    await post('delegate', 'mai', { to: 'olga' });
    expect(problemOf(await decide('bo'))).toEqual([403, 'not-an-approver']);
    gate = await openClaimGate(fixture, run, { row: { quorum: 2 } });
    await post('delegate', 'mai', { to: 'bo' });
    await decide('mai');
    expect(problemOf(await decide('bo'))).toEqual([403, 'not-an-approver']);
  });
});

describe('a question', () => {
  test('goes to who started the run or to who is named, who answers, and closes nothing', async () => {
    const asked = await post('questions', 'mai', { text: 'Which shop?' });
    expect([asked.statusCode, asked.json()]).toMatchObject([201, { kind: 'question', by: 'mai', to: 'an' }]);
    expect(await told('an')).toEqual(['question']);
    const toBo = await post('questions', 'mai', { text: 'And you?', to: 'bo' });
    const answered = await post('answers', 'bo', { question: toBo.json().id, text: 'Metro.' });
    expect(answered.statusCode).toBe(201);
    expect(problemOf(await post('answers', 'minh', { question: toBo.json().id, text: 'Metro.' }))[1]).toBe(
      'not-permitted',
    );
    expect(await told('mai')).toEqual(['answer']);
    expect(await get(`/gates/${gate.id}`, 'mai')).toMatchObject({
      status: 'open',
      messages: [
        { by: 'mai', to: 'an', text: 'Which shop?' },
        { by: 'mai', to: 'bo', text: 'And you?' },
        { kind: 'answer', by: 'bo', answers: toBo.json().id, text: 'Metro.' },
      ],
    });
  });

  test('is asked by those who may decide, of people there are, at a gate that is open', async () => {
    expect(problemOf(await post('questions', 'bo', { text: 'Why?' }))).toEqual([403, 'not-an-approver']);
    expect(problemOf(await post('questions', 'mai', { text: 'Why?', to: 'gus' }))).toEqual([422, 'unknown-person']);
    expect(problemOf(await post('answers', 'an', { question: 'none', text: 'So.' }))).toEqual([404, 'not-found']);
    await decide('mai');
    expect(problemOf(await post('questions', 'mai', { text: 'Why?' }))).toEqual([409, 'already-decided']);
  });
});
