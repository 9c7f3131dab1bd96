/** The commands, their arguments and options. What a command needs is loaded when it runs, so that each starts fast. */
import { Command, CommanderError } from 'commander';
import manifest from '../package.json' with { type: 'json' };
import { addAdminCommands } from './admin-command-line.ts';
import { addAuditCommands } from './audit-command-line.ts';
import { CommandFailure, exitCodes, WrongUsage } from './failures.ts';
import { addGateCommands } from './gate-command-line.ts';
import { addOperatorCommands } from './operator-command-line.ts';
import type { World } from './world.ts';

const help = `
Exit codes:
  0  done; with --follow, the run completed
  1  what was asked failed or was refused; what, where and what was expected is on stderr
  2  wrong usage: an unknown command or option, or a file that cannot be used; nothing was done
  3  with --follow, the run was rejected, cancelled or failed, or needs attention

The API's address and token come from --api and --token, else WAYMARK_API_URL and WAYMARK_TOKEN, else the
development stack that \`npm run dev\` keeps up: of --data, else WAYMARK_DATA, else the nearest .waymark folder.`;

const diffHelp = `
Exit codes, those of diff(1):
  0  no difference
  1  the graphs differ
  2  trouble: wrong usage, a file that cannot be read, or a document with mistakes

Steps are told apart by their ids. A resume of a run may run again a step that is another one now (its prose, its
settings but heading, order and condition, its agent or its types), and steps that read the output of such a step:
if that comes out the same, they stand. Layout, comments and notes make no difference.`;

const configText =
  'declares tools, models and roles to check against; unsaid, waymark.config.json beside or above the document';

const planHelp = `
Conditions that read the input alone are decided by it. Tokens are estimates: a third of the bytes of what is known, and
a usual size for what only a run knows; costs follow from them by the configuration's prices. The first number is when
everything works at once, the second with every try, item, pass and return. An input that does not fit exits with 1.`;

const formatHelp = `
Headings get #, settings become lists with -, tables line up, and one blank line parts these. Prose, lists in it and
comments stay as they are written, and so does all that a step or an agent is told. The graph stays the same; a document
with mistakes is left as it is, with exit code 1.`;

const draftHelp = `
The page is asked about section by section, at headings of one or two #; what does not compile goes back to the model, a
section four times at most. The model is that of the configuration's alias, at OPENAI_BASE_URL with OPENAI_API_KEY. The
draft is shown and written only to --out; nothing is published. The receipt, kept beside --out, says what each section gave,
by which model and prompt: a section whose text is unchanged is not asked again. A draft with mistakes exits with 1 and is
not written; the receipt is.`;

/** Runs one command. `args` are those after the program's name. Resolves with the exit code; never throws. */
export async function runCommandLine(args: string[], world: World): Promise<number> {
  const { terminal } = world;
  let code: number = exitCodes.done;
  try {
    const program = createProgram(world, (result) => {
      code = result;
    });
    await program.parseAsync(args, { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.wrongUsage;
    if (error instanceof CommandFailure) {
      terminal.complain(error.message);
      return error instanceof WrongUsage ? exitCodes.wrongUsage : exitCodes.failed;
    }
    if (world.interrupted.aborted) return exitCodes.interrupted;
    terminal.complain(
      `Unexpected failure inside this command: ${error instanceof Error ? error.stack : String(error)}`,
    );
    return exitCodes.failed;
  }
}

function createProgram(world: World, done: (code: number) => void): Command {
  const { terminal } = world;
  const trimmed = (text: string) => text.replace(/\n$/, '');
  const program = new Command('waymark')
    .description('Publishes and runs procedures written in Markdown, and decides their gates.')
    .version(manifest.version)
    .configureOutput({
      writeOut: (text) => terminal.print(trimmed(text)),
      writeErr: (text) => terminal.complain(trimmed(text)),
    })
    .exitOverride()
    // What follows the name of a command is that command's, and not one's above it.
    .enablePositionalOptions()
    .showHelpAfterError('(see --help)')
    .addHelpText('after', help);

  program
    .command('compile')
    .description('check a document and print its graph as JSON; needs no server')
    .argument('<file>', 'the document, a folder with document.md, or - for stdin')
    .option('--json', 'print mistakes as a JSON array on stdout')
    .option('--config <file>', configText)
    .option('--receipt', 'print the receipt instead: the lines of each part of the graph, and the hash of each section')
    .action(async (file: string, options) => {
      const { compileCommand } = await import('./commands/compile.ts');
      done(await compileCommand(file, options, world));
    });

  program
    .command('graph')
    .description('check a document and print its graph as a Mermaid flowchart; needs no server')
    .argument('<file>', 'the document, a folder with document.md, or - for stdin')
    .option('--config <file>', configText)
    .action(async (file: string, options) => {
      const { graphCommand } = await import('./commands/graph.ts');
      done(await graphCommand(file, options, world));
    });

  program
    .command('lsp')
    .description('serve an editor by the Language Server Protocol on stdin and stdout; needs no server')
    .option('--stdio', 'what many editors add; stdin and stdout are all there is')
    .action(async () => {
      const { lspCommand } = await import('./commands/lsp.ts');
      done(await lspCommand(world));
    });

  program
    .command('diff')
    .description(
      'say what differs between the graphs of two documents, and what a resume may run again; needs no server',
    )
    .argument('<old>', 'a document, a folder with document.md, or - for stdin')
    .argument('<new>', 'the document to compare with it')
    .option('--json', 'print the differences as JSON')
    .option('--config <file>', configText)
    .addHelpText('after', diffHelp)
    .action(async (before: string, after: string, options) => {
      const { diffCommand } = await import('./commands/diff.ts');
      done(await diffCommand(before, after, options, world));
    });

  program
    .command('format')
    .description('rewrite documents in the canonical layout, and name those that changed; needs no server')
    .argument('<file...>', 'documents, folders with document.md, or - to go from stdin to stdout')
    .option('--check', 'write nothing; name the documents that would change, and exit 1 if there are any')
    .addHelpText('after', formatHelp)
    .action(async (files: string[], options) => {
      const { formatCommand } = await import('./commands/format.ts');
      done(await formatCommand(files, options, world));
    });

  program
    .command('plan')
    .description('say what a run would do, whom it would ask and what it may cost, and run nothing; needs no server')
    .argument('<file>', 'the document, a folder with document.md, or - for stdin')
    .option('--input <file>', 'the input as JSON, or a file with it; unsaid, input.json beside the document')
    .option('--json', 'print the plan as JSON')
    .option('--config <file>', configText)
    .addHelpText('after', planHelp)
    .action(async (file: string, options) => {
      const { planCommand } = await import('./commands/plan.ts');
      done(await planCommand(file, options, world));
    });

  program
    .command('draft')
    .description('turn a page of prose into a document, by a model; needs no server but that of the model')
    .argument('<page>', 'Markdown in any words, or - for stdin')
    .option('--out <file>', 'where to write the document; unsaid, it is only shown')
    .option('--receipt <file>', 'what was asked and answered; unsaid, document.draft.json beside --out document.md')
    .option('--model <alias>', "the model to ask; unsaid, small, else the configuration's first")
    .option('--config <file>', configText)
    .option('--overwrite', 'write --out also where somebody has edited it since it was drafted')
    .addHelpText('after', draftHelp)
    .action(async (page: string, options) => {
      const { draftCommand } = await import('./commands/draft.ts');
      done(await draftCommand(page, options, world));
    });

  connected(program.command('publish'))
    .description('publish a document')
    .argument('<file>', 'the document, a folder with document.md, or - for stdin')
    .action(async (file: string, options) => {
      const { publishCommand } = await import('./commands/publish.ts');
      done(await publishCommand(file, options, world));
    });

  connected(program.command('run'))
    .description('publish a document and start a run of it')
    .argument('<file>', 'the document, a folder with document.md, or - for stdin')
    .option('--input <file>', 'the input as JSON; unsaid, input.json beside the document')
    .option('--follow', 'show each step as it happens, then the result and the journal')
    .option(
      '--practice <file>',
      'script of model and tool answers; unsaid, practice.json beside the document on a practice stack',
    )
    .action(async (file: string, options) => {
      const { runCommand } = await import('./commands/run.ts');
      done(await runCommand(file, options, world));
    });

  addGateCommands(program, connected, world, done);

  connected(program.command('inspect'))
    .description('show a run: its status, steps, result and journal')
    .argument('<run>', 'its id')
    .option('--json', 'print the run and its journal as JSON')
    .action(async (run: string, options) => {
      const { inspectCommand } = await import('./commands/inspect.ts');
      done(await inspectCommand(run, options, world));
    });

  connected(program.command('resume'))
    .description('show what a resume of a run would keep and do again, ask, and do it')
    .argument('<run>', 'its id; not one that was resumed before')
    .option('--from <step>', 'do this step again, whatever was recorded')
    .option('--document <file>', 'go on with this version of the document, which is published first')
    .option('--graph <hash>', 'go on with this published version')
    .option('--input <file>', 'go on with this input; - for stdin')
    .option('--acknowledge', 'know of effects of steps that the version no longer has')
    .option('--yes', 'do not ask')
    .option('--json', 'print the plan as JSON')
    .action(async (run: string, options) => {
      const { resumeCommand } = await import('./commands/resume.ts');
      done(await resumeCommand(run, options, world));
    });

  program
    .command('replay')
    .description('replay recorded runs against the interpreter of this version: will it go on with them?')
    .argument('[history...]', 'histories as JSON, as the Web UI downloads them')
    .option('--workflow <id...>', 'workflows of a Temporal server, running or ended')
    .option('--address <host:port>', 'the Temporal server; unsaid, TEMPORAL_ADDRESS or 127.0.0.1:7233')
    .option('--namespace <name>', 'unsaid, TEMPORAL_NAMESPACE or default')
    .action(async (histories: string[], options) => {
      const { replayCommand } = await import('./commands/replay.ts');
      done(await replayCommand(histories, options, world));
    });

  connected(program.command('cancel'))
    .description('cancel a run')
    .argument('<run>', 'its id')
    .option('--comment <text>', 'why')
    .action(async (run: string, options) => {
      const { cancelCommand } = await import('./commands/cancel.ts');
      done(await cancelCommand(run, options, world));
    });

  addOperatorCommands(program, connected, world, done);
  addAdminCommands(program, connected, world, done);
  addAuditCommands(program, connected, world, done);
  return program;
}

/** The options of a command that talks to the API. */
function connected(command: Command): Command {
  return command
    .option('--api <url>', "the API's address")
    .option('--token <token>', 'bearer token for the API')
    .option('--as <person>', 'name, email or role of a person of the development stack; unsaid, the first')
    .option('--data <dir>', "the development stack's folder");
}
