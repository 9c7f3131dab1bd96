import { readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { jwtVerify } from 'jose';
import { expect, test } from 'vitest';
import { openDevelopmentIssuer } from './development-issuer.ts';
import { issuerFolder } from './testing/issuer-folder.ts';

test('tokens outlive a restart: the key is made once and kept, readable by its owner alone', async () => {
  const dir = join(await issuerFolder(), 'not', 'there', 'yet');
  const before = await openDevelopmentIssuer(dir, undefined);
  const token = await before.sign('mai');
  const after = await openDevelopmentIssuer(dir, 'development');
  const { payload } = await jwtVerify(token, after.keys, { issuer: after.issuer, audience: after.audience });
  expect(payload.sub).toBe('mai');
  const names = await readdir(dir);
  expect(names).toEqual(['development-issuer.jwk.json']);
  expect((await stat(join(dir, names[0] ?? ''))).mode & 0o777).toBe(0o600);
});

test('processes that start at once share one key', async () => {
  const dir = await issuerFolder();
  const issuers = await Promise.all(Array.from({ length: 8 }, () => openDevelopmentIssuer(dir, 'test')));
  const token = await issuers[0]?.sign('mai');
  for (const { keys } of issuers) {
    expect((await jwtVerify(token ?? '', keys)).payload.sub).toBe('mai');
  }
});

test('production refuses it', async () => {
  await expect(openDevelopmentIssuer(await issuerFolder(), 'production')).rejects.toThrow(
    'The development issuer does not start when NODE_ENV is production. Set WAYMARK_JWKS_URL instead.',
  );
});

test('something else under the key’s name is told and not overwritten', async () => {
  const dir = await issuerFolder();
  const file = join(dir, 'development-issuer.jwk.json');
  await writeFile(file, '{"kty":"RSA"}');
  await expect(openDevelopmentIssuer(dir, 'test')).rejects.toThrow(`${file} is not an Ed25519 key.`);
  await writeFile(file, '');
  await expect(openDevelopmentIssuer(dir, 'test')).rejects.toThrow(`${file} is not an Ed25519 key.`);
});
