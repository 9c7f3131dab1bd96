import { readDocument } from '../document-files.ts';
import { exitCodes } from '../failures.ts';
import type { SurroundingsOptions } from '../surroundings.ts';
import { surroundingsOf } from '../surroundings.ts';
import type { World } from '../world.ts';

/** The graph as Mermaid on stdout; or the mistakes on stderr. */
export async function graphCommand(path: string, options: SurroundingsOptions, world: World): Promise<number> {
  const document = await readDocument(path, world);
  const { name, markdown } = document;
  const surroundings = await surroundingsOf(document, options, world);
  const [{ compile }, { mermaidOf }, { formatDiagnostic }] = await Promise.all([
    import('../../compiler/compile.ts'),
    import('../../compiler/mermaid.ts'),
    import('../../compiler/diagnostics.ts'),
  ]);
  const { graph, diagnostics } = compile(markdown, { file: name, surroundings });
  for (const one of diagnostics) world.terminal.complain(formatDiagnostic(one, name, markdown));
  if (!graph) return exitCodes.failed;
  world.terminal.print(mermaidOf(graph).trimEnd());
  return exitCodes.done;
}
