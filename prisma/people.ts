/** The people of a tenant: making and changing them, in the name of an admin, each change in the admin log. */
import { randomUUID } from 'node:crypto';
import type { Tx } from './act-as.ts';
import { appendAdminEvent } from './admin-log.ts';

/** Whoever holds it may change the people of their tenant; a tenant that has one keeps one. */
export const adminRole = 'admin';

export interface NewPerson {
  /** A new one unless said. */
  id?: string;
  name: string;
  email: string;
  /** Of the token that identifies them. */
  issuer: string;
  subject: string;
  roles: string[];
  groups: string[];
}

/** What is left out stays. */
export interface PersonChange {
  name?: string;
  email?: string;
  active?: boolean;
  /** The person's own; those of their groups come on top. */
  roles?: string[];
  groups?: string[];
}

export type PeopleRefusal =
  | 'no such user'
  /** The id, the e-mail address or the token's subject is another's. */
  | 'taken'
  | 'unknown group'
  /** A service has no roles and no groups, and no address. */
  | 'is a service'
  /** The tenant would be left without anybody who could undo it. */
  | 'last admin';

/** The refusal, with nothing left to roll back but what the caller's transaction did: throw to undo it. */
export type PeopleResult = { done: string } | { refused: PeopleRefusal };

export async function createPerson(tx: Tx, tenant: string, person: NewPerson): Promise<PeopleResult> {
  const { id = randomUUID(), roles, groups, ...facts } = person;
  await appendAdminEvent(tx, { what: 'user.created', subject: id, detail: { roles, groups } });
  const made = await tx.user.createMany({ data: [{ tenantId: tenant, id, ...facts }], skipDuplicates: true });
  if (made.count === 0) return { refused: 'taken' };
  if (!(await knowsGroups(tx, tenant, groups))) return { refused: 'unknown group' };
  await setMemberships(tx, id, roles, groups);
  return { done: id };
}

export async function changePerson(tx: Tx, tenant: string, id: string, change: PersonChange): Promise<PeopleResult> {
  const { active, roles, groups, ...facts } = change;
  const where = { tenantId_id: { tenantId: tenant, id } };
  const fields = Object.keys(facts).sort();
  // Before anything is read: the log's lock puts changes of people one after the other.
  if (active !== undefined) {
    await appendAdminEvent(tx, { what: active ? 'user.activated' : 'user.deactivated', subject: id, detail: {} });
  }
  if (fields.length > 0 || roles !== undefined || groups !== undefined) {
    const detail = { fields, ...(roles === undefined ? {} : { roles }), ...(groups === undefined ? {} : { groups }) };
    await appendAdminEvent(tx, { what: 'user.changed', subject: id, detail });
  }
  const known = await tx.user.findUnique({ where });
  if (known === null) return { refused: 'no such user' };
  if (known.kind === 'service' && (roles !== undefined || groups !== undefined || facts.email !== undefined)) {
    return { refused: 'is a service' };
  }
  if (facts.email !== undefined) {
    const holder = await tx.user.findFirst({ where: { tenantId: tenant, email: facts.email, id: { not: id } } });
    if (holder !== null) return { refused: 'taken' };
  }
  if (groups !== undefined && !(await knowsGroups(tx, tenant, groups))) return { refused: 'unknown group' };
  const admins = await countAdmins(tx, tenant);
  if (fields.length > 0 || active !== undefined) {
    await tx.user.update({ where, data: { ...facts, ...(active === undefined ? {} : { active }) } });
  }
  if (roles !== undefined || groups !== undefined) await setMemberships(tx, id, roles, groups);
  if (admins > 0 && (await countAdmins(tx, tenant)) === 0) return { refused: 'last admin' };
  return { done: id };
}

/** Makes the group with exactly these roles, or gives it them, and so its members. */
export async function setGroupRoles(tx: Tx, tenant: string, group: string, roles: string[]): Promise<PeopleResult> {
  await appendAdminEvent(tx, { what: 'group.changed', subject: group, detail: { roles } });
  const admins = await countAdmins(tx, tenant);
  await tx.$executeRaw`SELECT set_group_roles(${group}, ${roles}::text[])`;
  if (admins > 0 && (await countAdmins(tx, tenant)) === 0) return { refused: 'last admin' };
  return { done: group };
}

async function setMemberships(tx: Tx, id: string, roles: string[] | undefined, groups: string[] | undefined) {
  await tx.$executeRaw`SELECT set_memberships(${id}, ${roles ?? null}::text[], ${groups ?? null}::text[])`;
}

async function knowsGroups(tx: Tx, tenant: string, groups: string[]): Promise<boolean> {
  const names = [...new Set(groups)];
  return (await tx.group.count({ where: { tenantId: tenant, name: { in: names } } })) === names.length;
}

/** Active people who hold the role, themselves or by a group. */
function countAdmins(tx: Tx, tenant: string): Promise<number> {
  return tx.user.count({
    where: { tenantId: tenant, active: true, kind: 'person', memberships: { some: { role: adminRole } } },
  });
}
