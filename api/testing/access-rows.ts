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
import type { Graph } from '../../compiler/graph.ts';
import { createDefinitionCache } from '../../compiler/proposal-definition.ts';
import type { KeyScope } from '../../prisma/api-keys.ts';
import { keyScopes } from '../../prisma/api-keys.ts';
import { notify } from '../../prisma/notifications.ts';
import type { Actor } from '../../prisma/open.ts';
import { provision } from '../../prisma/provision.ts';
import { scopesByRoute } from '../key-scopes.ts';
import { startProposal } from '../proposals/open-proposal.ts';
import { share } from '../proposals/share.ts';
import { suggest } from '../proposals/suggestions.ts';
import type { ApiFixture } from './api-fixture.ts';
import { asWorker, claimDocument, claimInput, openClaimGate, publishClaim, startClaim } from './api-fixture.ts';
import { leaveWrite, parkStep, startErrand } from './parked-step.ts';
import { expense, publishGraph } from './proposal-documents.ts';
import { askAn } from './session-questions.ts';

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
  /** Of the proposal that `openProposal` of this world makes: An started it and handed it over. */
  proposal: Proposal;
  /** A group, a key and a webhook of acme, which wants to hear of overdue gates alone. */
  group: string;
  apiKey: string;
  webhook: string;
  /** Made so far, by their scopes. */
  visitorKeys: Map<string, string>;
}

export interface Proposal {
  id: string;
  /** The reviewer's, on a section. */
  suggestion: string;
}

/** Each gives the headers of a request to the route. */
export const personas = {
  /** Started the runs and the proposals; also a manager. */
  owner: (world) => world.fixture.as('an'),
  /** Of the same tenant, with no role that matters. */
  colleague: (world) => world.fixture.as('bo'),
  /** Of the same tenant, and may decide the gate. */
  approver: (world) => world.fixture.as('mai'),
  admin: (world) => world.fixture.as('ada'),
  /** Of the proposals: has no role, like the next two. */
  assignee: (world) => world.fixture.as('asa'),
  reviewer: (world) => world.fixture.as('rea'),
  /** A reviewer who was granted An's transcript. */
  grantedReader: (world) => world.fixture.as('gro'),
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
  query?: Record<string, string>;
  headers?: Record<string, string>;
  payload?: object;
}

export interface AccessRow {
  ask(world: AccessWorld): Asked | Promise<Asked>;
  expected: Expected;
}

const strangers = { expired: 'stranger', deactivated: 'stranger', anonymous: 'stranger' } as const;
/** The members of the tenant who have no role that matters. */
const withoutRole = <Of extends Outcome>(outcome: Of) => ({
  colleague: outcome,
  assignee: outcome,
  reviewer: outcome,
  grantedReader: outcome,
});
const withScope = { keyWithScope: 'ok', keyWithoutScope: 'forbidden' } as const;
/** No key reaches it. */
export const onlyPeople = { keyWithScope: 'forbidden', keyWithoutScope: 'forbidden' } as const;

/** One thing of the tenant, for each of its members. */
export const ofTheTenant: Expected = {
  owner: 'ok',
  ...withoutRole('ok'),
  approver: 'ok',
  admin: 'ok',
  otherTenant: 'hidden',
  ...withScope,
  ...strangers,
};
/** What each tenant has of its own: a list, or a place to add to. */
export const ofEachTenant: Expected = { ...ofTheTenant, otherTenant: 'empty' };
/** For the role admin, and for keys with the scope. */
export const ofAdmins: Expected = {
  ...ofTheTenant,
  ...withoutRole('forbidden'),
  owner: 'forbidden',
  approver: 'forbidden',
};
/** A proposal, for those who have access to it: for everybody else in the tenant it is not there. */
export const ofItsPeople: Expected = {
  ...ofTheTenant,
  ...onlyPeople,
  colleague: 'hidden',
  approver: 'hidden',
  admin: 'hidden',
};
/** What those others of them may only suggest. */
export const ofTheAssignee: Expected = {
  ...ofItsPeople,
  owner: 'forbidden',
  reviewer: 'forbidden',
  grantedReader: 'forbidden',
};
/** Answers everybody. */
export const open: Expected = {
  owner: 'ok',
  ...withoutRole('ok'),
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
/** A gate that managers decide, but not who started its run. */
const ofApprovers: Expected = {
  ...ofTheTenant,
  ...onlyPeople,
  ...withoutRole('forbidden'),
  owner: 'forbidden',
  admin: 'forbidden',
};
const aNewGate = async (world: AccessWorld) => ({
  params: { id: (await openClaimGate(world.fixture, world.run)).id },
  payload: {},
});
const asPerson = async ({ fixture }: AccessWorld, user: string, url: string, payload: object) =>
  fixture.app.inject({ method: 'POST', url, headers: await fixture.as(user, randomUUID()), payload });
const aNewRun = async (world: AccessWorld) => ({ params: { id: await startClaim(world.fixture) }, payload: {} });
const someone = () => {
  const id = randomUUID();
  return { payload: { displayName: id, email: `${id}@new.test`, subject: id } };
};
const theProposal = (more: Record<string, string> = {}) => ({
  ask: ({ proposal }: AccessWorld) => ({ params: { ...proposal, ...more } }),
  expected: ofItsPeople,
});
const aNewProposal = async ({ fixture }: AccessWorld, payload: object, more: Record<string, string> = {}) => ({
  params: { ...(await openProposal(fixture)), ...more },
  payload,
});
/** Dora was made its assignee, and is inactive. */
const anUnattendedProposal = async (world: AccessWorld) => {
  const made = await aNewProposal(world, { person: 'mai' });
  await world.fixture.store.actAs({ tenant: 'acme', user: 'an' }, async (tx) => {
    const where = { tenantId_id: { tenantId: 'acme', id: made.params.id } };
    const { assigneeEpoch } = await tx.proposal.findUniqueOrThrow({ where });
    await tx.proposal.update({ where, data: { assigneeId: 'dora', assigneeEpoch: assigneeEpoch + 1 } });
  });
  return made;
};
const aParkedStep = async ({ fixture }: AccessWorld) => {
  const id = await startErrand(fixture);
  await parkStep(fixture, id, 'fetch_it');
  return { params: { id, step: 'fetch_it' }, payload: {} };
};
/** An's session on a new proposal, in which something was said. */
const aSession = async (world: AccessWorld) => {
  const { id: proposal } = await openProposal(world.fixture);
  const { id } = (await asPerson(world, 'an', `/proposals/${proposal}/sessions`, {})).json();
  await asPerson(world, 'an', `/sessions/${id}/messages`, { text: 'What is missing?' });
  return { params: { id }, proposal };
};
/** A session's owner, and whom they granted the transcript. */
const ofReaders: Expected = { ...ofItsPeople, assignee: 'hidden', reviewer: 'hidden' };
const ofItsOwner: Expected = { ...ofReaders, grantedReader: 'forbidden' };
/** Cancelling is for who started the run, operators and admins. */
const cancelling: Expected = {
  ...ofTheTenant,
  ...withoutRole('forbidden'),
  approver: 'forbidden',
  keyWithScope: 'forbidden',
};

export const accessRows: Readonly<Record<string, AccessRow>> = {
  'GET /health': { ask: nothing, expected: open },
  'GET /ready': { ask: nothing, expected: open },

  'POST /documents': { ask: () => ({ payload: { markdown: claimDocument } }), expected: ofEachTenant },
  // Under a heading alone there is nothing to ask a model about.
  'POST /documents/drafts': { ask: () => ({ payload: { prose: '# Claim' } }), expected: ofEachTenant },
  'GET /documents': { ask: nothing, expected: ofEachTenant },
  'GET /documents/{id}': { ask: () => ({ params: { id: 'minutes' } }), expected: ofTheTenant },
  'GET /graphs/{hash}': { ask: (world) => ({ params: { hash: world.graphHash } }), expected: ofTheTenant },

  'POST /runs': { ask: () => ({ payload: { document: 'minutes', input: claimInput } }), expected: ofTheTenant },
  'GET /runs': { ask: nothing, expected: ofEachTenant },
  'GET /runs/{id}': { ask: theRun, expected: ofTheTenant },
  'GET /runs/{id}/state': { ask: theRun, expected: ofTheTenant },
  'GET /runs/{id}/journal': { ask: theRun, expected: ofTheTenant },
  'GET /runs/{id}/events': { ask: (world) => ({ params: { id: world.endedRun } }), expected: ofTheTenant },
  'POST /runs/{id}/cancel': { ask: aNewRun, expected: cancelling },
  'GET /runs/{id}/resume-plan': { ask: aNewRun, expected: cancelling },
  'POST /runs/{id}/resume-plan': {
    ask: async (world) => ({ ...(await aNewRun(world)), payload: {} }),
    expected: cancelling,
  },
  'POST /runs/{id}/resume': {
    async ask(world) {
      const asked = await aNewRun(world);
      const headers = await world.fixture.as('an');
      const url = `/runs/${asked.params.id}/resume-plan`;
      const { digest } = (await world.fixture.app.inject({ url, headers })).json();
      return { ...asked, headers: { 'idempotency-key': randomUUID() }, payload: { digest } };
    },
    expected: cancelling,
  },
  'POST /runs/{id}/abort': { ask: aNewRun, expected: cancelling },
  'POST /runs/{id}/pause': { ask: aNewRun, expected: cancelling },
  'POST /runs/{id}/unpause': { ask: aNewRun, expected: cancelling },
  'POST /runs/{id}/effects/{effect}/answer': {
    ask: async ({ fixture }) => {
      const id = await startErrand(fixture);
      const execution = await parkStep(fixture, id, 'pay_it', { failureClass: 'outcome-unknown' });
      const effect = await leaveWrite(fixture, id, execution, 'unknown');
      return { params: { id, effect }, payload: { answer: 'did not happen' } };
    },
    expected: cancelling,
  },
  'POST /runs/{id}/steps/{step}/retry': { ask: aParkedStep, expected: cancelling },
  'POST /runs/{id}/steps/{step}/supply': {
    ask: async (world) => ({ ...(await aParkedStep(world)), payload: { output: { amount: 1 } } }),
    expected: cancelling,
  },
  'POST /runs/{id}/steps/{step}/skip': { ask: aParkedStep, expected: cancelling },

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
    expected: ofApprovers,
  },
  'POST /gates/{id}/claim': { ask: aNewGate, expected: ofApprovers },
  'POST /gates/{id}/release': {
    ask: async (world) => {
      const { params } = await aNewGate(world);
      await asPerson(world, 'mai', `/gates/${params.id}/claim`, {});
      return { params, payload: {} };
    },
    expected: { ...ofApprovers, admin: 'ok' },
  },
  'POST /gates/{id}/delegate': {
    ask: async (world) => ({ ...(await aNewGate(world)), payload: { to: 'bo' } }),
    expected: ofApprovers,
  },
  'POST /gates/{id}/withdraw-delegation': {
    ask: async (world) => {
      const { params } = await aNewGate(world);
      await asPerson(world, 'mai', `/gates/${params.id}/delegate`, { to: 'bo' });
      return { params, payload: {} };
    },
    // Who delegated nothing withdraws nothing.
    expected: { ...ofTheTenant, ...onlyPeople },
  },
  'POST /gates/{id}/questions': {
    ask: async (world) => ({ ...(await aNewGate(world)), payload: { text: 'Why so much?' } }),
    expected: ofApprovers,
  },
  'POST /gates/{id}/answers': {
    ask: async (world) => {
      const { params } = await aNewGate(world);
      const question = await asPerson(world, 'mai', `/gates/${params.id}/questions`, { text: 'Why so much?' });
      return { params, payload: { question: question.json().id, text: 'It is a good one.' } };
    },
    // The run's requester is asked.
    expected: { ...ofApprovers, owner: 'ok', approver: 'forbidden' },
  },

  'POST /proposals': {
    ask: () => ({ payload: { document: 'expense-report' } }),
    expected: { ...ofTheTenant, ...onlyPeople },
  },
  'GET /proposals': { ask: nothing, expected: { ...ofEachTenant, ...onlyPeople } },
  'POST /runs/{id}/proposal': {
    ask: (world) => ({ params: { id: world.endedRun }, payload: {} }),
    expected: {
      ...ofTheTenant,
      ...onlyPeople,
      ...withoutRole('forbidden'),
      approver: 'forbidden',
      admin: 'forbidden',
    },
  },
  'GET /proposals/{id}': theProposal(),
  'PATCH /proposals/{id}': { ask: (world) => aNewProposal(world, { title: 'Trip' }), expected: ofTheAssignee },
  'GET /admin/proposals': { ask: nothing, expected: { ...ofAdmins, ...onlyPeople, otherTenant: 'empty' } },
  'POST /proposals/{id}/reassign': {
    ask: (world) => anUnattendedProposal(world),
    // The owner is who started it.
    expected: { ...ofTheAssignee, assignee: 'forbidden', owner: 'ok', admin: 'ok' },
  },
  'POST /proposals/{id}/claim': { ask: (world) => aNewProposal(world, {}), expected: ofTheAssignee },
  'GET /proposals/{id}/export': theProposal(),
  'GET /proposals/{id}/events': {
    // Closed: a stream of an open one does not end.
    ask: async (world) => {
      const asked = await aNewProposal(world, {});
      const headers = await world.fixture.as('asa');
      const url = `/proposals/${asked.params.id}`;
      await world.fixture.app.inject({ method: 'PATCH', url, headers, payload: { status: 'closed' } });
      return { params: asked.params };
    },
    expected: ofItsPeople,
  },
  'PUT /proposals/{id}/sections/{name}': {
    ask: async (world) => ({
      ...(await aNewProposal(world, { content: 'A trip' }, { name: 'Purpose' })),
      headers: { 'if-match': '"0"' },
    }),
    expected: ofTheAssignee,
  },
  'GET /proposals/{id}/sections/{name}/versions': theProposal({ name: 'Lines' }),
  'GET /proposals/{id}/sections/{name}/diff': {
    ...theProposal({ name: 'Lines' }),
    ask: ({ proposal }) => ({ params: { ...proposal, name: 'Lines' }, query: { from: '1', to: '1' } }),
  },
  'PUT /proposals/{id}/state': {
    ask: async (world) => ({
      ...(await aNewProposal(world, { content: { stage: 'sent' } })),
      headers: { 'if-match': '"1"' },
    }),
    expected: ofTheAssignee,
  },
  'PATCH /proposals/{id}/state': {
    ask: async (world) => ({
      ...(await aNewProposal(world, [{ op: 'replace', path: '/stage', value: 'sent' }])),
      headers: { 'if-match': '"1"' },
    }),
    expected: ofTheAssignee,
  },
  'GET /proposals/{id}/state/versions': theProposal(),
  'GET /proposals/{id}/state/diff': {
    ...theProposal(),
    ask: ({ proposal }) => ({ params: { ...proposal }, query: { from: '1', to: '1' } }),
  },
  'POST /proposals/{id}/share': {
    ask: (world) => aNewProposal(world, { person: 'minh', mode: 'handoff' }),
    expected: ofTheAssignee,
  },
  'GET /proposals/{id}/collaborators': theProposal(),
  'PATCH /proposals/{id}/collaborators/{user}': {
    ask: (world) => aNewProposal(world, { mode: 'handoff' }, { user: 'rea' }),
    expected: ofTheAssignee,
  },
  'DELETE /proposals/{id}/collaborators/{user}': {
    ask: async (world) => ({ params: { ...(await openProposal(world.fixture)), user: 'rea' } }),
    // Everyone may leave.
    expected: { ...ofTheAssignee, reviewer: 'ok' },
  },
  'POST /proposals/{id}/suggestions': {
    ask: (world) => aNewProposal(world, { kind: 'comment', text: 'Fine' }),
    expected: ofItsPeople,
  },
  'GET /proposals/{id}/suggestions': theProposal(),
  'GET /proposals/{id}/suggestions/{suggestion}': theProposal(),
  'POST /proposals/{id}/suggestions/{suggestion}/accept': {
    ask: (world) => aNewProposal(world, {}),
    expected: ofTheAssignee,
  },
  'POST /proposals/{id}/suggestions/{suggestion}/reject': {
    ask: (world) => aNewProposal(world, {}),
    expected: ofTheAssignee,
  },
  'POST /proposals/{id}/suggestions/{suggestion}/withdraw': {
    ask: (world) => aNewProposal(world, {}),
    // Its author's.
    expected: { ...ofTheAssignee, assignee: 'forbidden', reviewer: 'ok' },
  },

  'POST /proposals/{id}/sessions': { ask: (world) => aNewProposal(world, {}), expected: ofItsPeople },
  'GET /proposals/{id}/sessions': theProposal(),
  'GET /sessions/{id}': { ask: aSession, expected: ofReaders },
  'GET /sessions/{id}/messages': { ask: aSession, expected: ofReaders },
  'GET /sessions/{id}/events': {
    // Of a proposal that is closed: the stream of an open one does not end.
    ask: async (world) => {
      const { params, proposal } = await aSession(world);
      const headers = await world.fixture.as('asa');
      const payload = { status: 'closed' };
      await world.fixture.app.inject({ method: 'PATCH', url: `/proposals/${proposal}`, headers, payload });
      return { params };
    },
    expected: ofReaders,
  },
  'POST /sessions/{id}/messages': {
    ask: async (world) => ({ ...(await aSession(world)), payload: { text: 'And the costs?' } }),
    expected: ofItsOwner,
  },
  'POST /sessions/{id}/stop': {
    ask: async (world) => ({ ...(await aSession(world)), payload: {} }),
    expected: ofItsOwner,
  },
  'POST /sessions/{id}/retry': {
    async ask(world) {
      const asked = await aSession(world);
      await asPerson(world, 'an', `/sessions/${asked.params.id}/stop`, {});
      return { ...asked, payload: {} };
    },
    expected: ofItsOwner,
  },
  'POST /sessions/{id}/confirmations/{confirmation}': {
    async ask(world) {
      const { params } = await aSession(world);
      const confirmation = await askAn(world.fixture, params.id);
      return { params: { ...params, confirmation }, payload: { answer: 'no' } };
    },
    expected: ofItsOwner,
  },
  'PUT /connections/{tool}': {
    ask: () => ({ params: { tool: 'calendar' }, payload: { credential: 'mine' } }),
    expected: { ...ofEachTenant, ...onlyPeople },
  },
  'DELETE /connections/{tool}': {
    ask: () => ({ params: { tool: 'calendar' } }),
    expected: { ...ofEachTenant, ...onlyPeople },
  },

  'GET /notifications': { ask: nothing, expected: { ...ofEachTenant, ...onlyPeople } },
  // The fixture ends its streams after a moment: what a person is told has no end. After all there is: a response that nobody
  // reads while it is written takes no more than its buffer holds.
  'GET /notifications/stream': {
    ask: () => ({ headers: { 'last-event-id': '1000000000' } }),
    expected: { ...ofEachTenant, ...onlyPeople },
  },
  'POST /notifications/read': { ask: () => ({ payload: {} }), expected: { ...ofEachTenant, ...onlyPeople } },
  'POST /notifications/{id}/read': {
    ask: async (world) => ({ params: { id: await toldTheAssignee(world) }, payload: {} }),
    expected: {
      ...ofTheAssignee,
      owner: 'hidden',
      reviewer: 'hidden',
      grantedReader: 'hidden',
    },
  },

  'GET /people': { ask: nothing, expected: ofEachTenant },
  'GET /admin/tenant': { ask: nothing, expected: { ...ofAdmins, ...onlyPeople, otherTenant: 'empty' } },
  'PATCH /admin/tenant': {
    ask: () => ({ payload: { name: 'Renamed' } }),
    expected: { ...ofAdmins, ...onlyPeople, otherTenant: 'empty' },
  },
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
  'GET /admin/webhooks': { ask: nothing, expected: { ...ofAdmins, ...onlyPeople, otherTenant: 'empty' } },
  'POST /admin/webhooks': {
    ask: () => ({ payload: { url: 'https://hooks.example/', kinds: ['overdue'] } }),
    expected: { ...ofAdmins, ...onlyPeople, otherTenant: 'empty' },
  },
  'PATCH /admin/webhooks/{id}': {
    ask: (world) => ({ params: { id: world.webhook }, payload: { kinds: ['overdue'] } }),
    expected: { ...ofAdmins, ...onlyPeople },
  },
  'POST /admin/webhooks/{id}/rotate': {
    ask: (world) => ({ params: { id: world.webhook }, payload: {} }),
    expected: { ...ofAdmins, ...onlyPeople },
  },
  'DELETE /admin/webhooks/{id}': {
    ask: async (world) => ({ params: { id: await addWebhookTo(world) } }),
    expected: { ...ofAdmins, ...onlyPeople },
  },
  'GET /admin/webhooks/{id}/deliveries': {
    ask: (world) => ({ params: { id: world.webhook } }),
    expected: { ...ofAdmins, ...onlyPeople },
  },
  'POST /admin/webhooks/{id}/deliveries/{delivery}/resend': {
    ask: async (world) => ({ params: { id: world.webhook, delivery: await deliveryTo(world) }, payload: {} }),
    expected: { ...ofAdmins, ...onlyPeople },
  },
  'GET /admin/events': { ask: nothing, expected: { ...ofAdmins, ...onlyPeople, otherTenant: 'empty' } },
  'GET /audit': { ask: nothing, expected: { ...ofAdmins, otherTenant: 'empty' } },
  'GET /audit/export': { ask: nothing, expected: { ...ofAdmins, otherTenant: 'empty' } },
};

/** A document of acme alone: that a tenant publishes one of the same name must not make it see this one. */
const minutes = claimDocument.replace('# Claim', '# Minutes');

export async function openAccessWorld(fixture: ApiFixture): Promise<AccessWorld> {
  const person = (id: string, tenant: string, roles: string[]) => ({
    tenant,
    id,
    name: id,
    email: `${id}@${tenant}.test`,
    issuer: fixture.issuer.issuer,
    subject: id,
    roles,
  });
  const everyRole = ['admin', 'manager', 'operator'];
  await provision(fixture.database.ownerUrl, {
    tenants: [],
    users: [
      person('dora', 'acme', everyRole),
      person('gil', 'globex', everyRole),
      ...['asa', 'rea', 'gro'].map((id) => person(id, 'acme', [])),
    ],
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
  const webhook = await addWebhookTo({ fixture });
  await publishClaim(fixture);
  const { graphHash } = await asAda('POST', '/documents', { markdown: minutes });
  const run = await startClaim(fixture);
  const gate = await openClaimGate(fixture, run);
  const endedRun = await startClaim(fixture);
  await asWorker(fixture, { ended: endedRun, status: 'completed', result: { amount: 740 } });
  await publishGraph(fixture, trackedExpense);
  const proposal = await openProposal(fixture);
  const secrets = [run, gate.id, endedRun, group, apiKey, webhook, graphHash, 'minutes', '@acme.test'];
  const visitorKeys = new Map<string, string>();
  return { fixture, secrets, graphHash, run, gate, endedRun, proposal, group, apiKey, webhook, visitorKeys };
}

const definitions = createDefinitionCache();

/** With a state, so that every route has something to ask for. */
const trackedExpense: Graph = {
  ...expense,
  proposal: {
    sections: expense.proposal?.sections ?? [],
    state: { kind: 'record', fields: [{ name: 'stage', type: { kind: 'text' }, default: 'draft' }] },
  },
};

/** Started by An, reviewed by Rea and Gro, of whom Gro reads An's transcript, and handed over to Asa; Rea suggests. */
async function openProposal({ store, app }: ApiFixture): Promise<Proposal> {
  const [an, rea] = ['an', 'rea'].map((user) => ({ tenant: 'acme', user })) as [Actor, Actor];
  const id = await store.actAs(an, async (tx) => {
    const caches = { graphs: app.graphs, definitions };
    const started = await startProposal(tx, caches, an, { of: { document: 'expense-report' }, input: {} });
    await share(tx, an, started, { person: 'rea', mode: 'reviewer', transcript: false });
    await share(tx, an, started, { person: 'gro', mode: 'reviewer', transcript: true });
    await share(tx, an, started, { person: 'asa', mode: 'handoff', transcript: false });
    return started;
  });
  const content = { kind: 'replace', section: 'Purpose', base: null, content: 'A trip' } as const;
  const suggestion = await store.actAs(rea, (tx) => suggest(tx, definitions, rea, id, content));
  return { id, suggestion: suggestion.id };
}

/** What Asa was told of a new proposal. */
async function toldTheAssignee({ fixture }: AccessWorld): Promise<string> {
  const { id } = await openProposal(fixture);
  const where = { proposalId: id, userId: 'asa' };
  const asa = { tenant: 'acme', user: 'asa' };
  return (await fixture.store.actAs(asa, (tx) => tx.notification.findFirstOrThrow({ where }))).id;
}

async function addWebhookTo({ fixture }: Pick<AccessWorld, 'fixture'>): Promise<string> {
  const headers = await fixture.as('ada', randomUUID());
  const payload = { url: 'https://hooks.example/', kinds: ['overdue'] };
  const response = await fixture.app.inject({ method: 'POST', url: '/admin/webhooks', headers, payload });
  if (response.statusCode !== 201) throw new Error(response.body);
  return response.json<{ id: string }>().id;
}

/** Of the one thing that it was told: the address leads nowhere, so it stays on its way. */
async function deliveryTo({ fixture, webhook }: AccessWorld): Promise<string> {
  return fixture.store.actAs({ tenant: 'acme', user: 'ada' }, async (tx) => {
    const found = await tx.webhookDelivery.findFirst({ where: { webhookId: webhook } });
    if (found !== null) return found.id;
    const told = { kind: 'overdue', address: '/gates/none', body: {}, sourceKey: randomUUID() } as const;
    await notify(tx, 'acme', [{ user: 'mai', ...told }]);
    return (await tx.webhookDelivery.findFirstOrThrow({ where: { webhookId: webhook } })).id;
  });
}

/** Of a route under its OpenAPI name. */
function neededBy(route: string): readonly KeyScope[] | undefined {
  return scopesByRoute[route.replace(/\{(\w+)\}/g, ':$1')];
}

async function keyHeaders(world: AccessWorld, scopes: readonly KeyScope[]): Promise<Record<string, string>> {
  const { fixture, visitorKeys } = world;
  const named = scopes.join(' ');
  const known = visitorKeys.get(named);
  if (known !== undefined) return { authorization: `Bearer ${known}` };
  const headers = await fixture.as('ada', randomUUID());
  const payload = { service: 'visitor', scopes };
  const response = await fixture.app.inject({ method: 'POST', url: '/admin/keys', headers, payload });
  visitorKeys.set(named, response.json().key);
  return { authorization: `Bearer ${response.json().key}` };
}
