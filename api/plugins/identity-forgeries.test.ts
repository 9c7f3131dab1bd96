/** Tokens that must not pass, sent over a real connection to an issuer's genuine rules. Each gets the same answer to the byte. */
import { request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';
import type { JSONWebKeySet, JWK, JWTPayload } from 'jose';
import { base64url, createLocalJWKSet, exportJWK, exportSPKI, generateKeyPair, SignJWT, UnsecuredJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { keyTextOf, newKeyText } from '../../prisma/api-keys.ts';
import type { KeyIdentity } from '../../prisma/open.ts';
import { buildApp } from '../app.ts';
import type { OfflineApp } from '../testing/offline-app.ts';
import { openOfflineApp } from '../testing/offline-app.ts';

const issuer = 'https://issuer.example';
const audience = 'waymark';
type Keys = Awaited<ReturnType<typeof generateKeyPair>>;

let offline: OfflineApp;
let app: FastifyInstance;
let rsa: Keys;
let ed: Keys;
let strange: Keys;
let published: JSONWebKeySet;

beforeAll(async () => {
  offline = await openOfflineApp();
  rsa = await generateKeyPair('RS256', { extractable: true });
  ed = await generateKeyPair('EdDSA', { extractable: true });
  strange = await generateKeyPair('EdDSA', { extractable: true });
  published = {
    keys: [
      { ...(await exportJWK(rsa.publicKey)), kid: 'rsa', alg: 'RS256', use: 'sig' },
      { ...(await exportJWK(ed.publicKey)), kid: 'ed', alg: 'EdDSA', use: 'sig' },
    ],
  };
  const mai = { tenant: 'acme', user: 'mai', name: 'Mai', email: 'mai@acme.test', active: true, roles: ['manager'] };
  const identify = async (from: string, subject: unknown) =>
    from === issuer && String(subject) === 'mai' ? mai : undefined;
  const store = { ...offline.app.store, before: { ...offline.app.store.before, identify } };
  app = await buildApp({
    store,
    workflows: offline.app.workflows,
    tokens: { issuer, audience, keys: createLocalJWKSet(published) },
    practice: false,
    log: { level: 'silent' },
  });
  await app.listen({ host: '127.0.0.1', port: 0 });
});
afterAll(async () => {
  await app.close();
  await offline.app.close();
});

interface Answer {
  status: number;
  type: string | undefined;
  challenge: string | undefined;
  body: string;
}

function send(...authorizations: string[]): Promise<Answer> {
  const { port } = app.server.address() as AddressInfo;
  return new Promise((resolve, reject) => {
    // As pairs, so that a name may come twice.
    const headers = ['host', 'waymark', ...authorizations.flatMap((one) => ['authorization', one])];
    const asked = httpRequest({ port, path: '/runs', headers });
    asked.on('error', reject);
    asked.on('response', async (response) => {
      let body = '';
      for await (const chunk of response) body += chunk;
      const { 'content-type': type, 'www-authenticate': challenge } = response.headers;
      resolve({ status: response.statusCode ?? 0, type, challenge, body });
    });
    asked.end();
  });
}

const refused: Answer = {
  status: 401,
  type: 'application/problem+json',
  challenge: 'Bearer',
  body: '{"type":"urn:waymark:problem:unauthenticated","title":"A valid bearer token is needed","status":401}',
};

const now = () => Math.floor(Date.now() / 1_000);
const claims = (): JWTPayload => ({ iss: issuer, aud: audience, sub: 'mai', iat: now(), exp: now() + 600 });
const json = (value: unknown) => base64url.encode(JSON.stringify(value));

/** What the issuer would sign, with changes to the claims and the header. */
function sign(changes: Record<string, unknown> = {}, header: Record<string, unknown> = {}, keys: Keys = ed) {
  const payload = Object.fromEntries(
    Object.entries({ ...claims(), ...changes }).filter(([, value]) => value !== undefined),
  );
  return new SignJWT(payload).setProtectedHeader({ alg: 'EdDSA', kid: 'ed', ...header }).sign(keys.privateKey);
}
/** The signature of a genuine token under another header. */
async function reheaded(header: Record<string, unknown>): Promise<string> {
  const [, payload, signature] = (await sign()).split('.');
  return `${json(header)}.${payload}.${signature}`;
}
/** Signed over exactly these bytes by the shared secret, as a library that trusts `alg` would check it. */
async function hmac(secret: Uint8Array, kid: string): Promise<string> {
  return new SignJWT(claims()).setProtectedHeader({ alg: 'HS256', kid }).sign(secret);
}
const bytes = (text: string) => new TextEncoder().encode(text);
const publicJwk = (): JWK => published.keys[0] as JWK;

const forgeries: Record<string, () => Promise<string> | string> = {
  'alg none': () => new UnsecuredJWT(claims()).encode(),
  'alg none, spelled NonE': () => `${json({ alg: 'NonE' })}.${json(claims())}.`,
  'alg none with a genuine signature': () => reheaded({ alg: 'none', kid: 'ed' }),
  'a stranger’s key': () => sign({}, {}, strange),
  'a stranger’s key without a key id': () => sign({}, { kid: undefined }, strange),
  'a stranger’s key under another key’s id': () => sign({}, { kid: 'rsa' }, strange),
  'a stranger’s key, embedded as jwk': async () => sign({}, { jwk: await exportJWK(strange.publicKey) }, strange),
  'a stranger’s key by jku': () => sign({}, { jku: 'https://evil.example/keys' }, strange),
  'a stranger’s key by x5u': () => sign({}, { x5u: 'https://evil.example/cert' }, strange),
  'HS256 with the public key as PEM': async () => hmac(bytes(await exportSPKI(rsa.publicKey)), 'rsa'),
  'HS256 with the public key as JWK': () => hmac(bytes(JSON.stringify(publicJwk())), 'rsa'),
  'HS256 with an empty-looking secret': () => hmac(bytes('\0'.repeat(32)), '/dev/null'),
  'RS256 named over an EdDSA signature': () => reheaded({ alg: 'RS256', kid: 'rsa' }),
  'a key id that is a path': () => sign({}, { kid: '../../../../dev/null' }, strange),
  'a key id that is SQL': () => sign({}, { kid: "' OR '1'='1" }, strange),
  'a key id that is an array': () => reheaded({ alg: 'EdDSA', kid: ['ed'] }),
  'a key id that is an object': () => reheaded({ alg: 'EdDSA', kid: { toString: 'ed' } }),
  'a key id that names the prototype': () => sign({}, { kid: '__proto__' }, strange),
  expired: () => sign({ exp: now() - 60 }),
  'without an end': () => sign({ exp: undefined }),
  'an end that is a text': () => sign({ exp: '2999-01-01' }),
  'not yet valid': () => sign({ nbf: now() + 600 }),
  'another audience': () => sign({ aud: 'another' }),
  'an audience among which ours is not': () => sign({ aud: ['one', 'waymark.example'] }),
  'no audience': () => sign({ aud: undefined }),
  'another issuer': () => sign({ iss: 'https://issuer.example.evil' }),
  'an issuer with a slash more': () => sign({ iss: `${issuer}/` }),
  'no subject': () => sign({ sub: undefined }),
  'an empty subject': () => sign({ sub: '' }),
  'a subject that is an array': () => sign({ sub: ['mai'] }),
  'a subject with a zero byte': () => sign({ sub: 'mai\0' }),
  'an unknown critical header': () => reheaded({ alg: 'EdDSA', kid: 'ed', crit: ['exp-soon'], 'exp-soon': 1 }),
  'an unencoded payload (b64 false)': () => reheaded({ alg: 'EdDSA', kid: 'ed', crit: ['b64'], b64: false }),
  'a changed payload': async () => {
    const [header, , signature] = (await sign({ sub: 'nobody' })).split('.');
    return `${header}.${json(claims())}.${signature}`;
  },
  'a cut-off signature': async () => (await sign()).slice(0, -8),
  'no signature': async () => (await sign()).split('.').slice(0, 2).join('.'),
  'encrypted, five parts': async () => `${await sign()}.x.y`,
  'a token in a token': async () =>
    `${json({ alg: 'EdDSA', kid: 'ed', cty: 'JWT' })}.${base64url.encode(await sign())}.x`,
  'a header that is no JSON': () => `${base64url.encode('not json')}.${json(claims())}.x`,
  'a payload that is a list': () => `${json({ alg: 'EdDSA', kid: 'ed' })}.${json([1])}.x`,
  'a huge token, well signed': () => sign({ padding: 'x'.repeat(9_000) }),
  'a person nobody knows': () => sign({ sub: 'stranger' }),
};

test('the genuine token of either key is let in, to a database that is not there', async () => {
  expect((await send(`Bearer ${await sign()}`)).status).toBe(503);
  expect((await send(`Bearer ${await sign({}, { alg: 'RS256', kid: 'rsa' }, rsa)}`)).status).toBe(503);
});

test.each(Object.keys(forgeries))('%s gets the one answer', async (name) => {
  expect(await send(`Bearer ${await forgeries[name]?.()}`)).toEqual(refused);
});

describe('headers', () => {
  test.each([
    ['none', []],
    ['empty', ['']],
    ['Basic', ['Basic bWFpOnNlY3JldA==']],
    ['Bearer without a token', ['Bearer ']],
    ['Bearer with two tokens', ['Bearer a b']],
    ['a token without its scheme', ['eyJhbGciOiJub25lIn0.e30.']],
  ])('%s gets the one answer', async (_name, header) => {
    expect(await send(...header)).toEqual(refused);
  });

  test('two of them, though both good, or good and bad in either order', async () => {
    const good = `Bearer ${await sign()}`;
    for (const both of [
      [good, good],
      [good, 'Bearer x'],
      ['Bearer x', good],
    ]) {
      expect(await send(...both)).toEqual(refused);
    }
  });
});

describe('API keys', () => {
  const service = { tenant: 'acme', user: 'service:stock', name: 'stock', email: 's@service.invalid', active: true };
  const put = async (change: Partial<KeyIdentity> = {}) => {
    const key = newKeyText();
    const { createHash } = await import('node:crypto');
    const secretHash = createHash('sha256').update(key.secret).digest('hex');
    offline.keys.set(key.id, {
      service: { ...service, roles: [] },
      secretHash,
      scopes: ['runs:read'],
      expiresAt: null,
      revoked: false,
      lastUsedAt: null,
      ...change,
    });
    return key;
  };
  const bearer = (key: { id: string; secret: string }) => `Bearer ${keyTextOf(key)}`;

  test('a good one is let in, and one without the scope is told which', async () => {
    expect((await send(bearer(await put()))).status).toBe(503);
    const other = await send(bearer(await put({ scopes: ['gates:read'] })));
    expect([other.status, JSON.parse(other.body).detail]).toEqual([403, 'The API key lacks the scope runs:read.']);
  });

  test.each<[string, () => Promise<string>]>([
    ['unknown', async () => bearer(newKeyText())],
    ['with another secret', async () => bearer({ ...(await put()), secret: newKeyText().secret })],
    [
      'with the hash for the secret',
      async () => {
        const { id } = await put();
        return `Bearer waymark_${id}_${offline.keys.get(id)?.secretHash}`;
      },
    ],
    ['revoked', async () => bearer(await put({ revoked: true }))],
    ['expired', async () => bearer(await put({ expiresAt: new Date(Date.now() - 1) }))],
    ['of an inactive service', async () => bearer(await put({ service: { ...service, roles: [], active: false } }))],
    ['cut off', async () => bearer(await put()).slice(0, -1)],
    ['in capitals', async () => bearer(await put()).toUpperCase()],
    ['with an empty secret', async () => `Bearer waymark_${(await put()).id}_`],
  ])('one that is %s gets the one answer', async (_name, make) => {
    expect(await send(await make())).toEqual(refused);
  });
});
