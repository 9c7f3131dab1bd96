import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Json } from '../compiler/types.ts';
import { ArtifactMissing, artifactKey, digestOf, getArtifact, putArtifact } from './artifacts.ts';
import type { StoreWorld } from './testing/store-world.ts';
import { acme, createStoreWorld, globex } from './testing/store-world.ts';

let world: StoreWorld;
beforeAll(async () => {
  world = await createStoreWorld();
});
afterAll(() => world.close());

const put = (value: Json, actor = acme) => world.worker.actAs(actor, (tx) => putArtifact(tx, actor.tenant, value));

test.each<[string, Json]>([
  ['an object', { b: [1, 2.5, -0.1e-7], a: { nested: null, yes: true } }],
  ['a string', 'naïve "text" \n with \u0000, \u2028 and 😀'],
  ['a number', 0.1],
  ['null', null],
  ['an empty list', []],
])('%s comes back as it was put', async (_what, value) => {
  const digest = await put(value);
  expect(digest).toMatch(/^[A-Za-z0-9_-]{43}$/);
  expect(await world.api.actAs(acme, (tx) => getArtifact(tx, 'acme', digest))).toEqual(value);
});

test('the same value has one name and one row, whatever the order of its keys', async () => {
  const names = await Promise.all([put({ a: 1, b: 2 }), put({ b: 2, a: 1 }), put({ b: 2, a: 1 })]);
  expect(new Set(names).size).toBe(1);
  expect(await world.asSuperuser('SELECT content, bytes FROM artifact WHERE digest = $1', [names[0]])).toEqual([
    { content: '{"a":1,"b":2}', bytes: 13 },
  ]);
});

test('bytes are counted, not characters', async () => {
  const digest = await put('é😀');
  expect(await world.asSuperuser('SELECT bytes FROM artifact WHERE digest = $1', [digest])).toEqual([{ bytes: 8 }]);
});

test('the digest is the keyed one, so that two tenants name the same value differently', async () => {
  const [ours, theirs] = [await put({ secret: true }), await put({ secret: true }, globex)];
  expect(ours).not.toBe(theirs);
  const key = await world.worker.actAs(acme, (tx) => artifactKey(tx, 'acme'));
  expect(digestOf(key, { secret: true })).toBe(ours);
});

test('a missing artifact, another tenant’s included, says which', async () => {
  const theirs = await put({ theirs: true }, globex);
  const read = world.worker.actAs(acme, (tx) => getArtifact(tx, 'globex', theirs));
  await expect(read).rejects.toThrow(ArtifactMissing);
  await expect(read).rejects.toMatchObject({ digest: theirs });
});

test('another tenant’s key cannot be read', async () => {
  await expect(world.worker.actAs(acme, (tx) => putArtifact(tx, 'globex', 1))).rejects.toThrow(
    'tenant globex is not the one this transaction acts in',
  );
});

test('what is not JSON is refused', async () => {
  expect(() => digestOf(new Uint8Array(32), Number.NaN)).toThrow();
});
