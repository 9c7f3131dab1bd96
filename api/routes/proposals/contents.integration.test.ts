import { afterAll, beforeAll, expect, test } from 'vitest';
import { verifyProposalChain } from '../../../prisma/proposal-log.ts';
import type { ApiFixture } from '../../testing/api-fixture.ts';
import { asWorker, openApiFixture, startClaim } from '../../testing/api-fixture.ts';
import type { Method, ProposalClient } from '../../testing/proposal-client.ts';
import { at, outcome, proposalClient } from '../../testing/proposal-client.ts';
import {
  claim,
  expense,
  incident,
  onboarding,
  publishGraph,
  startProposalOf,
} from '../../testing/proposal-documents.ts';

let fixture: ApiFixture;
let client: ProposalClient;
beforeAll(async () => {
  fixture = await openApiFixture();
  client = proposalClient(fixture);
  for (const graph of [claim, onboarding, expense, incident]) await publishGraph(fixture, graph);
});
afterAll(() => fixture.close());

const call = (method: Method, url: string, user = 'an', payload?: object, headers: object = {}) =>
  client.call(method, url, user, payload, headers);
const get = (url: string, user = 'an') => client.get(url, user);
const put = (id: string, section: string, content: unknown, version: number, user = 'an') =>
  client.put(id, section, content, version, user);

test('a proposal without a run has the sections and the state of its document, filled by defaults', async () => {
  const id = await startProposalOf(fixture, 'onboarding-plan', 'an', { buddy: 'bo@acme.test' });
  const view = await get(`/proposals/${id}`);
  expect(view).toMatchObject({
    title: 'Onboarding plan',
    status: 'open',
    assignee: 'an',
    startedBy: 'an',
    mayShare: true,
    steps: [],
  });
  expect(view.state).toMatchObject({
    version: 1,
    content: { phase: 'draft' },
    provenance: { source: 'default', by: 'an' },
  });
  expect(
    view.sections.map((one: { name: string; version: number; owner?: object; mayEdit: boolean }) => [
      one.name,
      one.version,
      one.owner,
      one.mayEdit,
    ]),
  ).toEqual([
    ['Welcome', 0, undefined, true],
    ['First week', 0, undefined, true],
    ['Equipment', 0, { role: 'operator' }, false],
    ['Notes of the buddy', 0, { person: 'bo' }, false],
  ]);
});

test('an owner who is no person of the tenant is refused', async () => {
  const response = await call('POST', '/proposals', 'an', { document: 'onboarding-plan', input: { buddy: 'gus' } });
  expect(outcome(response)).toEqual([422, 'unknown-person']);
});

test('a section is written under its version, valid, and says where it comes from', async () => {
  const id = await startProposalOf(fixture, 'onboarding-plan', 'an', { buddy: 'bo' });
  const missing = await call('PUT', `/proposals/${id}/sections/Welcome`, 'an', { content: 'Hello' });
  expect(outcome(missing)).toEqual([428, 'version-required']);
  const first = await put(id, 'Welcome', 'Hello', 0);
  expect([first.statusCode, first.headers.etag, first.json()]).toEqual([
    200,
    '"1"',
    { version: 1, digest: expect.any(String), content: 'Hello', proposalVersion: 2 },
  ]);
  expect(outcome(await put(id, 'Welcome', 'Late', 0))).toEqual([412, 'version-conflict']);
  const invalid = await put(id, 'First week', [{ what: '', day: 0 }], 0);
  expect([
    ...outcome(invalid),
    invalid
      .json()
      .errors.map((one: { at: string }) => one.at)
      .sort(),
  ]).toEqual([422, 'invalid-content', ['First week[0].day', 'First week[0].what']]);
  expect(outcome(await put(id, 'Nothing', 'x', 0))).toEqual([404, 'not-found']);
  const view = await get(`/proposals/${id}`);
  expect(view.sections[0]).toMatchObject({ content: 'Hello', version: 1, provenance: { by: 'an', source: 'person' } });
  expect(view.version).toBe(2);
});

test('a section’s owner edits it and nobody else, not even the assignee', async () => {
  const id = await startProposalOf(fixture, 'onboarding-plan', 'an', { buddy: 'bo' });
  expect(outcome(await put(id, 'Equipment', 'A laptop', 0))).toEqual([403, 'not-permitted']);
  expect((await put(id, 'Equipment', 'A laptop', 0, 'olga')).statusCode).toBe(200);
  expect((await put(id, 'Notes of the buddy', 'Hi', 0, 'bo')).statusCode).toBe(200);
  expect(outcome(await put(id, 'Welcome', 'Mine now', 0, 'bo'))).toEqual([403, 'not-permitted']);
});

test('derived values are computed by code, within a section and across sections, and never taken from a client', async () => {
  const id = await startProposalOf(fixture, 'expense-report');
  const lines = [
    { what: 'Train', each: 40, count: 2, total: 1_000_000 },
    { what: 'Hotel', each: 120, count: 1 },
  ];
  const written = (await put(id, 'Lines', lines, 1)).json();
  expect(written.content.map((line: { total: number }) => line.total)).toEqual([80, 120]);
  const { sections } = await get(`/proposals/${id}`);
  expect(sections[1]).toMatchObject({
    name: 'Total',
    content: 200,
    computed: true,
    mayEdit: false,
    provenance: { source: 'computed' },
  });
  expect(outcome(await put(id, 'Total', 0, sections[1].version))).toEqual([422, 'invalid-content']);
  const tooMuch = await put(id, 'Lines', [{ what: 'Yacht', each: 2_000, count: 1 }], 2);
  expect([...outcome(tooMuch), tooMuch.json().errors[0].at]).toEqual([422, 'invalid-content', 'Total']);
  expect((await get(`/proposals/${id}`)).sections[0].version).toBe(2);
});

test('the state is written whole or by a patch, all of it or nothing', async () => {
  const id = await startProposalOf(fixture, 'incident-report', 'olga');
  const state = `/proposals/${id}/state`;
  expect((await get(`/proposals/${id}`, 'olga')).state).toMatchObject({ version: 0 });
  const whole = await call('PUT', state, 'olga', { content: { severity: 1, affected: ['api'], urgent: false } }, at(0));
  expect(whole.json().content).toEqual({ severity: 1, affected: ['api'], urgent: true });
  const patch = [
    { op: 'test', path: '/severity', value: 1 },
    { op: 'replace', path: '/severity', value: 3 },
    { op: 'add', path: '/affected/-', value: 'console' },
  ];
  const patchJson = { 'content-type': 'application/json-patch+json' };
  const changed = await call('PATCH', state, 'olga', patch, { ...at(1), ...patchJson });
  expect(changed.json().content).toEqual({ severity: 3, affected: ['api', 'console'], urgent: false });
  const failing = [
    { op: 'replace', path: '/severity', value: 2 },
    { op: 'test', path: '/severity', value: 9 },
  ];
  expect(outcome(await call('PATCH', state, 'olga', failing, at(2)))).toEqual([422, 'invalid-content']);
  expect(outcome(await call('PATCH', state, 'olga', [{ op: 'remove', path: '/affected' }], at(2)))).toEqual([
    422,
    'invalid-content',
  ]);
  for (const path of ['/__proto__/x', '/constructor', 'severity']) {
    expect(outcome(await call('PATCH', state, 'olga', [{ op: 'add', path, value: 1 }], at(2)))).toEqual([
      400,
      'invalid-request',
    ]);
  }
  expect((await get(`/proposals/${id}`, 'olga')).state).toMatchObject({ version: 2, content: { severity: 3 } });
});

test('every version is kept, and two of them can be compared', async () => {
  const id = await startProposalOf(fixture, 'onboarding-plan', 'an', { buddy: 'bo' });
  for (const [version, text] of ['Hello\n', 'Hello\nWelcome\n', 'Hi\nWelcome\n'].entries())
    await put(id, 'Welcome', text, version);
  const versions = await get(`/proposals/${id}/sections/Welcome/versions?limit=2`);
  expect(versions.items.map((one: { version: number }) => one.version)).toEqual([3, 2]);
  expect(versions.items[0].base).toBe(versions.items[1].digest);
  const rest = await get(`/proposals/${id}/sections/Welcome/versions?limit=2&cursor=${versions.next}`);
  expect([rest.items.map((one: { version: number }) => one.version), rest.next]).toEqual([[1], undefined]);
  const diff = await get(`/proposals/${id}/sections/Welcome/diff?from=1&to=3`);
  expect([diff.from.content, diff.to.content]).toEqual(['Hello\n', 'Hi\nWelcome\n']);
  expect(diff.patch).toEqual([{ op: 'replace', path: '', value: 'Hi\nWelcome\n' }]);
  expect(diff.lines).toEqual([
    { change: 'removed', text: 'Hello\n' },
    { change: 'added', text: 'Hi\nWelcome\n' },
  ]);
  expect(outcome(await call('GET', `/proposals/${id}/sections/Welcome/diff?from=1&to=9`))).toEqual([404, 'not-found']);
  expect((await get(`/proposals/${id}/state/versions`)).items).toHaveLength(1);
});

test('a proposal is exported as Markdown and as JSON', async () => {
  const id = await startProposalOf(fixture, 'expense-report');
  await put(id, 'Lines', [{ what: 'Train | bus', each: 40, count: 2 }], 1);
  const markdown = await call('GET', `/proposals/${id}/export`, 'an', undefined, { accept: 'text/markdown' });
  expect(markdown.headers['content-type']).toBe('text/markdown; charset=utf-8');
  expect(markdown.body).toBe(
    '# Expense report\n\n## Lines\n\n| what | each | count | total |\n| --- | --- | --- | --- |\n| Train \\| bus | 40 | 2 | 80 |\n\n## Total\n\n80\n\n## Purpose\n\n*Not written yet.*\n',
  );
  expect(await get(`/proposals/${id}/export`)).toEqual({
    title: 'Expense report',
    version: 4,
    sections: [
      { name: 'Lines', version: 2, content: [{ what: 'Train | bus', each: 40, count: 2, total: 80 }] },
      { name: 'Total', version: 2, content: 80 },
      { name: 'Purpose', version: 0 },
    ],
  });
});

test('a run’s Result opens as a proposal of its rows, once, for who started the run', async () => {
  const run = await startClaim(fixture);
  expect(outcome(await call('POST', `/runs/${run}/proposal`, 'an'))).toEqual([409, 'no-result']);
  await asWorker(fixture, { ended: run, status: 'completed', result: { amount: 740 } });
  expect(outcome(await call('POST', `/runs/${run}/proposal`, 'bo'))).toEqual([403, 'not-permitted']);
  const opened = await Promise.all(Array.from({ length: 5 }, () => call('POST', `/runs/${run}/proposal`, 'an')));
  expect(opened.map((one) => one.statusCode).sort()).toEqual([200, 200, 200, 200, 201]);
  expect(new Set(opened.map((one) => one.json().id)).size).toBe(1);
  const view = await get(`/proposals/${opened[0]?.json().id}`);
  expect(view).toMatchObject({ title: 'Claim', run, assignee: 'an' });
  expect(view.sections).toMatchObject([
    { name: 'amount', type: 'number', content: 740, provenance: { source: 'result', by: 'an' } },
  ]);
  expect(view.steps.map((step: { id: string }) => step.id)).toEqual(['note_the_claim']);
});

test('after a resume on another version, the steps of the proposal are those of the run that goes on', async () => {
  const run = await startClaim(fixture);
  await asWorker(fixture, { ended: run, status: 'completed', result: { amount: 740 } });
  const { id } = (await call('POST', `/runs/${run}/proposal`, 'an')).json();
  const [first] = claim.nodes;
  const graph = await publishGraph(fixture, {
    ...claim,
    nodes: [...claim.nodes, { ...(first as (typeof claim.nodes)[0]), id: 'note_it_again', title: 'Note it again' }],
  });
  const resume = { from: 'note_it_again', graph };
  const plan = await get(`/runs/${run}/resume-plan?from=${resume.from}&graph=${graph}`);
  const resumed = await call('POST', `/runs/${run}/resume`, 'an', { ...resume, digest: plan.digest });
  expect(resumed.statusCode).toBe(201);
  const { run: root, steps } = await get(`/proposals/${id}`);
  expect([root, steps.map((step: { id: string }) => step.id)]).toEqual([run, ['note_the_claim', 'note_it_again']]);
  await publishGraph(fixture, claim);
});

test('a proposal that waits for a role is claimed by the first who has it', async () => {
  const id = await startProposalOf(fixture, 'incident-report', 'an');
  expect(await get(`/proposals/${id}`)).toMatchObject({ assigneeRole: 'operator', assigneeEpoch: 0, mayShare: false });
  expect(outcome(await put(id, 'Cause', 'x', 0))).toEqual([403, 'not-permitted']);
  expect(outcome(await call('POST', `/proposals/${id}/claim`, 'an'))).toEqual([403, 'not-permitted']);
  const claimed = await call('POST', `/proposals/${id}/claim`, 'olga');
  expect(claimed.json()).toMatchObject({ assignee: 'olga', assigneeEpoch: 1 });
  expect((await put(id, 'Cause', 'x', 0, 'olga')).statusCode).toBe(200);
});

test('a closed proposal is read and not written, until its assignee opens it again', async () => {
  const id = await startProposalOf(fixture, 'expense-report');
  expect((await call('PATCH', `/proposals/${id}`, 'an', { status: 'closed', title: 'Trip' })).json()).toMatchObject({
    status: 'closed',
    title: 'Trip',
  });
  expect(outcome(await put(id, 'Purpose', 'x', 0))).toEqual([409, 'proposal-closed']);
  expect((await call('GET', `/proposals/${id}`)).statusCode).toBe(200);
  await call('PATCH', `/proposals/${id}`, 'an', { status: 'open' });
  expect((await put(id, 'Purpose', 'x', 0)).statusCode).toBe(200);
});

test('its name is its assignee’s to change, and each change is in its log', async () => {
  const id = await startProposalOf(fixture, 'expense-report');
  const { version } = (await call('GET', `/proposals/${id}`)).json();
  for (const change of [{ title: 'Trip' }, { title: 'Trip' }, { title: 'Trip to Hue', status: 'closed' }]) {
    expect((await call('PATCH', `/proposals/${id}`, 'an', change)).json()).toMatchObject({ ...change, version });
  }
  expect(outcome(await call('PATCH', `/proposals/${id}`, 'bo', { title: 'Mine' }))).toEqual([404, 'not-found']);
  const events = await fixture.store.actAs({ tenant: 'acme', user: 'an' }, (tx) =>
    tx.proposalEvent.findMany({ where: { proposalId: id }, orderBy: { seq: 'asc' } }),
  );
  expect(events.slice(-3).map(({ type, body }) => [type, body])).toEqual([
    ['proposal.renamed', '{"user":"an"}'],
    ['proposal.renamed', '{"user":"an"}'],
    ['proposal.closed', '{"user":"an"}'],
  ]);
});

test('the log of all that was done verifies', async () => {
  const rows = await fixture.store.actAs({ tenant: 'acme', user: 'an' }, async (tx) => {
    const proposals = await tx.proposal.findMany({ include: { events: { orderBy: { seq: 'asc' } } } });
    return proposals.map(({ events, ...head }) => verifyProposalChain(events, head));
  });
  expect(rows.length).toBeGreaterThan(5);
  expect(rows.filter(({ ok }) => !ok)).toEqual([]);
});

test('text that the store cannot hold is refused, not failed', async () => {
  const id = await startProposalOf(fixture, 'expense-report');
  expect(outcome(await call('PATCH', `/proposals/${id}`, 'an', { title: 'a\u0000b' }))).toEqual([
    400,
    'invalid-request',
  ]);
  expect(outcome(await put(id, 'Purpose', 'lone \ud800 surrogate', 0))).toEqual([400, 'invalid-request']);
  expect(outcome(await call('GET', '/proposals/a%00b'))).toEqual([400, 'invalid-request']);
});
