/** Who is told what became of a gate, and of a vote that was delegated to them. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { ApiFixture } from '../../testing/api-fixture.ts';
import { openApiFixture, openClaimGate, publishClaim, startClaim } from '../../testing/api-fixture.ts';
import { startPurchase } from '../../testing/gate-documents.ts';

type Gate = Awaited<ReturnType<typeof openClaimGate>>;

let fixture: ApiFixture;
let run: string;
let gate: Gate;
beforeAll(async () => {
  fixture = await openApiFixture();
  await publishClaim(fixture);
});
afterAll(() => fixture.close());
beforeEach(async () => {
  run = await startClaim(fixture);
  gate = await openClaimGate(fixture, run);
});

async function post(what: string, user: string, payload: object = {}, at = gate, key: string = randomUUID()) {
  const headers = await fixture.as(user, key);
  return fixture.app.inject({ method: 'POST', url: `/gates/${at.id}/${what}`, headers, payload });
}
const decide = (user: string, said: object = {}, at = gate, key?: string) =>
  post('decisions', user, { action: 'approve', subject: at.subject, ...said }, at, key);

/** Oldest first. */
const told = async (user: string, at = gate) =>
  (await fixture.app.inject({ url: '/notifications?limit=100', headers: await fixture.as(user) }))
    .json()
    .items.filter(({ address }: { address: string }) => address === `/gates/${at.id}`)
    .map(({ kind, about }: { kind: string; about: object }) => [kind, about])
    .reverse();

describe('who started the run', () => {
  test.each(['approve', 'reject'])('is told once that a gate was decided: %s, and by whom', async (action) => {
    const key = randomUUID();
    const racing = [
      ...Array.from({ length: 5 }, () => decide('mai', { action }, gate, key)),
      ...Array.from({ length: 5 }, () => decide('minh', { action })),
    ];
    const made = (await Promise.all(racing)).find(({ statusCode }) => statusCode === 201)?.json();
    const [decision] = await fixture.store.actAs({ tenant: 'acme', user: 'an' }, (tx) =>
      tx.decision.findMany({ where: { gateId: gate.id } }),
    );
    expect(made.id).toBe(decision?.id);
    expect(await told('an')).toEqual([['decided', { gate: gate.id, run, action, by: decision?.userId }]]);
    expect([await told('mai'), await told('minh')]).toEqual([[], []]);
  });

  test('is told when the last vote that was needed is cast, also by a delegate, and of no refusal', async () => {
    gate = await openClaimGate(fixture, run, { row: { quorum: 2 } });
    await decide('minh');
    expect((await decide('an')).statusCode).toBe(403);
    expect(await told('an')).toEqual([]);
    await post('delegate', 'mai', { to: 'bo' });
    await decide('bo');
    expect(await told('an')).toEqual([['decided', { gate: gate.id, run, action: 'approve', by: 'bo' }]]);
  });

  test('is told of a call that waited for its approval', async () => {
    gate = await openClaimGate(fixture, run, { row: { node: 'note_the_claim', purpose: 'approval' } });
    await decide('mai');
    expect(await told('an')).toEqual([['decided', { gate: gate.id, run, action: 'approve', by: 'mai' }]]);
  });

  test('is told of a task that another did, and of none that they did themselves', async () => {
    const form = { action: 'done', form: { amount: 10, supplier: 'Metro' } };
    const { run: purchase, gates } = await startPurchase(fixture);
    const [first, second] = [await gates.task({ path: 'first' }), await gates.task({ path: 'second' })];
    expect((await decide('bo', form, first)).statusCode).toBe(201);
    expect((await decide('an', form, second)).statusCode).toBe(201);
    expect(await told('an', first)).toEqual([['decided', { gate: first.id, run: purchase, action: 'done', by: 'bo' }]]);
    expect(await told('an', second)).toEqual([]);
  });
});

describe('a delegate', () => {
  const delegated = (from: string) => ['delegated', { gate: gate.id, run, from }];
  const withdrawn = (from: string) => ['delegation-withdrawn', { gate: gate.id, run, from }];

  test('is told that the vote was withdrawn, once', async () => {
    await post('delegate', 'mai', { to: 'bo' });
    await Promise.all(Array.from({ length: 4 }, () => post('withdraw-delegation', 'mai')));
    expect(await told('bo')).toEqual([delegated('mai'), withdrawn('mai')]);
    // Another delegation is another matter.
    await post('delegate', 'mai', { to: 'bo' });
    await post('withdraw-delegation', 'mai');
    expect(await told('bo')).toEqual([delegated('mai'), withdrawn('mai'), delegated('mai'), withdrawn('mai')]);
    expect(await told('mai')).toEqual([]);
  });

  test('is told that the vote was given to another', async () => {
    await post('delegate', 'mai', { to: 'bo' });
    await post('delegate', 'mai', { to: 'olga' });
    expect([await told('bo'), await told('olga')]).toEqual([[delegated('mai'), withdrawn('mai')], [delegated('mai')]]);
  });

  test('is told that the vote was cast by whose it is, where the gate still waits for others', async () => {
    gate = await openClaimGate(fixture, run, { row: { quorum: 2 } });
    for (const from of ['mai', 'minh']) await post('delegate', from, { to: 'bo' });
    await decide('mai');
    expect(await told('bo')).toEqual([delegated('mai'), delegated('minh'), withdrawn('mai')]);
    // It is decided now: there is nothing to cast any more.
    await decide('minh');
    expect(await told('bo')).toHaveLength(3);
  });
});
