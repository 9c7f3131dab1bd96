import { connect, practiceNotice } from '../connect.ts';
import type { ConnectionOptions } from '../connection.ts';
import { readDocument } from '../document-files.ts';
import { exitCodes } from '../failures.ts';
import { offerDraft } from '../offer-draft.ts';
import { plainLine } from '../plain-text.ts';
import { publishDocument } from '../publish-document.ts';
import type { World } from '../world.ts';

export async function publishCommand(path: string, options: ConnectionOptions, world: World): Promise<number> {
  const document = await readDocument(path, world);
  const offered = await offerDraft(document, world);
  if (offered !== undefined) return offered;
  const { client, practice } = await connect(options, world);
  if (practice) world.terminal.print(practiceNotice, 'strong');
  const published = await publishDocument(client, document, {
    onLinked: (one, file) =>
      world.terminal.print(`Published ${plainLine(one.title)} as ${one.document}, linked as ${file}`),
  });
  world.terminal.print(
    `Published ${plainLine(published.title)} as ${published.document}, graph ${published.graphHash}`,
  );
  return exitCodes.done;
}
