import type { Diagnostic } from '../compiler/diagnostics.ts';
import { formatDiagnostic } from '../compiler/diagnostics.ts';
import { ApiProblem } from './api-problem.ts';
import type { ProblemBody, Published } from './api-shapes.ts';
import type { Client } from './client.ts';
import type { DocumentFile } from './document-files.ts';
import { CommandFailure } from './failures.ts';
import { linkedTexts } from './surroundings.ts';

export interface PublishOptions {
  /** Told of each document that is published because this one links to it, in order. */
  onLinked?: (published: Published, file: string) => void;
}

/**
 * Publishes the documents that its links lead to, those first that others link to, then the document itself, pinned to
 * what was published. @throws CommandFailure that shows every mistake of the first document that has any
 */
export async function publishDocument(
  client: Pick<Client, 'publish'>,
  document: DocumentFile,
  options: PublishOptions = {},
): Promise<Published> {
  const { path, texts } = await linkedTexts(document);
  if (path === undefined || texts.size <= 1) return publishOne(client, document.markdown, document.name, {});
  const { linkedFiles, linkedPath } = await import('../compiler/linked-documents.ts');
  const done = new Map<string, Published>();
  const open = new Set<string>();
  const publish = async (file: string): Promise<Published> => {
    open.add(file);
    const markdown = texts.get(file) ?? '';
    const pins: Record<string, string> = {};
    for (const link of linkedFiles(markdown)) {
      const target = linkedPath(file, link);
      // In a circle, or not there: the compiler says so at the link.
      if (open.has(target) || !texts.has(target)) continue;
      pins[link] = (done.get(target) ?? (await publish(target))).graphHash;
    }
    open.delete(file);
    const name = file === path ? document.name : file;
    const published = await publishOne(client, markdown, name, pins);
    done.set(file, published);
    if (file !== path) options.onLinked?.(published, name);
    return published;
  };
  return publish(path);
}

async function publishOne(
  client: Pick<Client, 'publish'>,
  markdown: string,
  name: string,
  pins: Readonly<Record<string, string>>,
): Promise<Published> {
  try {
    return await client.publish(markdown, pins);
  } catch (error) {
    if (!(error instanceof ApiProblem) || error.diagnostics.length === 0) throw error;
    const shown = error.diagnostics.map((one) => formatDiagnostic(known(one), name, markdown));
    throw new CommandFailure(
      [
        ...shown,
        `${error.title}. ${Object.keys(pins).length === 0 ? 'Nothing' : name} was${Object.keys(pins).length === 0 ? '' : ' not'} published.`,
      ].join('\n'),
    );
  }
}

function known({ hint, code, ...told }: NonNullable<ProblemBody['diagnostics']>[number]): Diagnostic {
  // Shown as it stands: an API that knows more codes than we do is no mistake.
  return { ...told, code: code as Diagnostic['code'], ...(hint === undefined ? {} : { hint }) };
}
