import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { readCredentialKey } from '../prisma/sealing.ts';
import { keptCredentialKey, keptPasswords } from './kept-settings.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'waymark-kept-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

it('a credential key is one that the API and the worker take, the same at every start, and readable by its owner alone', async () => {
  const key = await keptCredentialKey(folder);
  expect(readCredentialKey(key)).toHaveLength(32);
  expect(await keptCredentialKey(folder)).toBe(key);
  expect(statSync(join(folder, 'credential-key')).mode & 0o777).toBe(0o600);
  expect(readFileSync(join(folder, 'credential-key'), 'utf8')).toBe(`${key}\n`);
});

it('two folders have two keys', async () => {
  const other = mkdtempSync(join(tmpdir(), 'waymark-kept-'));
  try {
    expect(await keptCredentialKey(other)).not.toBe(await keptCredentialKey(folder));
  } finally {
    rmSync(other, { recursive: true, force: true });
  }
});

it('passwords stay', async () => {
  expect(await keptPasswords(folder)).toEqual(await keptPasswords(folder));
});
