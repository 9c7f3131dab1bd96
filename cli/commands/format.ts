import { isUtf8 } from 'node:buffer';
import { readFile, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { readDocument } from '../document-files.ts';
import { exitCodes, WrongUsage } from '../failures.ts';
import type { World } from '../world.ts';

/**
 * Rewrites documents in the canonical layout and names those that it changed; `-` goes from stdin to stdout. With `check`
 * nothing is written. A document with mistakes is left as it is, and the others are formatted none the less.
 */
export async function formatCommand(paths: string[], options: { check?: boolean }, world: World): Promise<number> {
  const { terminal } = world;
  if (paths.filter((path) => path === '-').length > 1) {
    throw new WrongUsage('Unexpected - more than once, expected stdin to be read for one file only.');
  }
  const [{ format }, { formatDiagnostic, hasMistakes }] = await Promise.all([
    import('../../compiler/format.ts'),
    import('../../compiler/diagnostics.ts'),
  ]);
  // All are read first: wrong usage changes nothing.
  const documents = await Promise.all(
    paths.map(async (path) => {
      const document = await readDocument(path, world);
      if (path !== '-') await requireUtf8(resolve(world.cwd, document.name), document.name);
      return { path, ...document };
    }),
  );
  let code: number = exitCodes.done;
  for (const { path, name, markdown } of documents) {
    const { text, diagnostics, wouldChange } = format(markdown);
    for (const one of diagnostics) terminal.complain(formatDiagnostic(one, name, markdown));
    const refused = hasMistakes(diagnostics);
    if (refused) terminal.complain(`${name} is left as it is, expected a document without mistakes.`);
    if (wouldChange) {
      terminal.complain(`${name} is left as it is: laid out, it would not give the same graph.`);
    }
    if (refused || wouldChange) code = exitCodes.failed;
    else if (options.check) {
      if (text !== markdown) {
        terminal.print(name);
        code = exitCodes.failed;
      }
    } else if (path === '-') terminal.print(text.replace(/\n$/, ''));
    else if (text !== markdown) {
      await writeFile(resolve(world.cwd, name), text).catch((error: unknown) => {
        throw new WrongUsage(`${name} cannot be written: ${error instanceof Error ? error.message : error}.`);
      });
      terminal.print(name);
    }
  }
  return code;
}

/** Bytes that are no text would be lost. */
async function requireUtf8(file: string, name: string): Promise<void> {
  if (!isUtf8(await readFile(file))) throw new WrongUsage(`${name} cannot be formatted: it is not UTF-8.`);
}
