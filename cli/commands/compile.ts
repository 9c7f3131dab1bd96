import type { Diagnostic } from '../../compiler/diagnostics.ts';
import type { Unchecked } from '../../compiler/receipt.ts';
import { readDocument } from '../document-files.ts';
import { exitCodes } from '../failures.ts';
import type { SurroundingsOptions } from '../surroundings.ts';
import { surroundingsOf } from '../surroundings.ts';
import type { World } from '../world.ts';

interface Options extends SurroundingsOptions {
  json?: boolean;
  receipt?: boolean;
}

/** The graph or the receipt on stdout and warnings on stderr; or the mistakes, on stderr as text or on stdout as JSON. Loads nothing that talks to a server. */
export async function compileCommand(path: string, options: Options, world: World): Promise<number> {
  const document = await readDocument(path, world);
  const { name, markdown } = document;
  const surroundings = await surroundingsOf(document, options, world);
  const [{ compile }, { formatDiagnostic }] = await Promise.all([
    import('../../compiler/compile.ts'),
    import('../../compiler/diagnostics.ts'),
  ]);
  const { graph, receipt, diagnostics } = compile(markdown, { file: name, surroundings });
  const { terminal } = world;
  if (graph !== undefined) {
    for (const one of diagnostics) terminal.complain(formatDiagnostic(one, name, markdown));
    terminal.printJson(options.receipt ? receipt : graph);
    for (const line of uncheckedText(receipt?.unchecked ?? [])) terminal.complain(line);
    return exitCodes.done;
  }
  if (options.json) terminal.printJson(diagnostics.map((one) => machineReadable(one, name)));
  else {
    for (const one of diagnostics) terminal.complain(formatDiagnostic(one, name, markdown));
    const mistakes = diagnostics.filter((one) => one.severity === 'error').length;
    terminal.complain(mistakes === 1 ? '1 mistake' : `${mistakes} mistakes`);
  }
  return exitCodes.failed;
}

/** One line for all; the receipt names each. */
function uncheckedText(unchecked: readonly Unchecked[]): string[] {
  if (unchecked.length === 0) return [];
  const words = {
    document: 'other documents',
    models: 'models',
    roles: 'roles',
    tool: 'tools',
    trust: 'trust',
  } as const;
  const kinds = [...new Set(unchecked.map((one) => words[one.check]))];
  return [
    `Not checked: ${kinds.join(', ')}. --receipt names each; a configuration file (--config) declares what is needed.`,
  ];
}

function machineReadable({ line, column, severity, code, message, hint, related }: Diagnostic, file: string) {
  const advice = hint === undefined ? '' : ` (did you mean ${hint}?)`;
  return { file, line, column, severity, code, message: message + advice, related };
}
