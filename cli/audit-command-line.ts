/** `waymark audit`: its commands, their arguments and options. */
import type { Command } from 'commander';
import type { World } from './world.ts';

const help = `
For the roles admin and auditor, and for keys with the scope audit:read. Reading the audit is noted in it.`;

const verifyHelp = `
Every event's hash is computed again, each event follows the one before, and each chain ends as its head says. Exits with 1
where that is not so, and names the place. With --file nothing but the file is needed; with --since the chains must also
still hold what an earlier export holds: that shows events that were rewritten with all that follows, and chains that are gone.`;

/** @param connected adds the options of a command that talks to the API */
export function addAuditCommands(
  program: Command,
  connected: (command: Command) => Command,
  world: World,
  done: (code: number) => void,
): void {
  const load = () => import('./commands/audit.ts');
  const audit = program
    .command('audit')
    .description('who read, shared, decided and changed what, and whether that is as it was written')
    .addHelpText('after', help);

  connected(audit.command('list'))
    .description('list the newest entries')
    .option('--person <id>', 'who did it')
    .option('--thing <id>', 'of this run or proposal; admin of people, groups and keys, audit of the audit')
    .option('--log <log>', 'admin, proposal, read or run')
    .option('--kind <kind>', 'such as proposal.shared')
    .option('--from <time>', 'from this moment on, such as 2027-01-31 or 2027-01-31T12:00:00Z')
    .option('--to <time>', 'up to this moment, and not at it')
    .option('--limit <number>', 'how many at most, up to 100', '20')
    .option('--json', 'print them as a JSON array')
    .action(async (options) => done(await (await load()).listAudit(options, world)));
  connected(audit.command('export'))
    .description('write all logs to a file as lines of JSON, and verify them')
    .argument('<file>', 'what is there is written over once the export is whole')
    .action(async (file: string, options) => done(await (await load()).exportAudit(file, options, world)));
  connected(audit.command('verify'))
    .description('verify the chains of all runs, proposals, readers and of the admin log')
    .option('--file <export>', 'those of an exported file, without asking any API; - for stdin')
    .option('--since <export>', 'an earlier export, which must still be there as it was')
    .addHelpText('after', verifyHelp)
    .action(async (options) => done(await (await load()).verifyAudit(options, world)));
}
