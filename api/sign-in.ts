/** From a bearer token to who asks. A token is a JWT of the configured issuer, or a key that begins with `waymark_`. */
import type { JWTVerifyGetKey } from 'jose';
import { errors, jwtVerify } from 'jose';
import { isSecretOf, readKeyText } from '../prisma/api-keys.ts';
import type { BeforeTenant, Identity, KeyIdentity } from '../prisma/open.ts';

export interface TokenRules {
  issuer: string;
  audience: string;
  /** The issuer's public keys. */
  keys: JWTVerifyGetKey;
}

/** The caller of one request. */
export interface Caller {
  /** A service, where there is a key. */
  person: Identity;
  /** Of the token or the key: it proves nothing after this. */
  expiresAt: Date;
  /** What the key may do. Undefined of a person. */
  scopes?: readonly string[];
  /** The person as the store has them now; undefined when they are gone or inactive, or their key was revoked. */
  again(): Promise<Identity | undefined>;
}

const algorithms = ['EdDSA', 'RS256', 'ES256'];
/** Characters of a token. Issuers' are a few hundred, some with many claims a few thousand. */
const longestToken = 8_192;
/** Longer than any subject that an issuer may give (255 of OpenID Connect), and plain text. */
const subjectPattern = /^[^\p{Cc}]{1,255}$/u;
/** Of keys that do not expire. */
const never = new Date(8.64e15);
/** How exactly a key's last use is kept, in milliseconds. */
const useNotedEveryMs = 60_000;

/** @returns undefined for whatever is wrong with the token. Throws when the store or the issuer cannot be asked. */
export async function signIn(before: BeforeTenant, rules: TokenRules, token: string): Promise<Caller | undefined> {
  if (token.length > longestToken) return undefined;
  return token.startsWith('waymark_') ? signInByKey(before, token) : signInByToken(before, rules, token);
}

async function signInByToken(before: BeforeTenant, rules: TokenRules, token: string): Promise<Caller | undefined> {
  const { issuer, audience, keys } = rules;
  const verified = await jwtVerify(token, keys, {
    issuer,
    audience,
    algorithms,
    requiredClaims: ['sub', 'exp'],
    clockTolerance: 5,
  }).catch((error: unknown) => {
    if (error instanceof errors.JOSEError) return undefined;
    throw error;
  });
  const { sub, exp } = verified?.payload ?? {};
  // What was signed may still be of any type.
  if (typeof sub !== 'string' || !subjectPattern.test(sub) || exp === undefined) return undefined;
  const again = async () => {
    const person = await before.identify(issuer, sub);
    return person?.active === true ? person : undefined;
  };
  const person = await again();
  return person && { person, expiresAt: new Date(exp * 1_000), again };
}

async function signInByKey(before: BeforeTenant, token: string): Promise<Caller | undefined> {
  const text = readKeyText(token);
  if (text === undefined) return undefined;
  const look = async () => {
    const found = await before.identifyKey(text.id);
    return found && isSecretOf(text.secret, found.secretHash) && isUsable(found) ? found : undefined;
  };
  const key = await look();
  if (key === undefined) return undefined;
  if (Date.now() - (key.lastUsedAt?.getTime() ?? 0) > useNotedEveryMs) await before.noteKeyUse(text.id);
  return {
    person: key.service,
    expiresAt: key.expiresAt ?? never,
    scopes: key.scopes,
    again: async () => (await look())?.service,
  };
}

const isUsable = ({ service, revoked, expiresAt }: KeyIdentity): boolean =>
  service.active && !revoked && (expiresAt === null || expiresAt.getTime() > Date.now());
