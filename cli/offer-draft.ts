import { draftCommand } from './commands/draft.ts';
import type { DocumentFile } from './document-files.ts';
import { exitCodes } from './failures.ts';
import type { World } from './world.ts';

/**
 * For a page that was to be published and is no document yet: at a terminal, offers to draft one from it, beside it, and
 * publishes nothing. Resolves with the exit code, or undefined where nothing was drafted.
 */
export async function offerDraft({ name, file, markdown }: DocumentFile, world: World): Promise<number | undefined> {
  const { terminal } = world;
  if (!terminal.isInteractive || file === undefined) return undefined;
  const { isDocument } = await import('../compiler/drafting/is-document.ts');
  if (isDocument(markdown)) return undefined;
  const out = name.replace(/(?:\.md)?$/i, '.draft.md');
  const question = `${name} is not a document yet: it has no section such as ## Steps. Draft one from it, by a model, into ${out}? [y/N] `;
  if (!/^y(es)?$/i.test(await terminal.ask(question))) return undefined;
  const code = await draftCommand(name, { out }, world);
  if (code !== exitCodes.done) return code;
  terminal.complain(`${name} was not published. Read ${out}, then publish it: waymark publish ${out}`);
  return exitCodes.failed;
}
