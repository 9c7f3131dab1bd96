/** The commands of those who decide: what waits for them, deciding it, and what goes before. */
import type { Command } from 'commander';
import type { World } from './world.ts';

const help = `
GATE is the id of a gate, or the beginning of one: of a gate that waits for me, and for show, release, withdraw and answer of any
that is open. PERSON is an id, a name or an e-mail address.`;

const ofGate = 'its id, or the beginning of it';

/** @param connected adds the options of a command that talks to the API */
export function addGateCommands(
  program: Command,
  connected: (command: Command) => Command,
  world: World,
  done: (code: number) => void,
): void {
  const gates = connected(program.command('gates'))
    .description('list the gates that wait for me, or work on one')
    .option('--all', 'those of the whole tenant')
    .option('--status <status>', 'open, decided, lapsed or any; unsaid, open')
    .option('--claimed <by>', 'me, others or nobody')
    .option('--document <id>', 'of runs of this document')
    .option('--run <id>', 'of this run')
    .option('--role <role>', 'that holders of this role may decide')
    .option('--overdue', 'those that are overdue')
    .option('--json', 'print them as a JSON array')
    .addHelpText('after', help)
    .enablePositionalOptions()
    .action(async (options) => {
      const { gatesCommand } = await import('./commands/gates.ts');
      done(await gatesCommand(options, world));
    });
  const load = () => import('./commands/gate-work.ts');
  const atGate = (name: string): Command => connected(gates.command(name)).argument('<gate>', ofGate);

  atGate('show')
    .description('show all that a decision about it would be about, with who said what')
    .action(async (gate: string, _, command: Command) =>
      done(await (await load()).showGate(gate, command.optsWithGlobals(), world)),
    );
  atGate('claim')
    .description('work on it: where one person decides, nobody else does until it is released')
    .action(async (gate: string, _, command: Command) =>
      done(await (await load()).claimGate(gate, command.optsWithGlobals(), world)),
    );
  atGate('release')
    .description('let go of one that I claimed, or as an operator of one that somebody else did')
    .action(async (gate: string, _, command: Command) =>
      done(await (await load()).releaseGate(gate, command.optsWithGlobals(), world)),
    );
  atGate('delegate')
    .description('have another person cast my vote')
    .argument('<person>', 'who is to cast it')
    .action(async (gate: string, person: string, _, command: Command) =>
      done(await (await load()).delegateVote(gate, person, command.optsWithGlobals(), world)),
    );
  atGate('withdraw')
    .description('take my vote back from who was to cast it')
    .action(async (gate: string, _, command: Command) =>
      done(await (await load()).withdrawDelegation(gate, command.optsWithGlobals(), world)),
    );
  atGate('ask')
    .description('ask for information before deciding; the gate stays open')
    .argument('<text>', 'the question')
    .option('--to <person>', 'who is asked; unsaid, who started the run')
    .action(async (gate: string, text: string, _, command: Command) =>
      done(await (await load()).askAtGate(gate, text, command.optsWithGlobals(), world)),
    );
  atGate('answer')
    .description('answer a question that I was asked, or one about a run that I started')
    .argument('<text>', 'the answer')
    .option('--question <id>', 'which one, by as much of its id as tells it; unsaid, the only one without an answer')
    .action(async (gate: string, text: string, _, command: Command) =>
      done(await (await load()).answerAtGate(gate, text, command.optsWithGlobals(), world)),
    );

  connected(program.command('decide'))
    .description('decide a gate')
    .argument('<gate>', 'its id, or the beginning of the id of a gate that waits for me')
    .argument('<action>', 'one of its actions, such as approve')
    .option('--comment <text>', 'why')
    .option('--form <file>', 'JSON to give with the decision; - for stdin')
    .option('--for <person>', 'whose vote to cast, where it was delegated to me')
    .action(async (gate: string, action: string, options) => {
      const { decideCommand } = await import('./commands/decide.ts');
      done(await decideCommand(gate, action, options, world));
    });
}
