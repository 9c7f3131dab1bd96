/** A folder for the key of a development issuer, which is gone when the test is. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { DevelopmentIssuer } from '../development-issuer.ts';
import { openDevelopmentIssuer } from '../development-issuer.ts';

const makeFolder = () => mkdtemp(join(tmpdir(), 'waymark-issuer-'));

export async function issuerFolder(): Promise<string> {
  const folder = await makeFolder();
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
}

/** Of no other process: its key is nowhere but in this one. */
export async function openIssuerOfItsOwn(): Promise<DevelopmentIssuer> {
  const folder = await makeFolder();
  return openDevelopmentIssuer(folder, 'test').finally(() => rm(folder, { recursive: true }));
}
