import type { Diagnostic } from '../../compiler/diagnostics.ts';
import { readDocument } from '../document-files.ts';
import { exitCodes } from '../failures.ts';
import type { World } from '../world.ts';

interface Options {
  json?: boolean;
  receipt?: boolean;
}

/** The graph or the receipt on stdout and warnings on stderr; or the mistakes, on stderr as text or on stdout as JSON. Loads nothing that talks to a server. */
export async function compileCommand(path: string, options: Options, world: World): Promise<number> {
  const { name, markdown } = await readDocument(path, world);
  const [{ compile }, { formatDiagnostic }] = await Promise.all([
    import('../../compiler/compile.ts'),
    import('../../compiler/diagnostics.ts'),
  ]);
  const { graph, receipt, diagnostics } = compile(markdown, { file: name });
  const { terminal } = world;
  if (graph !== undefined) {
    for (const one of diagnostics) terminal.complain(formatDiagnostic(one, name, markdown));
    terminal.printJson(options.receipt ? receipt : graph);
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

function machineReadable({ line, column, severity, code, message, hint, related }: Diagnostic, file: string) {
  const advice = hint === undefined ? '' : ` (did you mean ${hint}?)`;
  return { file, line, column, severity, code, message: message + advice, related };
}
