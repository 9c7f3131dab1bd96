import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ApiFixture } from '../../testing/api-fixture.ts';
import {
  asWorker,
  claimInput,
  openApiFixture,
  openClaimGate,
  publishClaim,
  startClaim,
} from '../../testing/api-fixture.ts';

let fixture: ApiFixture;
let run: string;
let gate: { id: string; subject: string };
beforeAll(async () => {
  fixture = await openApiFixture();
  await publishClaim(fixture);
  run = await startClaim(fixture, 'an');
  gate = await openClaimGate(fixture, run);
});
afterAll(() => fixture.close());

const get = async (url: string, user: string) => fixture.app.inject({ url, headers: await fixture.as(user) });
const inbox = async (user: string): Promise<string[]> =>
  (await get('/gates', user)).json().items.map((one: { id: string }) => one.id);

test('a gate is in the inbox of those who may decide it, and of nobody else', async () => {
  expect(await inbox('mai')).toEqual([gate.id]);
  expect(await inbox('minh')).toEqual([gate.id]);
  // An is a manager too, but started the run.
  expect(await inbox('an')).toEqual([]);
  expect(await inbox('bo')).toEqual([]);
  expect(await inbox('gus')).toEqual([]);
});

test('a gate shows the run, the question, the values, the actions and who may decide', async () => {
  const view = (await get(`/gates/${gate.id}`, 'mai')).json();
  expect(view).toEqual({
    id: gate.id,
    step: 'manager_approves',
    title: 'Manager approves',
    question: 'Is this within policy?',
    purpose: 'step',
    status: 'open',
    run: {
      id: run,
      document: 'claim',
      title: 'Claim',
      status: 'running',
      requester: 'an',
      practice: false,
      webUi: `http://127.0.0.1:8233/namespaces/default/workflows/claim%2F${run}`,
    },
    subject: gate.subject,
    shown: [{ name: 'note_the_claim', digest: expect.any(String), value: claimInput }],
    actions: [
      { name: 'approve', effect: 'continue' },
      { name: 'reject', effect: 'end' },
    ],
    approvers: ['manager'],
    people: [],
    need: 'any',
    notBy: ['requester'],
    mayDecide: true,
    overdue: false,
    openedAt: expect.any(String),
    decisions: [],
    missing: [{ action: 'approve', needed: [{ roles: ['manager'], people: [], more: 1 }] }],
    delegations: [],
    messages: [],
  });
  expect((await get(`/gates/${gate.id}`, 'an')).json().mayDecide).toBe(false);
  expect((await get(`/gates/${gate.id}`, 'bo')).json().mayDecide).toBe(false);
  expect((await get(`/gates/${gate.id}`, 'gus')).statusCode).toBe(404);
});

test('the inbox leaves large values to the gate itself', async () => {
  const large = await openClaimGate(fixture, run, { shown: { text: 'x'.repeat(5_000) } });
  const listed = (await get('/gates', 'mai')).json().items.find((one: { id: string }) => one.id === large.id);
  expect(listed.shown).toEqual([{ name: 'note_the_claim', digest: expect.any(String) }]);
  const read = (await get(`/gates/${large.id}`, 'mai')).json();
  expect(read.shown[0].value).toEqual({ text: 'x'.repeat(5_000) });
  await asWorker(fixture, { lapsed: large.id });
  expect(await inbox('mai')).toEqual([gate.id]);
});

test('the inbox comes in pages, oldest first, and forgets gates of runs that ended', async () => {
  const other = await startClaim(fixture, 'bo');
  const later = await openClaimGate(fixture, other);
  const first = (await get('/gates?limit=1', 'mai')).json();
  expect(first.items.map((one: { id: string }) => one.id)).toEqual([gate.id]);
  const second = (await get(`/gates?limit=1&cursor=${first.next}`, 'mai')).json();
  expect(second.items.map((one: { id: string }) => one.id)).toEqual([later.id]);
  expect(second.next).toBeUndefined();
  await asWorker(fixture, { ended: other, status: 'cancelled' });
  expect(await inbox('mai')).toEqual([gate.id]);
});
