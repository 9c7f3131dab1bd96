/** The people of a tenant: making and changing them, in the name of an admin, each change in the admin log. */
import { randomUUID } from 'node:crypto';
import type { Tx } from './act-as.ts';
import type { NewAdminEvent } from './admin-log.ts';
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
  | 'last admin'
  /** Somebody would become an admin by one who may not make admins. */
  | 'makes an admin';

export interface ChangeLimits {
  /** False of a service: it may change people, and not raise anybody to admin. */
  mayMakeAdmins: boolean;
}

/** The refusal, with nothing left to roll back but what the caller's transaction did: throw to undo it. */
export type PeopleResult = { done: string } | { refused: PeopleRefusal };

export function createPerson(tx: Tx, tenant: string, person: NewPerson, limits?: ChangeLimits): Promise<PeopleResult> {
  const { id = randomUUID(), roles, groups, ...facts } = person;
  const events: NewAdminEvent[] = [{ what: 'user.created', subject: id, detail: { roles, groups } }];
  return changing(tx, tenant, events, limits, async () => {
    const made = await tx.user.createMany({ data: [{ tenantId: tenant, id, ...facts }], skipDuplicates: true });
    if (made.count === 0) return { refused: 'taken' };
    if (!(await knowsGroups(tx, tenant, groups))) return { refused: 'unknown group' };
    await setMemberships(tx, id, roles, groups);
    return { done: id };
  });
}

export function changePerson(
  tx: Tx,
  tenant: string,
  id: string,
  change: PersonChange,
  limits?: ChangeLimits,
): Promise<PeopleResult> {
  const { active, roles, groups, ...facts } = change;
  const fields = Object.keys(facts).sort();
  const events: NewAdminEvent[] = [];
  if (active !== undefined) {
    events.push({ what: active ? 'user.activated' : 'user.deactivated', subject: id, detail: {} });
  }
  if (fields.length > 0 || roles !== undefined || groups !== undefined) {
    const detail = { fields, ...(roles === undefined ? {} : { roles }), ...(groups === undefined ? {} : { groups }) };
    events.push({ what: 'user.changed', subject: id, detail });
  }
  return changing(tx, tenant, events, limits, async () => {
    const where = { tenantId_id: { tenantId: tenant, id } };
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
    if (fields.length > 0 || active !== undefined) {
      await tx.user.update({ where, data: { ...facts, ...(active === undefined ? {} : { active }) } });
    }
    if (roles !== undefined || groups !== undefined) await setMemberships(tx, id, roles, groups);
    return { done: id };
  });
}

/** Gives the actor's own tenant this name; the name it has is no change. */
export async function renameTenant(tx: Tx, tenant: string, name: string): Promise<void> {
  const known = await tx.tenant.findUniqueOrThrow({ where: { id: tenant }, select: { name: true } });
  if (known.name === name) return;
  await appendAdminEvent(tx, { what: 'tenant.renamed', subject: tenant, detail: {} });
  await tx.tenant.updateMany({ where: { id: tenant }, data: { name } });
}

/** Makes the group with exactly these roles, or gives it them, and so its members. */
export function setGroupRoles(
  tx: Tx,
  tenant: string,
  group: string,
  roles: string[],
  limits?: ChangeLimits,
): Promise<PeopleResult> {
  const events: NewAdminEvent[] = [{ what: 'group.changed', subject: group, detail: { roles } }];
  return changing(tx, tenant, events, limits, async () => {
    await tx.$executeRaw`SELECT set_group_roles(${group}, ${roles}::text[])`;
    return { done: group };
  });
}

/** Logs first, since the log's lock puts changes of people one after the other, and counts the admins around the change. */
async function changing(
  tx: Tx,
  tenant: string,
  events: NewAdminEvent[],
  limits: ChangeLimits = { mayMakeAdmins: true },
  work: () => Promise<PeopleResult>,
): Promise<PeopleResult> {
  for (const event of events) await appendAdminEvent(tx, event);
  const before = await countAdmins(tx, tenant);
  const result = await work();
  if ('refused' in result) return result;
  const after = await countAdmins(tx, tenant);
  if (before > 0 && after === 0) return { refused: 'last admin' };
  if (after > before && !limits.mayMakeAdmins) return { refused: 'makes an admin' };
  return result;
}

export interface FoundPerson {
  id: string;
  name: string;
  roles: string[];
  /** By which the list is ordered, with the id. */
  sortKey: string;
}

/** Active people whose name or address holds `text`, whatever the case, by name. */
export function findPeople(
  tx: Tx,
  tenant: string,
  { text, take, after = ['', ''] }: { text: string; take: number; after?: [string, string] | undefined },
): Promise<FoundPerson[]> {
  return tx.$queryRaw<FoundPerson[]>`
    SELECT u.id, u.name, lower(u.name) AS "sortKey", ARRAY(
        SELECT DISTINCT m.role FROM membership m WHERE m.tenant_id = u.tenant_id AND m.user_id = u.id ORDER BY m.role) AS roles
      FROM user_account u
      WHERE u.tenant_id = ${tenant} AND u.active AND u.kind = 'person'
        AND (position(lower(${text}) IN lower(u.name)) > 0 OR position(lower(${text}) IN lower(u.email)) > 0)
        AND (lower(u.name) COLLATE "C", u.id COLLATE "C") > (${after[0]}, ${after[1]})
      ORDER BY lower(u.name) COLLATE "C", u.id COLLATE "C" LIMIT ${take}`;
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
