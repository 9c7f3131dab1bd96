/** What stands around documents that are open in an editor: files on disk, and over these what the editor has open. */
import { dirname } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { LinkedDocuments, linkedFiles } from '../compiler/linked-documents.ts';
import type { Surroundings } from '../compiler/surroundings.ts';
import { WrongUsage } from './failures.ts';
import type { SurroundingsOf } from './language-server.ts';
import type { ConfigurationText } from './surroundings.ts';
import { configurationAbove, declaredIn, linkedTexts } from './surroundings.ts';

const nothing: Surroundings = {};

/** Gives the very same surroundings for as long as nothing in them changes. */
export function editorSurroundings(): SurroundingsOf {
  const known = new Map<string, { key: string; surroundings: Surroundings }>();
  return async (uri, markdown, open) => {
    if (!uri.startsWith('file:')) return nothing;
    const file = fileURLToPath(uri);
    const folder = dirname(file);
    const configuration = await configurationAbove(folder);
    const openText = (path: string): string | undefined => open(pathToFileURL(path).href);
    const { path = file, texts } = await linkedTexts({ name: file, markdown, folder, file }, openText);
    const others = [...texts].filter(([one]) => one !== path);
    const key = JSON.stringify([configuration, linkedFiles(markdown), others]);
    const before = known.get(uri);
    if (before?.key === key) return before.surroundings;
    const surroundings = new LinkedDocuments(texts, await declared(configuration)).surroundingsOf(path);
    known.set(uri, { key, surroundings });
    return surroundings;
  };
}

/** A configuration that is being written declares nothing until it can be read. */
async function declared(configuration: ConfigurationText | undefined) {
  try {
    return configuration ? await declaredIn(configuration) : {};
  } catch (error) {
    if (error instanceof WrongUsage) return {};
    throw error;
  }
}
