import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ApiFixture } from '../../testing/api-fixture.ts';
import {
  asWorker,
  claimInput,
  openApiFixture,
  openClaimGate,
  publishClaim,
  startClaim,
} from '../../testing/api-fixture.ts';
import { startPurchase } from '../../testing/gate-documents.ts';

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

describe('the inbox narrowed by', () => {
  type Row = NonNullable<NonNullable<Parameters<typeof openClaimGate>[2]>['row']>;
  let claim: string;
  beforeAll(async () => {
    claim = await startClaim(fixture, 'an');
  });

  const open = async (path: string, row: Row = {}): Promise<{ id: string; subject: string }> =>
    openClaimGate(fixture, claim, { row: { path, notBy: '[]', ...row } });
  const listed = async (user: string, query: string): Promise<string[]> =>
    (await get(`/gates?${query}`, user)).json().items.map((one: { id: string }) => one.id);
  const post = async (url: string, user: string, payload: object) => {
    const headers = await fixture.as(user, randomUUID());
    const answer = await fixture.app.inject({ method: 'POST', url, headers, payload });
    expect(answer.statusCode).toBeLessThan(300);
  };

  test('document and run, gives the gates of its runs, and of that run', async () => {
    const { run: purchase, gates } = await startPurchase(fixture);
    const sign = await gates.sign();
    const here = await open('of a run');
    expect(await listed('mai', 'document=purchase')).toEqual([sign.id]);
    expect(await listed('mai', `document=purchase&run=${purchase}`)).toEqual([sign.id]);
    expect(await listed('mai', `document=claim&run=${purchase}`)).toEqual([]);
    expect(await listed('mai', `run=${claim}`)).toEqual([here.id]);
    expect(await listed('mai', 'document=claim')).toContain(here.id);
    expect(await listed('mai', 'document=claim')).not.toContain(sign.id);
    await asWorker(fixture, { lapsed: here.id });
    await asWorker(fixture, { ended: purchase, status: 'cancelled' });
  });

  test('role, gives those that its holders may decide, by an escalation, too', async () => {
    const ifOverdue = JSON.stringify({ do: 'ask', approvers: { need: 'any', roles: ['director'], people: [] } });
    const audited = await open('audited', { approverRoles: '["auditor"]' });
    const later = await open('later', { approverRoles: '["auditor"]', dueAt: new Date(), ifOverdue });
    const escalated = await open('escalated', { dueAt: new Date(Date.now() - 1000), ifOverdue });
    const [answer] = await fixture.worker.actAs(
      { tenant: 'acme', user: 'an' },
      (tx) => tx.$queryRaw<{ did: string }[]>`SELECT close_overdue(${escalated.id}, 'unused', null) AS did`,
    );
    expect(answer).toEqual({ did: 'escalated' });
    const of = (role: string) => listed('mai', `scope=all&run=${claim}&role=${role}`);
    expect(await of('auditor')).toEqual([audited.id, later.id]);
    expect(await of('director')).toEqual([escalated.id]);
    expect(await of('manager')).toEqual([escalated.id]);
    expect(await of('audit')).toEqual([]);
    for (const { id } of [audited, later, escalated]) await asWorker(fixture, { lapsed: id });
  });

  test('overdue, gives the open ones past their due date, or the others', async () => {
    const never = await open('never due');
    const due = await open('due', { dueAt: new Date(Date.now() + 3_600_000) });
    const late = await open('late', { dueAt: new Date(Date.now() - 1000) });
    const decided = await open('decided late', { dueAt: new Date(Date.now() - 1000) });
    await post(`/gates/${decided.id}/decisions`, 'mai', { action: 'approve', subject: decided.subject });
    expect(await listed('mai', `run=${claim}&overdue=true`)).toEqual([late.id]);
    expect(await listed('mai', `run=${claim}&overdue=false`)).toEqual([never.id, due.id]);
    expect(await listed('mai', `run=${claim}&status=decided&overdue=true`)).toEqual([]);
    for (const { id } of [never, due, late]) await asWorker(fixture, { lapsed: id });
  });

  test('status, gives of mine those at which I voted, and of all everything', async () => {
    const run = await startClaim(fixture, 'an');
    const row = (path: string): { row: Row } => ({ row: { path, notBy: '[]' } });
    const decided = await openClaimGate(fixture, run, row('decided'));
    const lapsed = await openClaimGate(fixture, run, row('lapsed'));
    const opened = await openClaimGate(fixture, run, row('open'));
    await post(`/gates/${decided.id}/decisions`, 'mai', { action: 'approve', subject: decided.subject });
    await asWorker(fixture, { lapsed: lapsed.id });
    expect(await listed('mai', `run=${run}&status=decided`)).toEqual([decided.id]);
    expect(await listed('minh', `run=${run}&status=decided`)).toEqual([]);
    expect(await listed('minh', `run=${run}&status=decided&scope=all`)).toEqual([decided.id]);
    expect(await listed('mai', `run=${run}&status=lapsed`)).toEqual([]);
    expect(await listed('mai', `run=${run}&status=lapsed&scope=all`)).toEqual([lapsed.id]);
    expect(await listed('mai', `run=${run}&status=any`)).toEqual([decided.id, opened.id]);
    expect(await listed('bo', `run=${run}&status=any&scope=all`)).toEqual([decided.id, lapsed.id, opened.id]);
    await asWorker(fixture, { lapsed: opened.id });
  });

  test('who claimed it, and counts as many as it lists', async () => {
    const asksBo = { approverRoles: '["employee"]' };
    const free = await open('free', asksBo);
    const mine = await open('mine', asksBo);
    const late = await open('late again', { ...asksBo, dueAt: new Date(Date.now() - 1000) });
    const others = await open('of another', { ...asksBo, dueAt: new Date(Date.now() - 1000) });
    const several = await open('of several', { ...asksBo, quorum: 2 });
    await post(`/gates/${mine.id}/claim`, 'bo', {});
    await post(`/gates/${others.id}/claim`, 'an', {});
    await post(`/gates/${several.id}/claim`, 'an', {});
    expect(await listed('bo', `run=${claim}&claimed=nobody`)).toEqual([free.id, late.id]);
    expect(await listed('bo', `run=${claim}&claimed=me`)).toEqual([mine.id]);
    expect(await listed('bo', `run=${claim}&claimed=others`)).toEqual([others.id, several.id]);
    // Where several decide, what one of them claimed waits for the others all the same.
    const inbox = (await get('/gates', 'bo')).json();
    expect(inbox.items.map((one: { id: string }) => one.id)).toEqual([free.id, mine.id, late.id, several.id]);
    expect(inbox.counts).toEqual({ mine: 4, claimed: 1, overdue: 1 });
    expect((await get('/gates?scope=all&status=any&limit=1', 'bo')).json().counts).toEqual(inbox.counts);
    expect((await get('/gates', 'an')).json().counts).toEqual({ mine: 4, claimed: 2, overdue: 2 });
  });
});
