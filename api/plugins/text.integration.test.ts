/** What the database would choke on is the caller's mistake, said as such, and never a 500. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ApiFixture } from '../testing/api-fixture.ts';
import { openApiFixture } from '../testing/api-fixture.ts';

let fixture: ApiFixture;
beforeAll(async () => {
  fixture = await openApiFixture();
});
afterAll(() => fixture.close());

const get = async (url: string) => fixture.app.inject({ url, headers: await fixture.as('ada') });
const post = async (url: string, payload: object | string) =>
  fixture.app.inject({
    method: 'POST',
    url,
    headers: { ...(await fixture.as('ada', randomUUID())), 'content-type': 'application/json' },
    payload,
  });
const cursor = (...parts: string[]) => Buffer.from(JSON.stringify(parts)).toString('base64url');

test.each([
  '/people?q=%00',
  '/runs/%00',
  '/runs/a%00b/journal',
  '/runs/%00/events',
  '/gates/%00',
  '/documents/%00',
  '/admin/users/%00',
  '/runs?document=%00',
  `/admin/users?cursor=${cursor('', '\0')}`,
  `/gates?cursor=${cursor('2020-01-01T00:00:00Z', '\0')}`,
])('a zero character in %j is an invalid request', async (url) => {
  const response = await get(url);
  expect([response.statusCode, response.json().type]).toEqual([400, 'urn:waymark:problem:invalid-request']);
});

test.each([
  ['/runs', { document: 'a\0', input: {} }, '/document'],
  ['/runs', { document: 'a', input: { 'a/b': [{ c: 'x\ud800' }] } }, '/input/a~1b/0/c'],
  ['/runs', { document: 'a', input: { 'x\0': 1 } }, '/input'],
  ['/documents', { markdown: '# A\0' }, '/markdown'],
  ['/admin/users', { displayName: 'a\udfffb', email: 'a@b.cd', subject: 'x' }, '/displayName'],
])('text in the body of POST %s that cannot be stored is named by its place', async (url, body, at) => {
  const response = await post(url, body);
  expect([response.statusCode, response.json().errors]).toEqual([
    400,
    [{ at, in: 'body', message: expect.stringMatching(/^Expected Unicode (text|names) without NUL$/) }],
  ]);
});

test('a number that no double holds is named by its place', async () => {
  const response = await post('/runs', '{"document": "nothing", "input": {"a": [1, -1e999]}}');
  expect([response.statusCode, response.json().errors]).toEqual([
    400,
    [{ at: '/input/a/1', in: 'body', message: 'Expected a number that a double can hold' }],
  ]);
});

test('a body nested without end is refused, and one that is deep as documents are is not', async () => {
  const nested = (levels: number) => `{"document":"nothing","input":${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}}`;
  expect((await post('/runs', nested(100_000))).statusCode).toBe(400);
  expect((await post('/runs', nested(150))).statusCode).toBe(404);
});

test.each([
  `/gates?cursor=${cursor('-200000-01-01T00:00:00Z', 'x')}`,
  `/runs?cursor=${cursor('+275760-01-01T00:00:00Z', 'x')}`,
  `/admin/events?cursor=${cursor('', '99999999999')}`,
  `/admin/keys?cursor=${cursor('nothing', 'x')}`,
])('a cursor of a time or a number that no row has gives a page: %s', async (url) => {
  expect((await get(url)).statusCode).toBe(200);
});

test('an address that cannot be decoded is a problem, too', async () => {
  const response = await get('/runs/%ED%A0%80');
  expect([response.statusCode, response.headers['content-type'], response.json().type]).toEqual([
    400,
    'application/problem+json',
    'urn:waymark:problem:malformed-request',
  ]);
});

test('an address with a part longer than any name leads nowhere', async () => {
  const response = await get(`/documents/${'x'.repeat(3_000)}`);
  expect([response.statusCode, response.json().type]).toEqual([404, 'urn:waymark:problem:not-found']);
});
