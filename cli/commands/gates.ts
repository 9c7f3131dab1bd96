import type { GateCounts } from '../api-shapes.ts';
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
  run?: string;
  role?: string;
  overdue?: boolean;
}

/** My inbox, oldest first: the open gates that wait for me, or others by the filters. */
export async function gatesCommand(options: GatesOptions, world: World): Promise<number> {
  const { terminal } = world;
  const { client, practice, person } = await connect(options, world);
  const filter = filterOf(options);
  const { gates, counts } = await client.inbox(filter);
  if (options.json) {
    terminal.printJson(gates);
    return exitCodes.done;
  }
  if (practice) terminal.print(practiceNotice, 'strong');
  if (gates.length === 0) {
    const isNarrowed = Object.keys(filter).length > 0;
    terminal.print(isNarrowed ? 'No gate is as asked for.' : `No gate waits for ${person ?? 'you'}.`);
    if (isNarrowed) terminal.print(countsLine(counts, person));
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
  terminal.print(countsLine(counts, person));
  return exitCodes.done;
}

function countsLine({ mine, claimed, overdue }: GateCounts, person: string | undefined): string {
  return `Waiting for ${person ?? 'you'}: ${mine}, overdue of them: ${overdue}. Claimed by ${person ?? 'you'}: ${claimed}.`;
}

function filterOf({ all, status, claimed, document, run, role, overdue }: GatesOptions): Record<string, string> {
  const said = {
    scope: all ? 'all' : undefined,
    status,
    claimed,
    document,
    run,
    role,
    overdue: overdue ? 'true' : undefined,
  };
  return Object.fromEntries(
    Object.entries(said).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}
