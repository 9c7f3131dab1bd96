/** `waymark admin`: its commands, their arguments and options. */
import type { Command } from 'commander';
import { addWebhookCommands } from './webhook-command-line.ts';
import type { World } from './world.ts';

const help = `
A user is named by their id or e-mail address. All of it asks for the role admin, and is kept in the admin log.
A tenant and its first admin are made by whoever owns the database: node prisma/provision.ts FILE.`;

/** @param connected adds the options of a command that talks to the API */
export function addAdminCommands(
  program: Command,
  connected: (command: Command) => Command,
  world: World,
  done: (code: number) => void,
): void {
  const load = () => import('./commands/admin.ts');
  const admin = program
    .command('admin')
    .description("the tenant's name, people, groups, API keys and webhooks")
    .addHelpText('after', help);

  connected(admin.command('tenant'))
    .description('show the tenant')
    .option('--name <name>', 'give it this name')
    .action(async (options) => done(await (await load()).showTenant(options, world)));

  const users = admin.command('users').description('who may sign in, and by which roles they act');
  connected(users.command('list'))
    .description('list people and services')
    .option('--json', 'print them as a JSON array')
    .action(async (options) => done(await (await load()).listUsers(options, world)));
  connected(users.command('add'))
    .description('add a person')
    .argument('<email>', 'their e-mail address')
    .requiredOption('--name <name>', 'as others see them')
    .requiredOption('--subject <subject>', 'the `sub` of their tokens')
    .option('--role <role...>', 'roles of their own', [])
    .option('--group <group...>', 'groups they are in', [])
    .action(async (email: string, options) => done(await (await load()).addUser(email, options, world)));
  connected(users.command('set-roles'))
    .description("make a person's own roles be exactly these")
    .argument('<user>')
    .argument('[roles...]', 'none takes all away')
    .action(async (user: string, roles: string[], options) =>
      done(await (await load()).changeUser(user, { roles }, options, world)),
    );
  connected(users.command('set-groups'))
    .description("make a person's groups be exactly these")
    .argument('<user>')
    .argument('[groups...]', 'none takes them out of all')
    .action(async (user: string, groups: string[], options) =>
      done(await (await load()).changeUser(user, { groups }, options, world)),
    );
  for (const [name, active] of [
    ['deactivate', false],
    ['activate', true],
  ] as const) {
    connected(users.command(name))
      .description(active ? 'let a person or service in again' : 'let a person or service do nothing any more, at once')
      .argument('<user>')
      .action(async (user: string, options) => done(await (await load()).changeUser(user, { active }, options, world)));
  }

  const groups = admin.command('groups').description('roles that are given to several people at once');
  connected(groups.command('list'))
    .description('list the groups and the roles they give')
    .option('--json', 'print them as a JSON array')
    .action(async (options) => done(await (await load()).listGroups(options, world)));
  connected(groups.command('set'))
    .description('make a group, or make its roles be exactly these')
    .argument('<group>')
    .argument('[roles...]')
    .action(async (group: string, roles: string[], options) =>
      done(await (await load()).setGroup(group, roles, options, world)),
    );

  const keys = admin.command('keys').description('by which services sign in');
  connected(keys.command('list'))
    .description('list the keys, revoked ones too')
    .option('--json', 'print them as a JSON array')
    .action(async (options) => done(await (await load()).listKeys(options, world)));
  connected(keys.command('create'))
    .description('make a key and print it, this once')
    .argument('<service>', 'which service it is for')
    .requiredOption('--scope <scope...>', 'what it may do, such as runs:write')
    .option('--expires <time>', 'when it ends, such as 2027-01-31 or 2027-01-31T12:00:00Z; unsaid, never')
    .action(async (service: string, options) => done(await (await load()).createKey(service, options, world)));
  connected(keys.command('revoke'))
    .description('revoke a key, at once and for good')
    .argument('<key>', 'its id')
    .action(async (key: string, options) => done(await (await load()).revokeKey(key, options, world)));

  const proposals = admin
    .command('proposals')
    .description('proposals whose assignee cannot act: inactive people, and services');
  connected(proposals.command('list'))
    .description('list the open proposals whose assignee is inactive or a service')
    .option('--json', 'print them as a JSON array')
    .action(async (options) => done(await (await load()).listProposals(options, world)));
  connected(proposals.command('reassign'))
    .description('give such a proposal to somebody else')
    .argument('<proposal>', 'its id')
    .argument('<user>')
    .action(async (proposal: string, user: string, options) =>
      done(await (await load()).reassignProposal(proposal, user, options, world)),
    );

  addWebhookCommands(admin, connected, world, done);
}
