/** A document on disk, with what stands beside it. */
import { readFile, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { Json } from './client.ts';
import { WrongUsage } from './failures.ts';
import type { World } from './world.ts';

type Reading = Pick<World, 'cwd'> & { terminal: Pick<World['terminal'], 'readAll'> };

export interface DocumentFile {
  /** As diagnostics name it. */
  name: string;
  markdown: string;
  /** Where the files beside it are looked for; absent for stdin. */
  folder?: string;
  /** Its absolute path; absent for stdin. */
  file?: string;
}

/** `-` is stdin; of a folder its `document.md` is read. @throws WrongUsage naming the file */
export async function readDocument(path: string, world: Reading): Promise<DocumentFile> {
  if (path === '-') return { name: '<stdin>', markdown: await world.terminal.readAll() };
  const isFolder = await stat(resolve(world.cwd, path)).then(
    (found) => found.isDirectory(),
    () => false,
  );
  const name = isFolder ? join(path, 'document.md') : path;
  const file = resolve(world.cwd, name);
  return { name, markdown: await readGiven(file, name), folder: dirname(file), file };
}

/** `-` is stdin. @throws WrongUsage naming the file and what is wrong with it */
export async function readJsonFile(path: string, world: Reading): Promise<Json> {
  if (path === '-') return parseJson(await world.terminal.readAll(), '<stdin>');
  return parseJson(await readGiven(resolve(world.cwd, path), path), path);
}

/** The JSON of a file that need not be there. @throws WrongUsage when it is there and cannot be used */
export async function readJsonBeside(document: DocumentFile, name: string): Promise<{ value: Json } | undefined> {
  if (document.folder === undefined) return undefined;
  const file = join(document.folder, name);
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw unreadable(file, error);
  });
  return text === undefined ? undefined : { value: parseJson(text, file) };
}

async function readGiven(file: string, name: string): Promise<string> {
  return readFile(file, 'utf8').catch((error: unknown) => {
    throw unreadable(name, error);
  });
}

/** Why a file that a command names cannot be used, in words. */
export function unreadable(name: string, error: unknown): WrongUsage {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  const reason =
    code === 'ENOENT'
      ? 'there is no such file'
      : code === 'EISDIR'
        ? 'it is a folder'
        : code === 'EACCES'
          ? 'you may not read it'
          : String(error);
  return new WrongUsage(`${name} cannot be read: ${reason}.`);
}

/** @throws WrongUsage naming the file */
export function parseJson(text: string, name: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch (error) {
    throw new WrongUsage(`${name} is not JSON: ${error instanceof Error ? error.message : error}`);
  }
}
