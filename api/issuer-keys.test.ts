import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { JWK } from 'jose';
import { exportJWK, generateKeyPair, jwtVerify, SignJWT } from 'jose';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { issuerKeys } from './issuer-keys.ts';

let asked = 0;
let status = 200;
let published: JWK[] = [];
const server = createServer((_request, response) => {
  asked += 1;
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify({ keys: published }));
});
let url: URL;
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`);
});
afterAll(() => server.close());
beforeEach(() => {
  asked = 0;
  status = 200;
  published = [];
});

/** Signs under a new key of this id; the issuer publishes it. */
async function newKey(kid: string, options: { publish: boolean } = { publish: true }) {
  const { privateKey, publicKey } = await generateKeyPair('EdDSA', { extractable: true });
  if (options.publish) published.push({ ...(await exportJWK(publicKey)), kid, alg: 'EdDSA' });
  return () => new SignJWT({}).setProtectedHeader({ alg: 'EdDSA', kid }).sign(privateKey);
}
const outcome = (keys: ReturnType<typeof issuerKeys>, token: string) =>
  jwtVerify(token, keys).then(
    () => 'verified',
    (error: { code?: string; slug?: string }) => error.slug ?? error.code,
  );
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

test('many tokens ask the issuer once', async () => {
  const sign = await newKey('a');
  const keys = issuerKeys(url);
  const tokens = await Promise.all(Array.from({ length: 20 }, sign));
  expect(new Set(await Promise.all(tokens.map((token) => outcome(keys, token))))).toEqual(new Set(['verified']));
  expect(asked).toBe(1);
});

test('a key that the issuer adds is asked for once the cool-down is over, and both are trusted', async () => {
  const first = await newKey('a');
  const keys = issuerKeys(url, { coolDownMs: 1_000 });
  expect(await outcome(keys, await first())).toBe('verified');
  const second = await newKey('b');
  expect(await outcome(keys, await second())).toBe('ERR_JWKS_NO_MATCHING_KEY');
  await pause(1_100);
  expect(await outcome(keys, await second())).toBe('verified');
  expect(await outcome(keys, await first())).toBe('verified');
  expect(asked).toBe(2);
});

test('a key that the issuer withdrew is not trusted once what is known is old', async () => {
  const sign = await newKey('a');
  const keys = issuerKeys(url, { freshMs: 100, coolDownMs: 10 });
  expect(await outcome(keys, await sign())).toBe('verified');
  published = [];
  await newKey('b');
  await pause(150);
  expect(await outcome(keys, await sign())).toBe('ERR_JWKS_NO_MATCHING_KEY');
});

test('a flood of made-up key ids asks the issuer for nothing within the cool-down', async () => {
  const sign = await newKey('a');
  const keys = issuerKeys(url);
  expect(await outcome(keys, await sign())).toBe('verified');
  for (let one = 0; one < 200; one += 1) {
    const forged = await newKey(`made-up-${one}`, { publish: false });
    expect(await outcome(keys, await forged())).toBe('ERR_JWKS_NO_MATCHING_KEY');
  }
  expect(asked).toBe(1);
  expect(await outcome(keys, await sign())).toBe('verified');
});

test('an issuer that fails is our trouble, is left alone for a while, and then asked again', async () => {
  const sign = await newKey('a');
  const keys = issuerKeys(url, { failedMs: 150 });
  status = 500;
  for (let one = 0; one < 10; one += 1) expect(await outcome(keys, await sign())).toBe('unavailable');
  expect(asked).toBe(1);
  status = 200;
  await pause(200);
  expect(await outcome(keys, await sign())).toBe('verified');
});

test('an issuer that cannot be reached, or answers something else, is our trouble', async () => {
  const sign = await newKey('a');
  expect(await outcome(issuerKeys(new URL('http://127.0.0.1:1/keys')), await sign())).toBe('unavailable');
  published = 'nothing' as unknown as JWK[];
  expect(await outcome(issuerKeys(url), await sign())).toBe('unavailable');
});
