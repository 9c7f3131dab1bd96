/**
 * A tenant's own name, people, groups, keys and webhooks. For the role admin, and for keys with the scope people:admin, which may neither
 * make keys nor make anybody an admin. Each change is one event of the admin log, in its own transaction.
 */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import type { AdminEventType } from '../../../prisma/admin-log.ts';
import type { Tx } from '../../../prisma/open.ts';
import type { ChangeLimits, PeopleRefusal, PeopleResult } from '../../../prisma/people.ts';
import { adminRole, changePerson, createPerson, renameTenant, setGroupRoles } from '../../../prisma/people.ts';
import { auditThing } from '../../../prisma/read-log.ts';
import { notFound, Problem } from '../../errors.ts';
import { page } from '../../pages.ts';
import { answer, idempotencyKeyRequired, sendAnswer } from '../../plugins/idempotency.ts';
import type { Caller } from '../../plugins/identity.ts';
import { callerOf, personOf } from '../../plugins/identity.ts';
import { responses } from '../../responses.ts';
import { keyRoutes } from './keys.ts';
import {
  changeTenantBody,
  changeUserBody,
  createUserBody,
  eventsPage,
  group,
  groupParams,
  groupsPage,
  listEventsQuery,
  listGroupsQuery,
  listUsersQuery,
  setGroupBody,
  tenant as tenantSchema,
  user,
  userParams,
  usersPage,
} from './schemas.ts';
import type { WebhookRouteOptions } from './webhooks.ts';
import { webhookRoutes } from './webhooks.ts';

export interface AdminRouteOptions {
  issuer: string;
  webhooks: WebhookRouteOptions;
}

export const adminRoutes: FastifyPluginAsyncZod<AdminRouteOptions> = async (app, { issuer, webhooks }) => {
  // The key of a service has been held against its scopes before it comes here.
  app.addHook('onRequest', async (request) => {
    const { person, scopes } = callerOf(request);
    if (scopes !== undefined || person.roles.includes(adminRole)) return;
    throw new Problem('not-permitted', { detail: `This is for the role ${adminRole}.` });
  });
  await app.register(keyRoutes);
  await app.register(webhookRoutes, webhooks);

  app.get(
    '/admin/tenant',
    {
      schema: {
        summary: 'The tenant of the caller',
        tags: ['admin'],
        response: responses({ 200: tenantSchema }, ['not-permitted']),
      },
    },
    async (request) => {
      const { tenant } = personOf(request);
      return request.actAs((tx) => readTenant(tx, tenant));
    },
  );

  app.patch(
    '/admin/tenant',
    {
      schema: {
        summary: 'Rename the tenant of the caller',
        description: 'Its id stays. Tenants are made by whoever owns the database.',
        tags: ['admin'],
        body: changeTenantBody,
        response: responses({ 200: tenantSchema }, ['invalid-request', 'not-permitted']),
      },
    },
    async (request) => {
      const { tenant } = personOf(request);
      return request.actAs(async (tx) => {
        await renameTenant(tx, tenant, request.body.name);
        return readTenant(tx, tenant);
      });
    },
  );

  app.get(
    '/admin/users',
    {
      schema: {
        summary: 'All people and services of the tenant, by id',
        tags: ['admin'],
        querystring: listUsersQuery,
        response: responses({ 200: usersPage }, ['invalid-request', 'not-permitted']),
      },
    },
    async (request) => {
      const { limit, cursor, active } = request.query;
      const rows = await request.actAs((tx) =>
        tx.user.findMany({
          where: {
            tenantId: personOf(request).tenant,
            ...(active === undefined ? {} : { active: active === 'true' }),
            ...(cursor === undefined ? {} : { id: { gt: cursor[1] } }),
          },
          include: withRoles,
          orderBy: { id: 'asc' },
          take: limit + 1,
        }),
      );
      return page(rows, limit, (row) => ['', row.id], viewOfUser);
    },
  );

  app.get(
    '/admin/users/:id',
    {
      schema: {
        summary: 'One person or service',
        tags: ['admin'],
        params: userParams,
        response: responses({ 200: user }, ['not-permitted', 'not-found']),
      },
    },
    async (request) => request.actAs((tx) => readUser(tx, personOf(request).tenant, request.params.id)),
  );

  app.post(
    '/admin/users',
    {
      schema: {
        summary: 'Add a person',
        description: 'They may sign in at once, by a token of the issuer of this API for their subject.',
        tags: ['admin'],
        headers: idempotencyKeyRequired,
        body: createUserBody,
        response: responses({ 201: user }, [
          'invalid-request',
          'idempotency-key-required',
          'not-permitted',
          'already-exists',
          'idempotency-key-reused',
        ]),
      },
    },
    async (request, reply) => {
      const { id, displayName: name, ...rest } = request.body;
      const { tenant } = personOf(request);
      const person = { ...rest, name, issuer, ...(id === undefined ? {} : { id }) };
      const done = await request.once(async (tx) => {
        const made = settled(await createPerson(tx, tenant, person, limitsOf(callerOf(request))));
        return answer(201, user, await readUser(tx, tenant, made));
      });
      return sendAnswer(reply, done);
    },
  );

  app.patch(
    '/admin/users/:id',
    {
      schema: {
        summary: 'Change, deactivate or activate a person, or give them roles and groups',
        description:
          'Takes effect at once: who was deactivated is refused by every route, their streams end, and steps that run for them are not tried again. The last active admin stays one.',
        tags: ['admin'],
        params: userParams,
        body: changeUserBody,
        response: responses({ 200: user }, [
          'invalid-request',
          'not-permitted',
          'not-found',
          'already-exists',
          'last-admin',
        ]),
      },
    },
    async (request) => {
      const { tenant } = personOf(request);
      const { displayName, ...rest } = request.body;
      // zod leaves what was not said as undefined properties; a change names only what it changes.
      const said = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined));
      const change = { ...said, ...(displayName === undefined ? {} : { name: displayName }) };
      return request.actAs(async (tx) => {
        const changed = await changePerson(tx, tenant, request.params.id, change, limitsOf(callerOf(request)));
        return readUser(tx, tenant, settled(changed));
      });
    },
  );

  app.get(
    '/admin/groups',
    {
      schema: {
        summary: 'The groups with the roles that they give, by name',
        tags: ['admin'],
        querystring: listGroupsQuery,
        response: responses({ 200: groupsPage }, ['invalid-request', 'not-permitted']),
      },
    },
    async (request) => {
      const { limit, cursor } = request.query;
      const rows = await request.actAs((tx) =>
        tx.group.findMany({
          where: {
            tenantId: personOf(request).tenant,
            ...(cursor === undefined ? {} : { name: { gt: cursor[1] } }),
          },
          orderBy: { name: 'asc' },
          take: limit + 1,
        }),
      );
      return page(
        rows,
        limit,
        (row) => ['', row.name],
        ({ name, roles }) => ({ name, roles }),
      );
    },
  );

  app.put(
    '/admin/groups/:name',
    {
      schema: {
        summary: 'Make a group, or change what it gives to its members',
        tags: ['admin'],
        params: groupParams,
        body: setGroupBody,
        response: responses({ 200: group }, ['invalid-request', 'not-permitted', 'last-admin']),
      },
    },
    async (request) => {
      const { tenant } = personOf(request);
      const { name } = request.params;
      return request.actAs(async (tx) => {
        settled(await setGroupRoles(tx, tenant, name, request.body.roles, limitsOf(callerOf(request))));
        const { roles } = await tx.group.findUniqueOrThrow({ where: { tenantId_name: { tenantId: tenant, name } } });
        return { name, roles };
      });
    },
  );

  app.get(
    '/admin/events',
    {
      schema: {
        summary:
          'The admin log: every change of the tenant’s name, people, groups, keys, credentials and webhooks, oldest first',
        tags: ['admin'],
        querystring: listEventsQuery,
        response: responses({ 200: eventsPage }, ['invalid-request', 'not-permitted']),
      },
    },
    async (request) => {
      const { limit, cursor } = request.query;
      const after = Number(cursor?.[1] ?? 0);
      // Beyond every number that an event can have.
      const known = Number.isInteger(after) && Math.abs(after) < 2 ** 31;
      const rows = await request.readAs({ what: 'audit.read', thing: auditThing }, (tx) =>
        tx.adminEvent.findMany({
          where: { tenantId: personOf(request).tenant, ...(known ? { seq: { gt: after } } : {}) },
          orderBy: { seq: 'asc' },
          take: limit + 1,
        }),
      );
      return page(
        rows,
        limit,
        (row) => ['', String(row.seq)],
        ({ seq, at, actor, what, subject, detail, prevHash, hash }) => ({
          seq,
          at: at.toISOString(),
          actor,
          what: what as AdminEventType,
          subject,
          detail: JSON.parse(detail),
          prevHash,
          hash,
        }),
      );
    },
  );
};

const limitsOf = (caller: Caller): ChangeLimits => ({ mayMakeAdmins: caller.scopes === undefined });

const readTenant = (tx: Tx, id: string) =>
  tx.tenant.findUniqueOrThrow({ where: { id }, select: { id: true, name: true } });

const withRoles = { memberships: true, groups: true } as const;

async function readUser(tx: Tx, tenant: string, id: string) {
  const row = await tx.user.findUnique({ where: { tenantId_id: { tenantId: tenant, id } }, include: withRoles });
  if (row === null) throw notFound('user');
  return viewOfUser(row);
}

interface UserRow {
  id: string;
  name: string;
  email: string;
  kind: string;
  subject: string;
  active: boolean;
  memberships: { role: string; via: string }[];
  groups: { groupName: string }[];
}

const viewOfUser = ({ id, name, email, kind, subject, active, memberships, groups }: UserRow) => ({
  id,
  displayName: name,
  email,
  kind: kind === 'service' ? ('service' as const) : ('person' as const),
  subject,
  active,
  roles: memberships.flatMap(({ role, via }) => (via === '' ? [role] : [])).sort(),
  groups: groups.map(({ groupName }) => groupName).sort(),
  allRoles: [...new Set(memberships.map(({ role }) => role))].sort(),
});

/** What was done; a refusal is thrown, which rolls back what came before it. */
function settled(result: PeopleResult): string {
  if ('refused' in result) throw problemOf[result.refused]();
  return result.done;
}

const inBody = (at: string, message: string) =>
  new Problem('invalid-request', { errors: [{ at, in: 'body', message }] });

const problemOf: Record<PeopleRefusal, () => Problem> = {
  'no such user': () => notFound('user'),
  taken: () => new Problem('already-exists', { detail: 'The id, the e-mail address or the subject is taken.' }),
  'unknown group': () => inBody('/groups', 'Expected names of groups that exist: PUT /admin/groups/{name} makes one'),
  'is a service': () => inBody('', 'Expected neither roles, groups nor an address: this is a service'),
  'last admin': () => new Problem('last-admin'),
  'makes an admin': () => new Problem('not-permitted', { detail: `Only a person may make somebody ${adminRole}.` }),
};
