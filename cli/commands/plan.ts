import type { Plan } from '../../compiler/plan.ts';
import type { Json } from '../client.ts';
import type { DocumentFile } from '../document-files.ts';
import { parseJson, readDocument, readJsonBeside, readJsonFile } from '../document-files.ts';
import { exitCodes, WrongUsage } from '../failures.ts';
import { planText } from '../plan-text.ts';
import type { SurroundingsOptions } from '../surroundings.ts';
import { surroundingsOf } from '../surroundings.ts';
import type { World } from '../world.ts';

interface Options extends SurroundingsOptions {
  input?: string;
  json?: boolean;
}

/** The plan on stdout; or the mistakes of the document on stderr. An input that does not fit is told, and exits 1. */
export async function planCommand(path: string, options: Options, world: World): Promise<number> {
  if (path === '-' && options.input === '-') {
    throw new WrongUsage('Unexpected - more than once, expected stdin to be read for one file only.');
  }
  const document = await readDocument(path, world);
  const { name, markdown } = document;
  const surroundings = await surroundingsOf(document, options, world);
  const input = await inputOf(document, options.input, world);
  const [{ compile }, { planOf }, { formatDiagnostic }] = await Promise.all([
    import('../../compiler/compile.ts'),
    import('../../compiler/plan.ts'),
    import('../../compiler/diagnostics.ts'),
  ]);
  const { graph, diagnostics } = compile(markdown, { file: name, surroundings });
  for (const one of diagnostics) world.terminal.complain(formatDiagnostic(one, name, markdown));
  if (!graph) return exitCodes.failed;
  const plan: Plan = planOf(graph, { surroundings, ...(input && { input: input.value }) });
  if (options.json) world.terminal.printJson(plan);
  else world.terminal.print(planText(plan));
  return plan.input.violations.length > 0 ? exitCodes.failed : exitCodes.done;
}

/** JSON as it stands, or a file; unsaid, `input.json` beside the document. */
async function inputOf(
  document: DocumentFile,
  given: string | undefined,
  world: World,
): Promise<{ value: Json } | undefined> {
  if (given === undefined) return readJsonBeside(document, 'input.json');
  if (/^\s*\{/.test(given)) return { value: parseJson(given, '--input') };
  return { value: await readJsonFile(given, world) };
}
