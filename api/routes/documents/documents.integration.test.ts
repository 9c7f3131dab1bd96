import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ApiFixture } from '../../testing/api-fixture.ts';
import { claimDocument, openApiFixture, publishClaim } from '../../testing/api-fixture.ts';

let fixture: ApiFixture;
beforeAll(async () => {
  fixture = await openApiFixture();
});
afterAll(() => fixture.close());

const publish = async (markdown: string, user = 'an', key = randomUUID()) =>
  fixture.app.inject({
    method: 'POST',
    url: '/documents',
    headers: await fixture.as(user, key),
    payload: { markdown },
  });
const get = async (url: string, user = 'an') => fixture.app.inject({ url, headers: await fixture.as(user) });

test('publishing stores the graph under its hash: 201, and 200 for the very graph again', async () => {
  const first = await publish(claimDocument);
  expect(first.statusCode).toBe(201);
  expect(first.json()).toEqual({
    document: 'claim',
    title: 'Claim',
    graphHash: expect.stringMatching(/^[0-9a-f]{64}$/),
  });
  const again = await publish(claimDocument, 'bo');
  expect([again.statusCode, again.body]).toEqual([200, first.body]);

  const graph = (await get(`/graphs/${first.json().graphHash}`)).json();
  expect(graph).toMatchObject({ document: 'claim', markdown: claimDocument, publishedBy: 'an' });
  expect(graph.graph.nodes.map((node: { id: string }) => node.id)).toEqual(['note_the_claim', 'manager_approves']);
  expect(graph.receipt).not.toBeNull();
});

test('an edited document is a new version, and the newest is what its id means', async () => {
  const before = (await publish(claimDocument)).json().graphHash;
  const edited = claimDocument.replace('Is this within policy?', 'Is this within the policy of March?');
  const after = (await publish(edited)).json().graphHash;
  expect(after).not.toBe(before);
  expect((await get('/documents/claim')).json()).toMatchObject({ id: 'claim', graphHash: after });
  expect((await get(`/graphs/${before}`)).statusCode).toBe(200);
});

test('a document with two mistakes is refused with both, each with its place', async () => {
  const mistaken = claimDocument
    .replace('not by: requester', 'not by: somebody')
    .replace('show: [Note the claim](#note-the-claim)', 'show: [Note the claim](#no-such-step)');
  const response = await publish(mistaken);
  expect(response.statusCode).toBe(422);
  expect(response.headers['content-type']).toBe('application/problem+json');
  expect(response.json()).toMatchObject({ type: 'urn:waymark:problem:document-has-mistakes', status: 422 });
  const lines = response.json().diagnostics.map((one: { line: number }) => one.line);
  expect(lines).toEqual([
    mistaken.split('\n').findIndex((line) => line.includes('somebody')) + 1,
    mistaken.split('\n').findIndex((line) => line.includes('no-such-step')) + 1,
  ]);
});

test('documents and graphs of one tenant do not exist for another', async () => {
  const hash = await publishClaim(fixture);
  expect((await get('/documents/claim', 'gus')).statusCode).toBe(404);
  expect((await get(`/graphs/${hash}`, 'gus')).statusCode).toBe(404);
  expect((await get('/documents', 'gus')).json()).toEqual({ items: [] });
});

test('documents come in pages by id', async () => {
  for (const title of ['Alpha', 'Beta', 'Zeta']) await publish(claimDocument.replace('# Claim', `# ${title}`));
  const first = (await get('/documents?limit=3')).json();
  expect(first.items.map((one: { id: string }) => one.id)).toEqual(['alpha', 'beta', 'claim']);
  const rest = (await get(`/documents?limit=3&cursor=${first.next}`)).json();
  expect(rest.items.map((one: { id: string }) => one.id)).toEqual(['zeta']);
  expect(rest.next).toBeUndefined();
});

test('a cursor that is none, and a key that is missing, are told by place', async () => {
  const cursor = await get('/documents?cursor=nonsense');
  expect([cursor.statusCode, cursor.json().errors]).toEqual([
    400,
    [{ at: '/cursor', in: 'query', message: 'Expected the `next` of an earlier page' }],
  ]);
  const { 'idempotency-key': _none, ...headers } = await fixture.as('an', 'x');
  const keyless = await fixture.app.inject({
    method: 'POST',
    url: '/documents',
    headers,
    payload: { markdown: '# A' },
  });
  expect(keyless.json().type).toBe('urn:waymark:problem:idempotency-key-required');
});

test('two who publish a new document at once both succeed, and one of them made it', async () => {
  const fresh = claimDocument.replace('# Claim', '# Raced');
  const both = await Promise.all([publish(fresh, 'an'), publish(fresh, 'bo')]);
  expect(both.map((one) => one.statusCode).sort()).toEqual([200, 201]);
});

const house = '# House\n\n## Agents\n\n### Auditor\n\n- model: small\n- tools: policy.lookup\n\nYou check.\n';
const audit = '# Audit\n\n## Steps\n\n### Check\n\n- agent: [Auditor](shared/house.md#auditor)\n\nIs it right?\n';

test('a link takes from the newest version of the document that its file names, unless the request pins another', async () => {
  const lonely = await publish(audit);
  expect([lonely.statusCode, lonely.json().diagnostics[0].code]).toEqual([422, 'unknown-document']);
  const first = (await publish(house)).json().graphHash;
  const before = (await publish(audit)).json().graphHash;
  const second = (await publish(house.replace('You check', 'You check twice'))).json().graphHash;
  const after = (await publish(audit)).json().graphHash;
  const pinned = await fixture.app.inject({
    method: 'POST',
    url: '/documents',
    headers: await fixture.as('an', randomUUID()),
    payload: { markdown: audit, documents: { 'shared/house.md': first } },
  });
  expect([pinned.statusCode, pinned.json().graphHash]).toEqual([200, before]);
  const externals = async (hash: string) => (await get(`/graphs/${hash}`)).json().graph.externals;
  const external = { thing: 'agent', as: 'auditor', file: 'shared/house.md', anchor: 'auditor' };
  expect(await externals(before)).toEqual([{ ...external, graph: first }]);
  expect(await externals(after)).toEqual([{ ...external, graph: second }]);
  expect((await publish(audit, 'gus')).json().diagnostics[0].code).toBe('unknown-document');
});

test('a document is checked against what the configuration declares', async () => {
  const app = await fixture.secondApp({ declared: { tools: new Map(), models: new Map([['large', {}]]) } });
  const response = await app.inject({
    method: 'POST',
    url: '/documents',
    headers: await fixture.as('an', randomUUID()),
    payload: { markdown: house },
  });
  const codes = response.json().diagnostics.map((one: { code: string }) => one.code);
  expect([response.statusCode, codes]).toEqual([422, ['unknown-model', 'unknown-tool']]);
});

test('a graph as JSON is published with the document that is rendered from it', async () => {
  const { graphHash } = (await publish(claimDocument)).json();
  const { graph } = (await get(`/graphs/${graphHash}`)).json();
  const post = async (payload: object) =>
    fixture.app.inject({ method: 'POST', url: '/documents', headers: await fixture.as('an', randomUUID()), payload });
  const made = await post({ graph: { ...graph, id: 'made', title: 'Made by machine' } });
  expect([made.statusCode, made.json().document]).toEqual([201, 'made']);
  const stored = (await get(`/graphs/${made.json().graphHash}`)).json();
  expect(stored.receipt.graph).toBe(made.json().graphHash);
  expect(stored.markdown).toMatch(/^# Made by machine\n\n- id: made\n/);
  const again = await publish(stored.markdown);
  expect([again.statusCode, again.json()]).toEqual([200, made.json()]);

  const nodes = [{ ...graph.nodes[0], title: 'Two\nlines' }, ...graph.nodes.slice(1)];
  const unsayable = await post({ graph: { ...graph, nodes } });
  expect([unsayable.statusCode, unsayable.json().type]).toEqual([422, 'urn:waymark:problem:graph-has-mistakes']);
  expect(unsayable.json().errors[0]).toMatchObject({ at: '/nodes/0/title', in: 'graph' });
  expect((await post({ graph, markdown: claimDocument })).json().errors).toEqual([
    { at: '/markdown', in: 'body', message: 'Expected exactly one of markdown and graph' },
  ]);
});
