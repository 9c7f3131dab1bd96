import type { Run } from '../api-shapes.ts';
import type { Json } from '../client.ts';
import { connect, practiceNotice } from '../connect.ts';
import type { ConnectionOptions } from '../connection.ts';
import type { DocumentFile } from '../document-files.ts';
import { readDocument, readJsonBeside, readJsonFile } from '../document-files.ts';
import { exitCodes, WrongUsage } from '../failures.ts';
import { followRun } from '../follow-run.ts';
import { gateText } from '../gate-text.ts';
import { journalTable } from '../journal-table.ts';
import { plainLine } from '../plain-text.ts';
import { publishDocument } from '../publish-document.ts';
import { resultText } from '../run-text.ts';
import type { World } from '../world.ts';

export interface RunOptions extends ConnectionOptions {
  input?: string;
  practice?: string;
  follow?: boolean;
}

export async function runCommand(path: string, options: RunOptions, world: World): Promise<number> {
  const { terminal, interrupted } = world;
  if ([path, options.input, options.practice].filter((one) => one === '-').length > 1) {
    throw new WrongUsage('Unexpected - more than once, expected stdin to be read for one file only.');
  }
  const document = await readDocument(path, world);
  const input = await inputOf(document, options.input, world);
  const given = options.practice === undefined ? undefined : { value: await readJsonFile(options.practice, world) };

  const { client, practice } = await connect(options, world);
  const script = given ?? (practice ? await readJsonBeside(document, 'practice.json') : undefined);
  if (practice) terminal.print(practiceNotice, 'strong');
  const published = await publishDocument(client, document, {
    onLinked: (one, file) =>
      world.terminal.print(`Published ${plainLine(one.title)} as ${one.document}, linked as ${file}`),
  });
  terminal.print(
    `Published ${plainLine(published.title)} as ${published.document}, graph ${published.graphHash.slice(0, 12)}`,
  );
  const run = await client.startRun({
    graphHash: published.graphHash,
    input,
    ...(script === undefined ? {} : { practice: script.value }),
  });
  terminal.print(`Started run ${run.id}${run.practice ? ' (practice: answered from a script)' : ''}`);
  if (run.webUi !== undefined) terminal.print(`Web UI ${plainLine(run.webUi)}`);
  if (!options.follow) return exitCodes.done;

  terminal.print('');
  let ended: Run;
  try {
    ended = await followRun(client, run.id, {
      print: terminal.print,
      signal: interrupted,
      async onGate(gate) {
        terminal.print(gateText(gate));
        terminal.print(`  Decide it with: npx waymark decide ${gate.id} ACTION --comment TEXT`);
      },
    });
  } catch (error) {
    if (!interrupted.aborted) throw error;
    terminal.complain(`The run goes on. See it with: npx waymark inspect ${run.id}`);
    return exitCodes.interrupted;
  }
  terminal.print('');
  terminal.print(resultText(ended));
  terminal.print('');
  terminal.print(journalTable(await client.journal(run.id)));
  terminal.print('');
  const completed = ended.status === 'completed';
  terminal.print(
    ended.status === 'needs-attention'
      ? `The run needs attention: a step failed, and nothing else in it can go on. See it with: npx waymark inspect ${run.id}`
      : `The run is ${ended.status}${ended.practice ? ' (practice)' : ''}.`,
    completed ? 'good' : 'bad',
  );
  return completed ? exitCodes.done : exitCodes.notCompleted;
}

/** What was named, else `input.json` beside the document, else nothing: the API says which inputs are missing. */
async function inputOf(document: DocumentFile, path: string | undefined, world: World): Promise<Json> {
  if (path !== undefined) return readJsonFile(path, world);
  return (await readJsonBeside(document, 'input.json'))?.value ?? {};
}
