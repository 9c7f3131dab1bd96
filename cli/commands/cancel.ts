import { connect, practiceNotice } from '../connect.ts';
import type { ConnectionOptions } from '../connection.ts';
import { exitCodes } from '../failures.ts';
import type { World } from '../world.ts';

export interface CancelOptions extends ConnectionOptions {
  comment?: string;
}

export async function cancelCommand(run: string, options: CancelOptions, world: World): Promise<number> {
  const { client, practice } = await connect(options, world);
  if (practice) world.terminal.print(practiceNotice, 'strong');
  await client.cancel(run, options.comment);
  world.terminal.print(`Asked to cancel run ${run}. It ends once it has heard: npx waymark inspect ${run}`);
  return exitCodes.done;
}
