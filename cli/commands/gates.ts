import { connect, practiceNotice } from '../connect.ts';
import type { ConnectionOptions } from '../connection.ts';
import { exitCodes } from '../failures.ts';
import { textTable } from '../text-table.ts';
import type { World } from '../world.ts';

export interface GatesOptions extends ConnectionOptions {
  json?: boolean;
  /** Of the whole tenant, not only what waits for me. */
  all?: boolean;
  status?: string;
  claimed?: string;
  document?: string;
  role?: string;
  overdue?: boolean;
}

/** My inbox, oldest first: the open gates that wait for me, or others by the filters. */
export async function gatesCommand(options: GatesOptions, world: World): Promise<number> {
  const { terminal } = world;
  const { client, practice, person } = await connect(options, world);
  const gates = await client.gates(filterOf(options));
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
        [
          ...(gate.run.practice ? ['practice'] : []),
          ...(gate.dueAt === undefined ? [] : [gate.overdue ? 'overdue' : `due ${gate.dueAt}`]),
          ...(gate.claimed === undefined ? [] : [`claimed by ${gate.claimed.by}`]),
        ].join(', '),
      ]),
    ),
  );
  return exitCodes.done;
}

function filterOf({ all, status, claimed, document, role, overdue }: GatesOptions): Record<string, string> {
  const said = {
    scope: all ? 'all' : undefined,
    status,
    claimed,
    document,
    role,
    overdue: overdue ? 'true' : undefined,
  };
  return Object.fromEntries(
    Object.entries(said).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}
