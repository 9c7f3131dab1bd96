import { connect, practiceNotice } from '../connect.ts';
import type { ConnectionOptions } from '../connection.ts';
import { exitCodes } from '../failures.ts';
import { textTable } from '../text-table.ts';
import type { World } from '../world.ts';

export interface GatesOptions extends ConnectionOptions {
  json?: boolean;
}

/** My inbox: the open gates that I may decide, oldest first. */
export async function gatesCommand(options: GatesOptions, world: World): Promise<number> {
  const { terminal } = world;
  const { client, practice, person } = await connect(options, world);
  const gates = await client.gates();
  if (options.json) {
    terminal.printJson(gates);
    return exitCodes.done;
  }
  if (practice) terminal.print(practiceNotice, 'strong');
  if (gates.length === 0) {
    terminal.print(`No gate waits for ${person ?? 'you'}.`);
    return exitCodes.done;
  }
  terminal.print(
    textTable(
      [
        { title: 'gate' },
        { title: 'what' },
        { title: 'document' },
        { title: 'since' },
        { title: 'actions' },
        { title: '' },
      ],
      gates.map((gate) => [
        gate.id,
        gate.title,
        gate.run.title,
        gate.openedAt,
        gate.actions.map(({ name }) => name).join(', '),
        gate.run.practice ? 'practice' : '',
      ]),
    ),
  );
  return exitCodes.done;
}
