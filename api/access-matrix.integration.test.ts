/** Every route of the OpenAPI document, asked as every persona, of one of two APIs in turn. What each may is written in testing/access-rows.ts. */
import { randomUUID } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { scopesByRoute } from './key-scopes.ts';
import type { AccessRow, AccessWorld, Persona } from './testing/access-rows.ts';
import { accessRows, openAccessWorld, personas } from './testing/access-rows.ts';
import { openApiFixture } from './testing/api-fixture.ts';

let world: AccessWorld;
let apps: FastifyInstance[];
let requests = 0;
beforeAll(async () => {
  const declared = { models: new Map([['small', { model: 'scripted-1' }]]) };
  const model = { baseUrl: 'http://127.0.0.1:9/v1', apiKey: 'none' };
  // What a person is told has no end: the matrix asks for what there is by now.
  const streams = { longestMs: 300 };
  world = await openAccessWorld(await openApiFixture({ declared, model, credentialKey: Buffer.alloc(32), streams }));
  apps = [world.fixture.app, await world.fixture.secondApp()];
});
afterAll(() => world.fixture.close());

const everyPersona = Object.keys(personas) as Persona[];

/** Names of the routes, as in `accessRows`. */
async function describedRoutes(): Promise<string[]> {
  const { paths } = (await world.fixture.app.inject('/openapi.json')).json<{ paths: Record<string, object> }>();
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
}

async function outcomeOf(route: string, row: AccessRow, persona: Persona): Promise<string> {
  const headers = await personas[persona](world, route);
  const { params = {}, query = {}, headers: more = {}, payload } = await row.ask(world);
  const [method, path = ''] = route.split(' ');
  requests += 1;
  const app = apps[requests % apps.length] ?? world.fixture.app;
  const response = await app.inject({
    method: method as 'GET',
    url: path.replace(/\{(\w+)\}/g, (_whole, name: string) => encodeURIComponent(params[name] ?? '')),
    query,
    headers: { ...headers, ...more, 'idempotency-key': randomUUID() },
    ...(payload === undefined ? {} : { payload }),
  });
  const { statusCode, body } = response;
  if (statusCode === 401) return 'stranger';
  if (statusCode === 403) return 'forbidden';
  if (statusCode === 404) return 'hidden';
  if (statusCode < 200 || statusCode > 299) return `${statusCode} ${body}`;
  if (persona !== 'otherTenant') return 'ok';
  return world.secrets.some((secret) => body.includes(secret)) ? 'ok' : 'empty';
}

test('every route has a row, and every row a route', async () => {
  const routes = await describedRoutes();
  const rows = Object.keys(accessRows);
  expect({
    routesWithoutRow: routes.filter((route) => !rows.includes(route)),
    rowsWithoutRoute: rows.filter((row) => !routes.includes(row)),
  }).toEqual({ routesWithoutRow: [], rowsWithoutRoute: [] });
});

test('every route that keys may ask for is one', async () => {
  const routes = (await describedRoutes()).map((route) => route.replace(/\{(\w+)\}/g, ':$1'));
  expect(Object.keys(scopesByRoute).filter((route) => !routes.includes(route))).toEqual([]);
});

test('no row shows another tenant anything, and none lets a stranger in but those that are open to all', () => {
  for (const [route, { expected }] of Object.entries(accessRows)) {
    expect([route, expected.otherTenant]).not.toEqual([route, 'ok']);
    const { anonymous, expired, deactivated } = expected;
    const everybody = route === 'GET /health' || route === 'GET /ready' ? 'ok' : 'stranger';
    expect([route, anonymous, expired, deactivated]).toEqual([route, everybody, everybody, everybody]);
  }
});

describe('as each persona', () => {
  test.each(Object.entries(accessRows))('%s answers what its row says', async (route, row) => {
    const outcomes: Partial<Record<Persona, string>> = {};
    for (const persona of everyPersona) outcomes[persona] = await outcomeOf(route, row, persona);
    expect(outcomes).toEqual(row.expected);
  });
});

test('a proposal is shown to nobody of another tenant', async () => {
  const headers = await world.fixture.as('gil');
  for (const url of ['/proposals?limit=100', '/notifications?limit=100']) {
    expect((await world.fixture.app.inject({ url, headers })).json().items).toEqual([]);
  }
});

test('what a row says of secrets would show: the owner is shown each of them', async () => {
  const headers = await world.fixture.as('ada');
  const seen = await Promise.all(
    [
      `/runs/${world.run}`,
      `/runs/${world.endedRun}`,
      `/gates/${world.gate.id}`,
      '/documents',
      '/admin/keys?limit=100',
      '/admin/webhooks?limit=100',
      '/admin/groups',
      '/admin/users',
    ].map(async (url) => (await world.fixture.app.inject({ url, headers })).body),
  );
  expect(world.secrets.filter((secret) => !seen.join('').includes(secret))).toEqual([]);
});
