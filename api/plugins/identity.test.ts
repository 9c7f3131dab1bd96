import { exportJWK, generateKeyPair, SignJWT, UnsecuredJWT } from 'jose';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openIssuerOfItsOwn } from '../testing/issuer-folder.ts';
import type { OfflineApp } from '../testing/offline-app.ts';
import { openOfflineApp } from '../testing/offline-app.ts';

let offline: OfflineApp;
beforeAll(async () => {
  offline = await openOfflineApp();
});
afterAll(() => offline.app.close());

const get = (authorization?: string) =>
  offline.app.inject({ url: '/runs', ...(authorization === undefined ? {} : { headers: { authorization } }) });

async function expectStranger(authorization?: string) {
  const response = await get(authorization);
  expect(response.statusCode).toBe(401);
  expect(response.headers['content-type']).toBe('application/problem+json');
  expect(response.headers['www-authenticate']).toBe('Bearer');
  expect(response.json()).toEqual({
    type: 'urn:waymark:problem:unauthenticated',
    title: 'A valid bearer token is needed',
    status: 401,
  });
}

/** Signed by a key of its own, under whatever key id. */
async function forged(change: { kid?: string; alg?: string; key?: Uint8Array } = {}) {
  const { privateKey } = await generateKeyPair('EdDSA');
  return new SignJWT({})
    .setProtectedHeader({ alg: change.alg ?? 'EdDSA', ...(change.kid === undefined ? {} : { kid: change.kid }) })
    .setIssuer(offline.issuer.issuer)
    .setAudience(offline.issuer.audience)
    .setSubject('mai')
    .setExpirationTime('1h')
    .sign(change.key ?? privateKey);
}

test('a token of the issuer for a known, active person is let in', async () => {
  // To the database, which is not there.
  expect((await get(`Bearer ${await offline.issuer.sign('mai')}`)).statusCode).toBe(503);
});

test('no token, another scheme and no JWT at all give 401 without detail', async () => {
  await expectStranger();
  await expectStranger('Basic bWFpOnNlY3JldA==');
  await expectStranger('Bearer ');
  await expectStranger('Bearer not.a.token');
});

test('an unsigned token (alg none) gives 401 without detail', async () => {
  const unsigned = new UnsecuredJWT({})
    .setIssuer(offline.issuer.issuer)
    .setAudience(offline.issuer.audience)
    .setSubject('mai')
    .setExpirationTime('1h')
    .encode();
  await expectStranger(`Bearer ${unsigned}`);
});

test('a token signed by another key gives 401 without detail, also under the right key id', async () => {
  const genuine = await offline.issuer.sign('mai');
  const { kid } = JSON.parse(Buffer.from(genuine.split('.')[0] ?? '', 'base64url').toString());
  await expectStranger(`Bearer ${await forged()}`);
  await expectStranger(`Bearer ${await forged({ kid })}`);
});

test('a token signed with the public key as a shared secret (HS256) gives 401 without detail', async () => {
  const { publicKey } = await generateKeyPair('EdDSA', { extractable: true });
  const secret = new TextEncoder().encode(JSON.stringify(await exportJWK(publicKey)));
  await expectStranger(`Bearer ${await forged({ alg: 'HS256', key: secret })}`);
});

test('a token whose payload was changed gives 401 without detail', async () => {
  const [header, payload, signature] = (await offline.issuer.sign('nobody')).split('.');
  const changed = { ...JSON.parse(Buffer.from(payload ?? '', 'base64url').toString()), sub: 'mai' };
  const forgedPayload = Buffer.from(JSON.stringify(changed)).toString('base64url');
  await expectStranger(`Bearer ${header}.${forgedPayload}.${signature}`);
});

test('an expired token gives 401 without detail', async () => {
  await expectStranger(`Bearer ${await offline.issuer.sign('mai', '1 minute ago')}`);
});

test('an unknown and an inactive person give 401 without detail', async () => {
  await expectStranger(`Bearer ${await offline.issuer.sign('nobody')}`);
  const mai = offline.people.get('mai');
  if (mai) offline.people.set('leaver', { ...mai, user: 'leaver', active: false });
  await expectStranger(`Bearer ${await offline.issuer.sign('leaver')}`);
});

test('a token for another audience or of another issuer gives 401 without detail', async () => {
  const { buildApp } = await import('../app.ts');
  const other = await openIssuerOfItsOwn();
  for (const change of [{ audience: 'another' }, { issuer: 'urn:another' }]) {
    const app = await buildApp({
      store: offline.app.store,
      workflows: offline.app.workflows,
      tokens: { issuer: other.issuer, audience: other.audience, keys: other.keys, ...change },
      practice: false,
      log: { level: 'silent' },
    });
    const authorization = `Bearer ${await other.sign('mai')}`;
    const response = await app.inject({ url: '/runs', headers: { authorization } });
    expect([response.statusCode, response.json().detail]).toEqual([401, undefined]);
    await app.close();
  }
});

test('keys that cannot be fetched are our problem and not the caller’s', async () => {
  const { buildApp } = await import('../app.ts');
  const app = await buildApp({
    store: offline.app.store,
    workflows: offline.app.workflows,
    tokens: {
      ...offline.issuer,
      keys: async () => {
        throw Object.assign(new Error('fetch failed'), { code: 'ECONNREFUSED' });
      },
    },
    practice: false,
    log: { level: 'silent' },
  });
  const authorization = `Bearer ${await offline.issuer.sign('mai')}`;
  expect((await app.inject({ url: '/runs', headers: { authorization } })).statusCode).toBe(503);
  await app.close();
});

test('every route but health, ready and the description needs a token', async () => {
  const open: string[] = [];
  for (const [path, methods] of Object.entries(offline.app.swagger().paths ?? {})) {
    for (const method of Object.keys(methods)) {
      const url = path.replace(/\{(\w+)\}/g, 'x');
      const response = await offline.app.inject({ method: method.toUpperCase() as 'GET', url });
      if (response.statusCode !== 401) open.push(path);
    }
  }
  expect(open).toEqual(['/health', '/ready']);
  expect((await offline.app.inject('/openapi.json')).statusCode).toBe(200);
  expect((await offline.app.inject('/docs/')).statusCode).toBe(200);
});

test('no token is in any log line', async () => {
  const token = await offline.issuer.sign('mai');
  await get(`Bearer ${token}`);
  await offline.app.inject({ url: `/runs?status=${token}`, headers: { authorization: `Bearer ${token}` } });
  expect(offline.lines.join('')).not.toContain(token.slice(0, 30));
  expect(offline.lines.join('')).not.toContain('canary');
});
