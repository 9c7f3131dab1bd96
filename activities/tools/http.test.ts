import { afterEach, beforeEach, expect, test } from 'vitest';
import { retryAfter } from '../../models/retry-after.ts';
import type { HttpCall } from '../configuration.ts';
import type { ToolServer } from '../testing/tool-server.ts';
import { json, startToolServer } from '../testing/tool-server.ts';
import { RequestProblem, requestOf, send } from './http.ts';

let server: ToolServer;
beforeEach(async () => {
  server = await startToolServer();
});
afterEach(() => server.close());

const place = (name: string) => `$\{${name}}`;
const hosts = ['api.example'];

function built(call: HttpCall, args: Parameters<typeof requestOf>[1], values = {}) {
  const { url, ...rest } = requestOf(call, args, values, hosts);
  return { url: url.href, ...rest };
}

test('arguments the address does not name go to the query of a GET and into the body of a POST', () => {
  const url = 'https://api.example/people/{id}';
  expect(built({ method: 'GET', url }, { id: 'a/b', limit: 3, tags: ['x'] })).toEqual({
    method: 'GET',
    url: 'https://api.example/people/a%2Fb?limit=3&tags=%5B%22x%22%5D',
    headers: {},
  });
  expect(built({ method: 'POST', url }, { id: 7, name: 'Ada' })).toEqual({
    method: 'POST',
    url: 'https://api.example/people/7',
    headers: { 'content-type': 'application/json' },
    body: '{"name":"Ada"}',
  });
});

test('query and body are sent as they are mapped', () => {
  const call: HttpCall = {
    method: 'POST',
    url: 'https://api.example/x',
    query: { q: 'word' },
    body: { amount_minor: 'amount' },
  };
  expect(built(call, { word: 'é', amount: 5, unused: 1 })).toMatchObject({
    url: 'https://api.example/x?q=%C3%A9',
    body: '{"amount_minor":5}',
  });
});

test('an argument is never read as a place for a value of the surroundings', () => {
  const call: HttpCall = { method: 'GET', url: 'https://api.example/{name}', headers: { 'X-Key': place('KEY') } };
  expect(built(call, { name: place('KEY') }, { KEY: 'secret' })).toEqual({
    method: 'GET',
    url: 'https://api.example/%24%7BKEY%7D',
    headers: { 'x-key': 'secret' },
  });
});

test('other hosts, other protocols and missing arguments are refused before anything is sent', () => {
  const get =
    (url: string, args = {}) =>
    () =>
      requestOf({ method: 'GET', url }, args, {}, hosts);
  expect(get('https://evil.example/')).toThrow(
    'Unexpected host evil.example, expected one of allowedHosts in the configuration',
  );
  expect(get('ftp://api.example/')).toThrow(RequestProblem);
  expect(get('https://api.example@evil.example/')).toThrow(RequestProblem);
  expect(get('https://api.example/{id}')).toThrow('Unexpected call without id, expected that argument');
});

test('an argument cannot lead to another host or up the path', () => {
  const call: HttpCall = { method: 'GET', url: 'https://{host}/x' };
  expect(() => requestOf(call, { host: 'evil.example' }, {}, hosts)).toThrow(RequestProblem);
  const people: HttpCall = { method: 'GET', url: 'https://api.example/people/{id}/pay' };
  expect(() => requestOf(people, { id: '..' }, {}, hosts)).toThrow(RequestProblem);
});

const call = (timeoutMs = 2000, signal?: AbortSignal) =>
  send({ method: 'GET', url: new URL(server.url), headers: {} }, timeoutMs, signal);

test('an answer is JSON where it is JSON, text as text, nothing as null', async () => {
  server.answer = (_, response) => json(response, 200, { a: 1 });
  expect(await call()).toEqual({ kind: 'ok', value: { a: 1 } });
  server.answer = (_, response) => response.end('hello');
  expect(await call()).toEqual({ kind: 'ok', value: 'hello' });
  server.answer = (_, response) => response.writeHead(204).end();
  expect(await call()).toEqual({ kind: 'ok', value: null });
});

test('what is no success says what it means', async () => {
  server.answer = (_, response) => json(response, 422, { why: 'no' });
  expect(await call()).toEqual({ kind: 'refused', status: 422, body: '{"why":"no"}' });
  server.answer = (_, response) => json(response, 429, {}, { 'retry-after': '2' });
  expect(await call()).toEqual({ kind: 'throttled', retryAfterMs: 2000 });
  server.answer = (_, response) => json(response, 503, {});
  expect(await call()).toEqual({ kind: 'broken', reason: 'status 503' });
  server.answer = (_, response) => response.destroy();
  expect(await call()).toMatchObject({ kind: 'broken' });
  server.answer = () => undefined;
  expect(await call(50)).toEqual({ kind: 'timeout' });
  // To follow would leave the list of allowed hosts.
  server.answer = (_, response) => response.writeHead(302, { location: 'http://evil.example/' }).end();
  expect(await call()).toMatchObject({ kind: 'refused', status: 302 });
});

test('a connection that never came about is known to have sent nothing', async () => {
  await server.close();
  expect(await call()).toEqual({ kind: 'not-sent', reason: 'ECONNREFUSED' });
});

test('a cancel ends the call with its own reason', async () => {
  server.answer = () => undefined;
  const controller = new AbortController();
  const answer = call(5000, controller.signal);
  controller.abort(new Error('cancelled by hand'));
  await expect(answer).rejects.toThrow('cancelled by hand');
});

test('retry-after is seconds or a date', () => {
  const now = Date.parse('2026-11-21T10:00:00Z');
  const after = (text: string) => retryAfter(new Headers({ 'retry-after': text }), now);
  expect(after('120')).toBe(120_000);
  expect(after('Sat, 21 Nov 2026 10:00:30 GMT')).toBe(30_000);
  expect(after('Sat, 21 Nov 2026 09:00:00 GMT')).toBe(0);
  expect(after('soon')).toBeUndefined();
  expect(retryAfter(new Headers())).toBeUndefined();
});
