/** The commands of those who look after runs: what becomes of a parked step, and of a whole run. */
import type { Command } from 'commander';
import type { World } from './world.ts';

const stepHelp = `
STEP is the id of a step that failed and waits for a person; \`waymark inspect RUN\` names it, and \`Result\` is the Result.
The order is accepted before it is done: the run's log says whether it was applied.`;

const effectsHelp = `
A step that parked as outcome-unknown or effect-conflict waits for an answer, and is done again on it:
  happened         the write was made; the step takes its answer, given with --output where none is recorded
  did not happen   the write was not made; it is sent, under a new key
  send again       the write is sent under a new key, whatever became of it
Of a write that was made in a session, the first two: who has the session has its turn go on from that.`;

/** @param connected adds the options of a command that talks to the API */
export function addOperatorCommands(
  program: Command,
  connected: (command: Command) => Command,
  world: World,
  done: (code: number) => void,
): void {
  const load = () => import('./commands/order.ts');
  const ofStep = (command: Command): Command =>
    connected(command)
      .argument('<run>', 'its id')
      .argument('<step>', "the step's id")
      .option('--path <path>', 'of a step that runs more than once: items and passes, as inspect shows it')
      .option('--comment <text>', 'why')
      .addHelpText('after', stepHelp);

  ofStep(program.command('retry'))
    .description('do a parked step again')
    .option('--fresh', 'ask the model anew, or run the called document anew, instead of going on with what it gave')
    .option('--inputs <file>', 'JSON record of values in place of those that the step reads, by name; - reads stdin')
    .action(async (run: string, step: string, options) =>
      done(await (await load()).retryStep(run, step, options, world)),
    );
  ofStep(program.command('supply'))
    .description('give a parked step its output')
    .argument('<file>', 'the output as JSON; - reads stdin')
    .action(async (run: string, step: string, file: string, options) =>
      done(await (await load()).supplyStep(run, step, file, options, world)),
    );
  ofStep(program.command('skip'))
    .description('leave a parked step out, where nothing that follows needs it')
    .action(async (run: string, step: string, options) =>
      done(await (await load()).skipStep(run, step, options, world)),
    );

  connected(program.command('effects'))
    .description('list what a run wrote, or say what became of a write')
    .argument('<run>', 'its id')
    .argument('[effect]', 'the write, by as much of its name as tells it from others')
    .argument('[answer]', 'happened, "did not happen" or "send again"')
    .option('--output <file>', 'of a write that happened: what the tool answered, as JSON; - reads stdin')
    .option('--comment <text>', 'why')
    .addHelpText('after', effectsHelp)
    .action(async (run: string, effect: string | undefined, answer: string | undefined, options) =>
      done(await (await load()).effects(run, { effect, answer }, options, world)),
    );

  for (const [kind, description] of [
    ['abort', 'end a run as failed; what was written stays as it is'],
    ['pause', 'start nothing new in a run; what runs goes on, and people may decide'],
    ['unpause', 'let a paused run go on'],
  ] as const) {
    connected(program.command(kind))
      .description(description)
      .argument('<run>', 'its id')
      .option('--comment <text>', 'why')
      .action(async (run: string, options) => done(await (await load()).orderRun(run, kind, options, world)));
  }
}
