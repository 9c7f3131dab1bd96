/** The tenant, its people, groups and keys, through the API as an admin. */
import type { AdminClient } from '../admin-client.ts';
import { createAdminClient } from '../admin-client.ts';
import { createApiCalls } from '../api-calls.ts';
import type { User } from '../api-shapes.ts';
import type { ConnectionOptions } from '../connection.ts';
import { findConnection } from '../connection.ts';
import { CommandFailure, exitCodes, WrongUsage } from '../failures.ts';
import { plainLine } from '../plain-text.ts';
import { showRows } from '../show-rows.ts';
import type { World } from '../world.ts';

export interface ListOptions extends ConnectionOptions {
  json?: boolean;
}

const connectAsAdmin = (options: ConnectionOptions, world: World): AdminClient =>
  createAdminClient(createApiCalls(findConnection(options, world)));

/** Renamed first where `name` is given. */
export async function showTenant(options: ConnectionOptions & { name?: string }, world: World): Promise<number> {
  const client = connectAsAdmin(options, world);
  const { id, name } = await (options.name === undefined ? client.tenant() : client.renameTenant(options.name));
  world.terminal.print(`${plainLine(name)} (${id})`, 'good');
  return exitCodes.done;
}

export async function listUsers(options: ListOptions, world: World): Promise<number> {
  const users = await connectAsAdmin(options, world).users();
  return showRows(world, options, users, ['id', 'name', 'e-mail', 'roles', 'groups', ''], (user) => [
    user.id,
    user.displayName,
    user.kind === 'service' ? '' : user.email,
    user.allRoles.join(', '),
    user.groups.join(', '),
    [user.kind === 'service' ? 'service' : '', user.active ? '' : 'inactive'].filter(Boolean).join(', '),
  ]);
}

export interface AddUserOptions extends ConnectionOptions {
  name: string;
  subject: string;
  role: string[];
  group: string[];
}

export async function addUser(email: string, options: AddUserOptions, world: World): Promise<number> {
  const { name: displayName, subject, role: roles, group: groups } = options;
  const user = await connectAsAdmin(options, world).addUser({ displayName, email, subject, roles, groups });
  world.terminal.print(`Added ${described(user)}`, 'good');
  return exitCodes.done;
}

/** @throws CommandFailure when nobody is named so */
export async function changeUser(
  idOrEmail: string,
  change: Parameters<AdminClient['changeUser']>[1],
  options: ConnectionOptions,
  world: World,
): Promise<number> {
  const client = connectAsAdmin(options, world);
  const { id } = await userNamed(client, idOrEmail);
  world.terminal.print(described(await client.changeUser(id, change)), 'good');
  return exitCodes.done;
}

/** @throws CommandFailure when nobody is named so */
async function userNamed(client: AdminClient, idOrEmail: string): Promise<User> {
  const wanted = idOrEmail.toLowerCase();
  const users = await client.users();
  const found = users.find(({ id }) => id === idOrEmail) ?? users.find(({ email }) => email.toLowerCase() === wanted);
  if (found !== undefined) return found;
  throw new CommandFailure(`Nobody has the id or address ${idOrEmail}. See: waymark admin users list`);
}

export async function listGroups(options: ListOptions, world: World): Promise<number> {
  const groups = await connectAsAdmin(options, world).groups();
  return showRows(world, options, groups, ['group', 'roles'], ({ name, roles }) => [name, roles.join(', ')]);
}

export async function setGroup(
  name: string,
  roles: string[],
  options: ConnectionOptions,
  world: World,
): Promise<number> {
  const group = await connectAsAdmin(options, world).setGroup(name, roles);
  world.terminal.print(`Group ${group.name} gives its members: ${group.roles.join(', ') || 'nothing'}`, 'good');
  return exitCodes.done;
}

export async function listKeys(options: ListOptions, world: World): Promise<number> {
  const keys = await connectAsAdmin(options, world).keys();
  const columns = ['key', 'service', 'scopes', 'made', 'last used', 'ends'];
  return showRows(world, options, keys, columns, (key) => [
    key.id,
    key.service,
    key.scopes.join(', '),
    key.createdAt,
    key.lastUsedAt ?? 'never',
    key.revokedAt === undefined ? (key.expiresAt ?? 'never') : `revoked ${key.revokedAt}`,
  ]);
}

export interface CreateKeyOptions extends ConnectionOptions {
  scope: string[];
  expires?: string;
}

/** Prints the key alone on stdout, so that it can be piped to where it is kept. */
export async function createKey(service: string, options: CreateKeyOptions, world: World): Promise<number> {
  const { scope: scopes, expires } = options;
  const ends = expires === undefined ? undefined : new Date(expires);
  if (ends !== undefined && Number.isNaN(ends.getTime())) {
    throw new WrongUsage(`Unexpected time ${expires}, expected one such as 2027-01-31 or 2027-01-31T12:00:00Z.`);
  }
  const made = await connectAsAdmin(options, world).createKey({
    service,
    scopes,
    ...(ends === undefined ? {} : { expiresAt: ends.toISOString() }),
  });
  if (made.key === undefined) {
    throw new CommandFailure(
      `The answer with the key was lost on its way. Revoke it and make another: waymark admin keys revoke ${made.id}`,
    );
  }
  world.terminal.complain(`Key ${made.id} of ${made.service}, for ${made.scopes.join(', ')}. It is shown this once:`);
  world.terminal.print(made.key);
  return exitCodes.done;
}

export async function revokeKey(id: string, options: ConnectionOptions, world: World): Promise<number> {
  const key = await connectAsAdmin(options, world).revokeKey(id);
  world.terminal.print(`Revoked key ${key.id} of ${key.service}.`, 'good');
  return exitCodes.done;
}

/** Those whose assignee is inactive or a service. */
export async function listProposals(options: ListOptions, world: World): Promise<number> {
  const proposals = await connectAsAdmin(options, world).unattendedProposals();
  const columns = ['proposal', 'title', 'assignee', 'started by', 'since'];
  return showRows(world, options, proposals, columns, (one) => [
    one.id,
    one.title,
    one.assignee ?? '',
    one.startedBy,
    one.createdAt,
  ]);
}

/** @throws CommandFailure when nobody is named so */
export async function reassignProposal(
  proposal: string,
  idOrEmail: string,
  options: ConnectionOptions,
  world: World,
): Promise<number> {
  const client = connectAsAdmin(options, world);
  const { id, displayName } = await userNamed(client, idOrEmail);
  const { title } = await client.reassign(proposal, id);
  world.terminal.print(`${title} is ${displayName}'s from now on.`, 'good');
  return exitCodes.done;
}

function described(user: User): string {
  const roles = user.allRoles.length === 0 ? 'no roles' : user.allRoles.join(', ');
  return `${user.displayName} (${user.id}): ${user.active ? roles : 'inactive'}`;
}
