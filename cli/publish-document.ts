import type { Diagnostic } from '../compiler/diagnostics.ts';
import { formatDiagnostic } from '../compiler/diagnostics.ts';
import { ApiProblem } from './api-problem.ts';
import type { ProblemBody, Published } from './api-shapes.ts';
import type { Client } from './client.ts';
import type { DocumentFile } from './document-files.ts';
import { CommandFailure } from './failures.ts';

/** @throws CommandFailure that shows every mistake of the document in its place */
export async function publishDocument(client: Pick<Client, 'publish'>, document: DocumentFile): Promise<Published> {
  try {
    return await client.publish(document.markdown);
  } catch (error) {
    if (!(error instanceof ApiProblem) || error.diagnostics.length === 0) throw error;
    const shown = error.diagnostics.map((one) => formatDiagnostic(known(one), document.name, document.markdown));
    throw new CommandFailure([...shown, `${error.title}. Nothing was published.`].join('\n'));
  }
}

function known({ hint, code, ...told }: NonNullable<ProblemBody['diagnostics']>[number]): Diagnostic {
  // Shown as it stands: an API that knows more codes than we do is no mistake.
  return { ...told, code: code as Diagnostic['code'], ...(hint === undefined ? {} : { hint }) };
}
