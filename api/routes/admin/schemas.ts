import { z } from 'zod';
import { adminEventTypes } from '../../../prisma/admin-log.ts';
import { keyScopes } from '../../../prisma/api-keys.ts';
import { json } from '../../json-value.ts';
import { pageOf, pageQuery } from '../../pages.ts';

/** One line of text with something to see at both ends. */
const line = z
  .string()
  .max(100)
  .regex(/^\S(.*\S)?$/, 'Expected one line of text');
const names = z.array(line).max(100);
const email = z.email().max(254);

export const tenant = z.object({ id: z.string(), name: z.string() });
export const changeTenantBody = z.strictObject({ name: line });

export const userParams = z.object({ id: z.string().min(1).max(100) });
export const listUsersQuery = z.object({
  ...pageQuery,
  active: z.enum(['true', 'false']).optional(),
});

export const user = z.object({
  id: z.string(),
  displayName: z.string(),
  email: z.string(),
  kind: z.enum(['person', 'service']).describe('A service acts by API keys; it has no roles and decides nothing'),
  subject: z.string().describe("The subject of the person's tokens"),
  active: z.boolean(),
  roles: z.array(z.string()).describe("The person's own"),
  groups: z.array(z.string()),
  allRoles: z.array(z.string()).describe('Their own and those of their groups: all that they may act by'),
});
export const usersPage = pageOf(user);

export const createUserBody = z.strictObject({
  id: z
    .string()
    .max(64)
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/)
    .optional()
    .describe('A new one unless said'),
  displayName: line,
  email,
  subject: z.string().max(255).regex(/^\S+$/).describe("The `sub` of the person's tokens from this API's issuer"),
  roles: names.default([]),
  groups: names.default([]),
});

export const changeUserBody = z
  .strictObject({
    displayName: line.optional(),
    email: email.optional(),
    active: z.boolean().optional().describe('False: may do nothing from this moment on'),
    roles: names.optional().describe("All of the person's own from now on"),
    groups: names.optional().describe('All of them from now on'),
  })
  .describe('What is left out stays');

export const groupParams = z.object({ name: line });
export const setGroupBody = z.strictObject({ roles: names.describe('What its members hold from now on, by it') });
export const group = z.object({ name: z.string(), roles: z.array(z.string()) });
export const listGroupsQuery = z.object(pageQuery);
export const groupsPage = pageOf(group);

const scope = z.enum(keyScopes);
export const keyParams = z.object({ id: z.string().regex(/^[0-9a-f]{16}$/) });
export const listKeysQuery = z.object(pageQuery);
export const createKeyBody = z.strictObject({
  service: z
    .string()
    .max(60)
    .regex(/^[a-z0-9][a-z0-9-]*$/)
    .describe('Which service it is for; keys of one service act as the same account'),
  scopes: z.array(scope).min(1).max(keyScopes.length),
  expiresAt: z.iso.datetime().optional().describe('Never unless said'),
});
export const key = z.object({
  id: z.string(),
  service: z.string(),
  user: z.string().describe('The account it acts as'),
  scopes: z.array(scope),
  createdBy: z.string(),
  createdAt: z.iso.datetime(),
  expiresAt: z.iso.datetime().optional(),
  revokedAt: z.iso.datetime().optional(),
  lastUsedAt: z.iso.datetime().optional().describe('To about a minute'),
});
export const keysPage = pageOf(key);
export const createdKey = key.extend({
  key: z
    .string()
    .optional()
    .describe('The bearer token, shown this once: absent when the request was repeated, and kept nowhere'),
});
export const revokeBody = z.strictObject({}).nullish();

export const listEventsQuery = z.object(pageQuery);
export const adminEvent = z.object({
  seq: z.int(),
  at: z.iso.datetime(),
  actor: z.string(),
  what: z.enum(adminEventTypes),
  subject: z.string().describe('Id of the user, the group or the key'),
  detail: json,
  prevHash: z.string(),
  hash: z.string().describe('SHA-256 over this event and prevHash: see docs/people.md'),
});
export const eventsPage = pageOf(adminEvent);
