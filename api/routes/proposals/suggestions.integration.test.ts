import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ApiFixture } from '../../testing/api-fixture.ts';
import { openApiFixture } from '../../testing/api-fixture.ts';
import type { ProposalClient } from '../../testing/proposal-client.ts';
import { at, outcome, proposalClient } from '../../testing/proposal-client.ts';
import { expense, incident, onboarding, publishGraph, startProposalOf } from '../../testing/proposal-documents.ts';

let fixture: ApiFixture;
let client: ProposalClient;
/** Of another API on the same store. */
let second: ProposalClient;
beforeAll(async () => {
  fixture = await openApiFixture();
  client = proposalClient(fixture);
  second = proposalClient({ ...fixture, app: await fixture.secondApp() });
  for (const graph of [onboarding, expense, incident]) await publishGraph(fixture, graph);
});
afterAll(() => fixture.close());

/** A proposal of An's, the assignee, with Bo as reviewer and a first purpose. */
async function openReviewed(): Promise<string> {
  const id = await startProposalOf(fixture, 'expense-report', 'an');
  await client.put(id, 'Purpose', 'A trip', 0, 'an');
  await client.call('POST', `/proposals/${id}/share`, 'an', { person: 'bo', mode: 'reviewer' });
  return id;
}
const sectionOf = async (id: string, name: string, user = 'an') =>
  (await client.get(`/proposals/${id}`, user)).sections.find((one: { name: string }) => one.name === name);
const suggest = (id: string, payload: object, user = 'bo') =>
  client.call('POST', `/proposals/${id}/suggestions`, user, payload);
async function replacePurpose(id: string, content: string, user = 'bo'): Promise<string> {
  const { digest } = await sectionOf(id, 'Purpose');
  const made = await suggest(id, { kind: 'replace', section: 'Purpose', base: digest, content }, user);
  expect(made.statusCode).toBe(201);
  return made.json().id;
}
const deed = (
  id: string,
  suggestion: string,
  what: 'accept' | 'reject' | 'withdraw',
  user: string,
  payload: object = {},
  headers = {},
) => client.call('POST', `/proposals/${id}/suggestions/${suggestion}/${what}`, user, payload, headers);
const told = async (user: string, id: string) =>
  (await client.get('/notifications?limit=100', user)).items
    .filter((one: { proposal: string }) => one.proposal === id)
    .map((one: { kind: string }) => one.kind);

test('a reviewer’s replacement is applied when the assignee accepts it, and the history says from whom', async () => {
  const id = await openReviewed();
  const suggestion = await replacePurpose(id, 'A trip to Hanoi');
  expect(await told('an', id)).toEqual(['suggested']);
  expect(outcome(await deed(id, suggestion, 'accept', 'bo'))).toEqual([403, 'not-permitted']);
  const accepted = await deed(id, suggestion, 'accept', 'an', { note: 'Thanks' });
  expect(accepted.json()).toMatchObject({
    status: 'accepted',
    decidedBy: 'an',
    note: 'Thanks',
    on: { section: 'Purpose' },
  });
  const section = await sectionOf(id, 'Purpose');
  expect(section).toMatchObject({
    content: 'A trip to Hanoi',
    version: 2,
    digest: accepted.json().applied,
    provenance: { by: 'an', source: 'suggestion', of: suggestion },
  });
  expect(await told('bo', id)).toEqual(['decided', 'shared']);
  expect(outcome(await deed(id, suggestion, 'reject', 'an'))).toEqual([409, 'suggestion-decided']);
});

test('a suggestion that would not be valid is refused when it is made', async () => {
  const id = await openReviewed();
  const { digest } = await sectionOf(id, 'Lines');
  const made = await suggest(id, {
    kind: 'replace',
    section: 'Lines',
    base: digest,
    content: [{ what: 'x', each: -1, count: 1 }],
  });
  expect(outcome(made)).toEqual([422, 'invalid-content']);
  const never = await suggest(id, { kind: 'replace', section: 'Purpose', base: 'never', content: 'x' });
  expect([...outcome(never), never.json().errors[0].at]).toEqual([400, 'invalid-request', '/base']);
  expect(outcome(await suggest(id, { kind: 'replace', section: 'Nothing', base: null, content: 'x' }))).toEqual([
    404,
    'not-found',
  ]);
  expect(outcome(await suggest(id, { kind: 'patch', base: null, patch: [{ op: 'remove', path: '/x' }] }))).toEqual([
    404,
    'not-found',
  ]);
});

test('after an edit it is stale: shown with base, current and proposed, told to its author, and never applied as it is', async () => {
  const id = await openReviewed();
  const suggestion = await replacePurpose(id, 'Proposed');
  await client.put(id, 'Purpose', 'Current', 1, 'an');
  const view = await client.get(`/proposals/${id}/suggestions/${suggestion}`, 'bo');
  expect(view).toMatchObject({
    status: 'stale',
    threeWay: { base: 'A trip', current: 'Current', proposed: 'Proposed', version: 2 },
  });
  expect(await told('bo', id)).toEqual(['stale', 'shared']);
  expect(outcome(await deed(id, suggestion, 'accept', 'an'))).toEqual([409, 'stale-suggestion']);
  expect(outcome(await deed(id, suggestion, 'accept', 'an', {}, at(2)))).toEqual([409, 'stale-suggestion']);
  expect(outcome(await deed(id, suggestion, 'accept', 'an', { content: 'Both' }))).toEqual([409, 'stale-suggestion']);
  expect(outcome(await deed(id, suggestion, 'accept', 'an', { content: 'Both' }, at(1)))).toEqual([
    412,
    'version-conflict',
  ]);
  expect((await sectionOf(id, 'Purpose')).content).toBe('Current');
  expect((await deed(id, suggestion, 'accept', 'an', { content: 'Both' }, at(2))).json().status).toBe('accepted');
  expect(await sectionOf(id, 'Purpose')).toMatchObject({
    content: 'Both',
    version: 3,
    provenance: { source: 'suggestion' },
  });
});

test('a suggestion over a version that is left behind already is stale from the start', async () => {
  const id = await openReviewed();
  const { digest } = await sectionOf(id, 'Purpose');
  await client.put(id, 'Purpose', 'Current', 1, 'an');
  const made = await suggest(id, { kind: 'replace', section: 'Purpose', base: digest, content: 'Late' });
  expect([made.statusCode, made.json().status]).toEqual([201, 'stale']);
});

test('of two suggestions over one base the accepted one makes the other stale', async () => {
  const id = await openReviewed();
  const [one, two] = [await replacePurpose(id, 'One'), await replacePurpose(id, 'Two')];
  expect((await deed(id, one, 'accept', 'an')).statusCode).toBe(200);
  expect(outcome(await deed(id, two, 'accept', 'an'))).toEqual([409, 'stale-suggestion']);
  const { items } = await client.get(`/proposals/${id}/suggestions`, 'bo');
  expect(items.map((row: { id: string; status: string }) => [row.id, row.status])).toEqual([
    [two, 'stale'],
    [one, 'accepted'],
  ]);
  expect((await client.get(`/proposals/${id}/suggestions?status=stale`, 'bo')).items).toHaveLength(1);
});

test('accepted with edits, what is written is the edit, validated again', async () => {
  const id = await openReviewed();
  const { digest } = await sectionOf(id, 'Lines');
  const lines = [{ what: 'Train', each: 40, count: 2 }];
  const made = (await suggest(id, { kind: 'replace', section: 'Lines', base: digest, content: lines })).json().id;
  const bad = [{ what: 'Yacht', each: 5_000, count: 1 }];
  expect(outcome(await deed(id, made, 'accept', 'an', { content: bad }))).toEqual([422, 'invalid-content']);
  expect((await client.get(`/proposals/${id}/suggestions/${made}`, 'an')).status).toBe('open');
  expect((await sectionOf(id, 'Lines')).content).toEqual([]);
  await deed(id, made, 'accept', 'an', { content: [{ what: 'Bus', each: 10, count: 2, total: 7 }] });
  expect((await sectionOf(id, 'Lines')).content).toEqual([{ what: 'Bus', each: 10, count: 2, total: 20 }]);
  expect((await sectionOf(id, 'Total')).content).toBe(20);
});

test('a patch of the state is previewed, accepted, and computed values stay code’s', async () => {
  const id = await startProposalOf(fixture, 'incident-report', 'olga');
  await client.call('PUT', `/proposals/${id}/state`, 'olga', { content: { severity: 3, affected: [] } }, at(0));
  await client.call('POST', `/proposals/${id}/share`, 'olga', { person: 'bo', mode: 'reviewer' });
  const { digest } = (await client.get(`/proposals/${id}`, 'bo')).state;
  const patch = [
    { op: 'replace', path: '/severity', value: 1 },
    { op: 'replace', path: '/urgent', value: false },
  ];
  const made = await suggest(id, { kind: 'patch', base: digest, patch });
  expect(made.json()).toMatchObject({ kind: 'patch', on: 'state', status: 'open' });
  const view = await client.get(`/proposals/${id}/suggestions/${made.json().id}`, 'olga');
  expect([view.body, view.threeWay.proposed.severity]).toEqual([patch, 1]);
  await deed(id, made.json().id, 'accept', 'olga');
  expect((await client.get(`/proposals/${id}`, 'bo')).state).toMatchObject({
    version: 2,
    content: { severity: 1, affected: [], urgent: true },
    provenance: { source: 'suggestion' },
  });
  const never = [{ op: 'test', path: '/severity', value: 4 }];
  const base = (await client.get(`/proposals/${id}`, 'bo')).state.digest;
  expect(outcome(await suggest(id, { kind: 'patch', base, patch: never }))).toEqual([422, 'invalid-content']);
});

test('a section’s owner decides what is suggested for it, even by the assignee', async () => {
  const id = await startProposalOf(fixture, 'onboarding-plan', 'an', { buddy: 'bo' });
  const made = await suggest(
    id,
    { kind: 'replace', section: 'Notes of the buddy', base: null, content: 'From an' },
    'an',
  );
  expect(await told('bo', id)).toEqual(['suggested', 'assigned']);
  expect(outcome(await deed(id, made.json().id, 'accept', 'an'))).toEqual([403, 'not-permitted']);
  expect((await deed(id, made.json().id, 'accept', 'bo')).statusCode).toBe(200);
  expect((await sectionOf(id, 'Notes of the buddy', 'bo')).content).toBe('From an');
});

test('comments change nothing, outlive edits, and are settled', async () => {
  const id = await openReviewed();
  const made = await suggest(id, { kind: 'comment', on: { section: 'Purpose' }, text: 'Why Hanoi?' });
  await client.put(id, 'Purpose', 'A trip to Hanoi, to see a client', 1, 'an');
  const view = await client.get(`/proposals/${id}/suggestions/${made.json().id}`, 'an');
  expect([view.status, view.body, view.on, view.threeWay]).toEqual([
    'open',
    'Why Hanoi?',
    { section: 'Purpose' },
    undefined,
  ]);
  expect((await deed(id, made.json().id, 'accept', 'an')).json().status).toBe('accepted');
  const whole = await suggest(id, { kind: 'comment', text: 'Good' });
  expect(outcome(await deed(id, whole.json().id, 'reject', 'bo'))).toEqual([403, 'not-permitted']);
  expect((await deed(id, whole.json().id, 'reject', 'an')).json()).toMatchObject({
    on: 'proposal',
    status: 'rejected',
  });
});

test('only its author withdraws a suggestion, and a rejected one tells why', async () => {
  const id = await openReviewed();
  const one = await replacePurpose(id, 'One');
  expect(outcome(await deed(id, one, 'withdraw', 'an'))).toEqual([403, 'not-permitted']);
  expect((await deed(id, one, 'withdraw', 'bo')).json().status).toBe('withdrawn');
  expect(outcome(await deed(id, one, 'accept', 'an'))).toEqual([409, 'suggestion-decided']);
  const two = await replacePurpose(id, 'Two');
  expect((await deed(id, two, 'reject', 'an', { note: 'Too short' })).json()).toMatchObject({
    status: 'rejected',
    note: 'Too short',
  });
  expect((await sectionOf(id, 'Purpose')).content).toBe('A trip');
});

test('a suggestion of another proposal is not found under this one', async () => {
  const [id, other] = [await openReviewed(), await openReviewed()];
  const suggestion = await replacePurpose(id, 'One');
  expect(outcome(await deed(other, suggestion, 'accept', 'an'))).toEqual([404, 'not-found']);
});

test('an acceptance by one API that races an edit by another is applied or stale, never both, and each of them at times: 40 races or more', async () => {
  const id = await openReviewed();
  const outcomes = { applied: 0, stale: 0 };
  // Which of the two is faster is for the machine to say: until both have been, at most so often.
  for (let round = 0; round < 40 || (round < 1_000 && Math.min(outcomes.applied, outcomes.stale) === 0); round += 1) {
    const { version } = await sectionOf(id, 'Purpose');
    const suggestion = await replacePurpose(id, `suggested ${round}`);
    const accepting = () => deed(id, suggestion, 'accept', 'an');
    const editing = () => second.put(id, 'Purpose', `edited ${round}`, version, 'an');
    const order = round % 2 === 0 ? [accepting, editing] : [editing, accepting];
    const done = await Promise.all(order.map((begin) => begin()));
    const [accepted, edited] = round % 2 === 0 ? done : done.reverse();
    const after = await sectionOf(id, 'Purpose');
    const { status } = await client.get(`/proposals/${id}/suggestions/${suggestion}`, 'an');
    if (accepted?.statusCode === 200) {
      expect([edited?.statusCode, after.content, status]).toEqual([412, `suggested ${round}`, 'accepted']);
      outcomes.applied += 1;
    } else {
      expect([accepted?.statusCode, edited?.statusCode, after.content, status]).toEqual([
        409,
        200,
        `edited ${round}`,
        'stale',
      ]);
      outcomes.stale += 1;
    }
    expect(after.version).toBe(version + 1);
  }
  expect(Math.min(outcomes.applied, outcomes.stale)).toBeGreaterThan(0);
});
