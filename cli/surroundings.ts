/**
 * What stands around a document on disk: the configuration file that was named, else the one beside or above the
 * document; and the documents it links to. Nothing else is read.
 */
import { readFile } from 'node:fs/promises';
import { dirname, join, resolve, sep } from 'node:path';
import type { Declared } from '../compiler/declared-tools.ts';
import type { Surroundings } from '../compiler/surroundings.ts';
import type { DocumentFile } from './document-files.ts';
import { parseJson, readJsonFile } from './document-files.ts';
import { WrongUsage } from './failures.ts';
import type { World } from './world.ts';

export const configurationName = 'waymark.config.json';

export interface SurroundingsOptions {
  /** The configuration file, relative to the working directory. */
  config?: string;
}

type Reading = Pick<World, 'cwd'> & { terminal: Pick<World['terminal'], 'readAll'> };

/** A document on disk with its path, and every document that its links lead to, near and far. */
export interface LinkedTexts {
  /** Absolute, with `/`. Absent for a document that is in no file. */
  path?: string;
  texts: ReadonlyMap<string, string>;
}

/** The text of a document that is open in an editor, by its absolute path with `/`. */
export type OpenText = (path: string) => string | undefined;

/** @throws WrongUsage naming a configuration that cannot be used */
export async function surroundingsOf(
  document: DocumentFile,
  options: SurroundingsOptions,
  world: Reading,
): Promise<Surroundings> {
  const declared = await declaredFor(document.folder, options, world);
  const { path, texts } = await linkedTexts(document);
  if (path === undefined) return declared;
  const { LinkedDocuments } = await import('../compiler/linked-documents.ts');
  return new LinkedDocuments(texts, declared).surroundingsOf(path);
}

/** What the configuration for documents of the folder declares; nothing where there is none. @throws WrongUsage */
async function declaredFor(
  folder: string | undefined,
  { config }: SurroundingsOptions,
  world: Reading,
): Promise<Declared> {
  if (config !== undefined) return declaredBy(resolve(world.cwd, config), await readJsonFile(config, world));
  const found = await configurationAbove(folder);
  return found ? declaredIn(found) : {};
}

/** What a configuration file declares. @throws WrongUsage naming the file and each wrong place in it */
export async function declaredIn({ file, text }: ConfigurationText): Promise<Declared> {
  return declaredBy(file, parseJson(text, file));
}

async function declaredBy(file: string, value: unknown): Promise<Declared> {
  const declarations = await import('../compiler/declared-tools.ts');
  const read = declarations.declaredIn(value);
  if ('declared' in read) return read.declared;
  throw new WrongUsage([`${file} is not a valid configuration:`, ...read.problems.map((one) => `  ${one}`)].join('\n'));
}

/** The texts of the document and of those that its links lead to; a file that cannot be read is left out. */
export async function linkedTexts(document: DocumentFile, open: OpenText = () => undefined): Promise<LinkedTexts> {
  if (document.file === undefined) return { texts: new Map() };
  const path = slashes(document.file);
  const { linkedFiles, linkedPath } = await import('../compiler/linked-documents.ts');
  const texts = new Map([[path, document.markdown]]);
  for (const [from, markdown] of texts) {
    for (const link of linkedFiles(markdown)) {
      const target = linkedPath(from, link);
      const text = texts.has(target) ? undefined : (open(target) ?? (await readText(target)));
      if (text !== undefined) texts.set(target, text);
    }
  }
  return { path, texts };
}

export interface ConfigurationText {
  file: string;
  text: string;
}

/** The configuration file in the folder, else in the nearest one above it that has one. */
export async function configurationAbove(folder: string | undefined): Promise<ConfigurationText | undefined> {
  for (let at = folder; at !== undefined; at = dirname(at) === at ? undefined : dirname(at)) {
    const file = join(at, configurationName);
    const text = await readText(file);
    if (text !== undefined) return { file, text };
  }
  return undefined;
}

function readText(file: string): Promise<string | undefined> {
  return readFile(file, 'utf8').catch(() => undefined);
}

export function slashes(path: string): string {
  return sep === '/' ? path : path.split(sep).join('/');
}
