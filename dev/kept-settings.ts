/** What a stack makes at its first start and keeps in its folder: ports, so that addresses stay, and secrets of its own. */
import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findFreePorts, isPortFree } from './ports.ts';

export interface Ports {
  api: number;
  temporal: number;
  webUi: number;
  payments: number;
}

/** The ports of the last start on this folder where they are free; others where they are not. */
export async function keptPorts(dataDir: string): Promise<Ports> {
  const file = join(dataDir, 'ports.json');
  const kept = (await readJson(file)) as Partial<Ports> | undefined;
  const names = ['api', 'temporal', 'webUi', 'payments'] as const;
  const found = await findFreePorts(names.length);
  const entries = await Promise.all(
    names.map(async (name, index): Promise<[string, number]> => {
      const port = kept?.[name];
      return [name, port !== undefined && (await isPortFree(port)) ? port : (found[index] ?? 0)];
    }),
  );
  const ports = Object.fromEntries(entries) as unknown as Ports;
  await writeFile(file, JSON.stringify(ports));
  return ports;
}

/** Of the database's logins. */
export async function keptPasswords(dataDir: string): Promise<{ api: string; worker: string }> {
  const file = join(dataDir, 'database-passwords.json');
  const kept = (await readJson(file)) as { api: string; worker: string } | undefined;
  if (kept) return kept;
  const made = { api: randomBytes(24).toString('hex'), worker: randomBytes(24).toString('hex') };
  await writeFile(file, JSON.stringify(made), { mode: 0o600 });
  return made;
}

/** Under which people's own credentials for tools are sealed, in base64: without it, those that are in the database are lost. */
export async function keptCredentialKey(dataDir: string): Promise<string> {
  const file = join(dataDir, 'credential-key');
  const kept = await readFile(file, 'utf8').catch(() => undefined);
  if (kept !== undefined) return kept.trim();
  const made = randomBytes(32).toString('base64');
  await writeFile(file, `${made}\n`, { mode: 0o600 });
  return made;
}

async function readJson(file: string): Promise<unknown> {
  const text = await readFile(file, 'utf8').catch(() => undefined);
  return text === undefined ? undefined : JSON.parse(text);
}
