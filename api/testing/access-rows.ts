/**
 * Who may ask for what: one row for each route of the OpenAPI document. access-matrix.integration.test.ts asks every
 * route as every persona and fails for a route without a row.
 *
 * To add a route: add its row to `accessRows`, under its name in the OpenAPI document. `ask` says what the request is about:
 * always things of the tenant acme, made anew for each persona where asking changes them. `expected` is one of the sets
 * below with what differs written out: `{ ...ofTheTenant, ...onlyPeople, colleague: 'forbidden' }`.
 * To add a persona: add it to `personas`; the types then name every set that has to say what it may do.
 */
import { randomUUID } from 'node:crypto';
import type { KeyScope } from '../../prisma/api-keys.ts';
import { keyScopes } from '../../prisma/api-keys.ts';
import { provision } from '../../prisma/provision.ts';
import { scopesByRoute } from '../key-scopes.ts';
import type { ApiFixture } from './api-fixture.ts';
import { asWorker, claimDocument, claimInput, openClaimGate, publishClaim, startClaim } from './api-fixture.ts';

export interface AccessWorld {
  fixture: ApiFixture;
  /** Ids of acme's that nobody of another tenant may be shown. */
  secrets: string[];
  graphHash: string;
  /** A run that An started, and its open gate for managers. */
  run: string;
  gate: { id: string; subject: string };
  /** One that has ended. */
  endedRun: string;
  /** A group and a key of acme. */
  group: string;
  apiKey: string;
}

/** Each gives the headers of a request to the route. */
export const personas = {
  /** Started the runs; also a manager. */
  owner: (world) => world.fixture.as('an'),
  /** Of the same tenant, with no role that matters. */
  colleague: (world) => world.fixture.as('bo'),
  /** Of the same tenant, and may decide the gate. */
  approver: (world) => world.fixture.as('mai'),
  admin: (world) => world.fixture.as('ada'),
  /** Who is admin, manager and operator there. */
  otherTenant: (world) => world.fixture.as('gil'),
  /** A service's, with what the route needs, or with everything where no key may ask. */
  keyWithScope: (world, route) => keyHeaders(world, neededBy(route) ?? keyScopes),
  /** With everything but what the route needs. */
  keyWithoutScope: (world, route) =>
    keyHeaders(
      world,
      keyScopes.filter((scope) => !neededBy(route)?.includes(scope)),
    ),
  expired: async (world) => ({ authorization: `Bearer ${await world.fixture.issuer.sign('an', '1 minute ago')}` }),
  /** Was an admin. */
  deactivated: (world) => world.fixture.as('dora'),
  anonymous: async () => ({}),
} as const satisfies Record<string, (world: AccessWorld, route: string) => Promise<Record<string, string>>>;
export type Persona = keyof typeof personas;

/** `empty` is a success that shows nothing of acme: what another tenant's own lists are. */
export type Outcome = 'ok' | 'empty' | 'forbidden' | 'hidden' | 'stranger';
export type Expected = Readonly<Record<Persona, Outcome>>;

export interface Asked {
  /** Of the path. */
  params?: Record<string, string>;
  payload?: object;
}

export interface AccessRow {
  ask(world: AccessWorld): Asked | Promise<Asked>;
  expected: Expected;
}

const strangers = { expired: 'stranger', deactivated: 'stranger', anonymous: 'stranger' } as const;
const withScope = { keyWithScope: 'ok', keyWithoutScope: 'forbidden' } as const;
/** No key reaches it. */
export const onlyPeople = { keyWithScope: 'forbidden', keyWithoutScope: 'forbidden' } as const;

/** One thing of the tenant, for each of its members. */
export const ofTheTenant: Expected = {
  owner: 'ok',
  colleague: 'ok',
  approver: 'ok',
  admin: 'ok',
  otherTenant: 'hidden',
  ...withScope,
  ...strangers,
};
/** What each tenant has of its own: a list, or a place to add to. */
export const ofEachTenant: Expected = { ...ofTheTenant, otherTenant: 'empty' };
/** For the role admin, and for keys with the scope. */
export const ofAdmins: Expected = { ...ofTheTenant, owner: 'forbidden', colleague: 'forbidden', approver: 'forbidden' };
/** Answers everybody. */
export const open: Expected = {
  owner: 'ok',
  colleague: 'ok',
  approver: 'ok',
  admin: 'ok',
  otherTenant: 'empty',
  keyWithScope: 'ok',
  keyWithoutScope: 'ok',
  expired: 'ok',
  deactivated: 'ok',
  anonymous: 'ok',
};

const nothing = () => ({});
const theRun = (world: AccessWorld) => ({ params: { id: world.run } });
const aNewRun = async (world: AccessWorld) => ({ params: { id: await startClaim(world.fixture) }, payload: {} });
const someone = () => {
  const id = randomUUID();
  return { payload: { displayName: id, email: `${id}@new.test`, subject: id } };
};
/** Cancelling is for who started the run, operators and admins. */
const cancelling: Expected = {
  ...ofTheTenant,
  colleague: 'forbidden',
  approver: 'forbidden',
  keyWithScope: 'forbidden',
};

export const accessRows: Readonly<Record<string, AccessRow>> = {
  'GET /health': { ask: nothing, expected: open },
  'GET /ready': { ask: nothing, expected: open },

  'POST /documents': { ask: () => ({ payload: { markdown: claimDocument } }), expected: ofEachTenant },
  'GET /documents': { ask: nothing, expected: ofEachTenant },
  'GET /documents/{id}': { ask: () => ({ params: { id: 'minutes' } }), expected: ofTheTenant },
  'GET /graphs/{hash}': { ask: (world) => ({ params: { hash: world.graphHash } }), expected: ofTheTenant },

  'POST /runs': { ask: () => ({ payload: { document: 'minutes', input: claimInput } }), expected: ofTheTenant },
  'GET /runs': { ask: nothing, expected: ofEachTenant },
  'GET /runs/{id}': { ask: theRun, expected: ofTheTenant },
  'GET /runs/{id}/journal': { ask: theRun, expected: ofTheTenant },
  'GET /runs/{id}/events': { ask: (world) => ({ params: { id: world.endedRun } }), expected: ofTheTenant },
  'POST /runs/{id}/cancel': { ask: aNewRun, expected: cancelling },

  'POST /workflows/execute': {
    ask: () => ({ payload: { document: 'minutes', input: claimInput } }),
    expected: ofTheTenant,
  },
  'GET /executions/{id}': { ask: theRun, expected: ofTheTenant },
  'GET /executions/{id}/journal': { ask: theRun, expected: ofTheTenant },
  'POST /executions/{id}/cancel': { ask: aNewRun, expected: cancelling },

  'GET /gates': { ask: nothing, expected: ofEachTenant },
  'GET /gates/{id}': { ask: (world) => ({ params: { id: world.gate.id } }), expected: ofTheTenant },
  'POST /gates/{id}/decisions': {
    ask: async (world) => {
      const gate = await openClaimGate(world.fixture, world.run);
      return { params: { id: gate.id }, payload: { action: 'approve', subject: gate.subject } };
    },
    expected: { ...ofTheTenant, ...onlyPeople, owner: 'forbidden', colleague: 'forbidden', admin: 'forbidden' },
  },

  'GET /people': { ask: nothing, expected: ofEachTenant },
  'GET /admin/users': { ask: nothing, expected: { ...ofAdmins, otherTenant: 'empty' } },
  'GET /admin/users/{id}': { ask: () => ({ params: { id: 'mai' } }), expected: ofAdmins },
  'POST /admin/users': { ask: someone, expected: { ...ofAdmins, otherTenant: 'empty' } },
  'PATCH /admin/users/{id}': {
    ask: () => ({ params: { id: 'mai' }, payload: { displayName: 'Mai' } }),
    expected: ofAdmins,
  },
  'GET /admin/groups': { ask: nothing, expected: { ...ofAdmins, otherTenant: 'empty' } },
  'PUT /admin/groups/{name}': {
    ask: () => ({ params: { name: 'emea' }, payload: { roles: ['buyer'] } }),
    expected: { ...ofAdmins, otherTenant: 'empty' },
  },
  'GET /admin/keys': { ask: nothing, expected: { ...ofAdmins, ...onlyPeople, otherTenant: 'empty' } },
  'POST /admin/keys': {
    ask: () => ({ payload: { service: 'stock', scopes: ['runs:read'] } }),
    expected: { ...ofAdmins, ...onlyPeople, otherTenant: 'empty' },
  },
  'POST /admin/keys/{id}/revoke': {
    ask: (world) => ({ params: { id: world.apiKey }, payload: {} }),
    expected: { ...ofAdmins, ...onlyPeople },
  },
  'GET /admin/events': { ask: nothing, expected: { ...ofAdmins, ...onlyPeople, otherTenant: 'empty' } },
};

/** A document of acme alone: that a tenant publishes one of the same name must not make it see this one. */
const minutes = claimDocument.replace('# Claim', '# Minutes');

export async function openAccessWorld(fixture: ApiFixture): Promise<AccessWorld> {
  const person = (id: string, tenant: string) => ({
    tenant,
    id,
    name: id,
    email: `${id}@${tenant}.test`,
    issuer: fixture.issuer.issuer,
    subject: id,
    roles: ['admin', 'manager', 'operator'],
  });
  await provision(fixture.database.ownerUrl, {
    tenants: [],
    users: [person('dora', 'acme'), person('gil', 'globex')],
  });
  const asAda = async (method: 'POST' | 'PATCH' | 'PUT', url: string, payload: object) => {
    const headers = await fixture.as('ada', randomUUID());
    const response = await fixture.app.inject({ method, url, headers, payload });
    if (response.statusCode > 201) throw new Error(response.body);
    return response.json();
  };
  await asAda('PATCH', '/admin/users/dora', { active: false });
  const group = `group-${randomUUID()}`;
  await asAda('PUT', `/admin/groups/${group}`, { roles: ['buyer'] });
  const { id: apiKey } = await asAda('POST', '/admin/keys', { service: 'stock', scopes: ['runs:read'] });
  await publishClaim(fixture);
  const { graphHash } = await asAda('POST', '/documents', { markdown: minutes });
  const run = await startClaim(fixture);
  const gate = await openClaimGate(fixture, run);
  const endedRun = await startClaim(fixture);
  await asWorker(fixture, { ended: endedRun, status: 'completed' });
  const secrets = [run, gate.id, endedRun, group, apiKey, graphHash, 'minutes', '@acme.test'];
  return { fixture, secrets, graphHash, run, gate, endedRun, group, apiKey };
}

/** Of a route under its OpenAPI name. */
function neededBy(route: string): readonly KeyScope[] | undefined {
  return scopesByRoute[route.replace(/\{(\w+)\}/g, ':$1')];
}

async function keyHeaders(world: AccessWorld, scopes: readonly KeyScope[]): Promise<Record<string, string>> {
  const { fixture } = world;
  const headers = await fixture.as('ada', randomUUID());
  const payload = { service: 'visitor', scopes };
  const response = await fixture.app.inject({ method: 'POST', url: '/admin/keys', headers, payload });
  return { authorization: `Bearer ${response.json().key}` };
}
