import { connect, practiceNotice } from '../connect.ts';
import type { ConnectionOptions } from '../connection.ts';
import { exitCodes } from '../failures.ts';
import { journalTable } from '../journal-table.ts';
import { resultText, runHeading, stepsTable, waitingLines } from '../run-text.ts';
import type { World } from '../world.ts';

export interface InspectOptions extends ConnectionOptions {
  json?: boolean;
}

export async function inspectCommand(id: string, options: InspectOptions, world: World): Promise<number> {
  const { terminal } = world;
  const { client, practice } = await connect(options, world);
  const [run, journal] = await Promise.all([client.getRun(id), client.journal(id)]);
  if (options.json) {
    terminal.printJson({ run, journal });
    return exitCodes.done;
  }
  if (practice) terminal.print(practiceNotice, 'strong');
  const parts = [
    runHeading(run),
    waitingLines(run).join('\n'),
    stepsTable(run),
    run.endedAt === undefined ? '' : resultText(run),
    journalTable(journal),
  ];
  terminal.print(parts.filter((part) => part !== '').join('\n\n'));
  return exitCodes.done;
}
