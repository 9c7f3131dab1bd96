import { readDocument } from '../document-files.ts';
import { exitCodes } from '../failures.ts';
import type { World } from '../world.ts';

/** The graph as Mermaid on stdout; or the mistakes on stderr. */
export async function graphCommand(path: string, world: World): Promise<number> {
  const { name, markdown } = await readDocument(path, world);
  const [{ compile }, { mermaidOf }, { formatDiagnostic }] = await Promise.all([
    import('../../compiler/compile.ts'),
    import('../../compiler/mermaid.ts'),
    import('../../compiler/diagnostics.ts'),
  ]);
  const { graph, diagnostics } = compile(markdown, { file: name });
  for (const one of diagnostics) world.terminal.complain(formatDiagnostic(one, name, markdown));
  if (!graph) return exitCodes.failed;
  world.terminal.print(mermaidOf(graph).trimEnd());
  return exitCodes.done;
}
