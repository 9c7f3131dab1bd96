/**
 * Signs tokens for the users of a development stack. The key is made once in a folder and kept, so that tokens outlive
 * a restart. Production refuses it: there, tokens come from an issuer whose public keys are read from a URL.
 */
import { randomUUID } from 'node:crypto';
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { JWK, JWTVerifyGetKey } from 'jose';
import { createLocalJWKSet, exportJWK, generateKeyPair, importJWK, SignJWT } from 'jose';
import { z } from 'zod';

export const developmentIssuerName = 'urn:waymark:development';
export const developmentAudience = 'waymark';

export interface DevelopmentIssuer {
  issuer: string;
  audience: string;
  /** Verifies what `sign` signed. */
  keys: JWTVerifyGetKey;
  /** A token for the person whose row has this subject, valid for 30 days unless said (`2h`, `10 minutes`). */
  sign(subject: string, validFor?: string): Promise<string>;
}

const keySchema = z.object({
  kty: z.literal('OKP'),
  crv: z.literal('Ed25519'),
  x: z.string(),
  d: z.string(),
  kid: z.string(),
});

/**
 * @param folder where the key is kept, made when it is missing
 * @param nodeEnv the process's NODE_ENV
 * @throws when `nodeEnv` is production, or the folder holds something else under the key's name
 */
export async function openDevelopmentIssuer(folder: string, nodeEnv: string | undefined): Promise<DevelopmentIssuer> {
  if (nodeEnv === 'production') {
    throw new Error('The development issuer does not start when NODE_ENV is production. Set WAYMARK_JWKS_URL instead.');
  }
  const key = await readOrMakeKey(folder);
  const { d: _secret, ...publicKey } = key;
  const signingKey = await importJWK(key, 'EdDSA');
  return {
    issuer: developmentIssuerName,
    audience: developmentAudience,
    keys: createLocalJWKSet({ keys: [{ ...publicKey, alg: 'EdDSA' }] }),
    sign: (subject, validFor = '30 days') =>
      new SignJWT({})
        .setProtectedHeader({ alg: 'EdDSA', kid: key.kid })
        .setIssuer(developmentIssuerName)
        .setAudience(developmentAudience)
        .setSubject(subject)
        .setIssuedAt()
        .setExpirationTime(validFor)
        .sign(signingKey),
  };
}

async function readOrMakeKey(folder: string): Promise<z.infer<typeof keySchema>> {
  const file = join(folder, 'development-issuer.jwk.json');
  await mkdir(folder, { recursive: true });
  const text = await readFile(file, 'utf8').catch(() => undefined);
  if (text === undefined) {
    const pair = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true });
    const key: JWK = { ...(await exportJWK(pair.privateKey)), kid: randomUUID() };
    const draft = `${file}.${randomUUID()}`;
    await writeFile(draft, JSON.stringify(key), { mode: 0o600 });
    // Two processes may start at once: the first link stands, and both read it.
    await link(draft, file).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
    await rm(draft);
  }
  const parsed = keySchema.safeParse(parseJson(text ?? (await readFile(file, 'utf8'))));
  if (!parsed.success) throw new Error(`${file} is not an Ed25519 key. Remove it to have a new one made.`);
  return parsed.data;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
