import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { giveCommand } from '../../../prisma/commands.ts';
import { provision } from '../../../prisma/provision.ts';
import type { ApiFixture } from '../../testing/api-fixture.ts';
import { claimInput, openApiFixture, openClaimGate, publishClaim, startClaim } from '../../testing/api-fixture.ts';
import { startPurchase } from '../../testing/gate-documents.ts';

let fixture: ApiFixture;
let run: string;

/** Besides those of the fixture: Fay of finance, Lee of legal, Vi of both, Dan, a director, and Omi, an operator and a manager. */
const team = [
  { id: 'fay', roles: ['finance'] },
  { id: 'lee', roles: ['legal'] },
  { id: 'vi', roles: ['finance', 'legal'] },
  { id: 'dan', roles: ['director'] },
  { id: 'omi', roles: ['operator', 'manager'] },
];

beforeAll(async () => {
  fixture = await openApiFixture();
  await provision(fixture.database.ownerUrl, {
    tenants: [],
    users: team.map(({ id, roles }) => ({
      tenant: 'acme',
      id,
      name: id,
      email: `${id}@acme.test`,
      issuer: fixture.issuer.issuer,
      subject: id,
      roles,
    })),
  });
  await publishClaim(fixture);
});
afterAll(() => fixture.close());
beforeEach(async () => {
  run = await startClaim(fixture);
});

type Gate = { id: string; subject: string };
type Row = NonNullable<NonNullable<Parameters<typeof openClaimGate>[2]>['row']>;

const open = (row: Row): Promise<Gate> => openClaimGate(fixture, run, { row });

async function decide(gate: Gate, user: string, action = 'approve', said: object = {}) {
  return fixture.app.inject({
    method: 'POST',
    url: `/gates/${gate.id}/decisions`,
    headers: await fixture.as(user, randomUUID()),
    payload: { action, subject: gate.subject, ...said },
  });
}

const problemOf = (response: Awaited<ReturnType<typeof decide>>): [number, string] => [
  response.statusCode,
  response.json().type?.replace('urn:waymark:problem:', ''),
];

const read = async (gate: Gate, user = 'mai') =>
  (await fixture.app.inject({ url: `/gates/${gate.id}`, headers: await fixture.as(user) })).json();

const inbox = async (user: string, query = ''): Promise<string[]> =>
  (await fixture.app.inject({ url: `/gates${query}`, headers: await fixture.as(user) }))
    .json()
    .items.map(({ id }: Gate) => id);

/** As the superuser: what no role of the product may do by itself. */
async function owner<T>(work: (sql: (text: string, values?: unknown[]) => Promise<unknown>) => Promise<T>): Promise<T> {
  const { Client } = await import('pg');
  const client = new Client({ connectionString: fixture.database.ownerUrl });
  await client.connect();
  try {
    return await work((text, values = []) => client.query(text, values));
  } finally {
    await client.end();
  }
}

async function outputOf(gate: Gate): Promise<unknown> {
  return fixture.store.actAs({ tenant: 'acme', user: 'an' }, async (tx) => {
    const { outputDigest } = await tx.gate.findUniqueOrThrow({
      where: { tenantId_id: { tenantId: 'acme', id: gate.id } },
    });
    if (outputDigest === null) return null;
    const where = { tenantId_digest: { tenantId: 'acme', digest: outputDigest } };
    return JSON.parse((await tx.artifact.findUniqueOrThrow({ where })).content);
  });
}

describe('a quorum', () => {
  test('closes with the last of the different people it needs, all of whom are named', async () => {
    const gate = await open({ quorum: 2 });
    const first = await decide(gate, 'mai', 'approve', { comment: 'looks right' });
    expect(first.statusCode).toBe(201);
    expect(first.json().missing).toEqual([{ roles: ['manager'], people: [], more: 1 }]);
    expect(await read(gate)).toMatchObject({
      status: 'open',
      decisions: [{ by: 'mai', action: 'approve', counts: true }],
      missing: [{ action: 'approve', needed: [{ more: 1 }] }],
    });
    expect(problemOf(await decide(gate, 'mai'))).toEqual([409, 'already-voted']);
    const second = await decide(gate, 'minh', 'approve', { comment: 'so it does' });
    expect(second.json().missing).toEqual([]);
    expect(await outputOf(gate)).toEqual({ action: 'approve', comment: 'looks right\n\nso it does', by: 'mai, minh' });
    expect(await read(gate)).toMatchObject({ status: 'decided', verdict: 'approve', missing: [] });
  });

  test('is closed by one who rejects', async () => {
    const gate = await open({ quorum: 2 });
    await decide(gate, 'mai');
    expect((await decide(gate, 'minh', 'reject')).json().missing).toEqual([]);
    expect(await outputOf(gate)).toEqual({ action: 'reject', comment: '', by: 'minh' });
  });

  test('counts the latest vote of a person, who may reject what they approved', async () => {
    const gate = await open({ quorum: 2 });
    await decide(gate, 'mai');
    expect((await decide(gate, 'mai', 'reject')).statusCode).toBe(201);
    expect(await read(gate)).toMatchObject({ verdict: 'reject' });
  });

  test('does not count a vote whose owner lost the role before it closed', async () => {
    const gate = await open({ quorum: 2 });
    await decide(gate, 'minh');
    await owner((sql) => sql("DELETE FROM membership WHERE user_id = 'minh'"));
    try {
      expect((await decide(gate, 'mai')).json().missing).toEqual([{ roles: ['manager'], people: [], more: 1 }]);
      expect((await read(gate)).decisions).toMatchObject([
        { by: 'minh', counts: false },
        { by: 'mai', counts: true },
      ]);
    } finally {
      await owner((sql) => sql("INSERT INTO membership VALUES ('acme', 'minh', 'manager')"));
    }
  });
});

describe('approvers joined by and', () => {
  test('decide one for each role, and nobody for two', async () => {
    const gate = await open({ need: 'all', approverRoles: '["finance","legal"]' });
    expect((await decide(gate, 'vi')).json().missing).toHaveLength(1);
    expect(problemOf(await decide(gate, 'vi'))).toEqual([409, 'already-voted']);
    expect(await inbox('vi')).not.toContain(gate.id);
    expect(await inbox('lee')).toContain(gate.id);
    expect((await decide(gate, 'lee')).json().missing).toEqual([]);
    expect(await read(gate)).toMatchObject({ status: 'decided', need: 'all', approvers: ['finance', 'legal'] });
  });

  test('hold for an approval within a step, too', async () => {
    const gate = await open({
      need: 'all',
      approverRoles: '["finance"]',
      approverPeople: '["bo"]',
      purpose: 'approval',
    });
    expect((await decide(gate, 'fay')).json().missing).toEqual([{ roles: [], people: ['bo'], more: 1 }]);
    expect((await decide(gate, 'bo')).json().missing).toEqual([]);
  });
});

test('the run says of roles and persons alike that it waits for them', async () => {
  const { id: gate } = await open({ approverRoles: JSON.stringify([]), approverPeople: JSON.stringify(['bo']) });
  const { waiting } = (await fixture.app.inject({ url: `/runs/${run}`, headers: await fixture.as('an') })).json();
  expect(waiting).toMatchObject([{ gate, approvers: [], people: ['bo'] }]);
});

test('a person who is named decides, whatever their roles, and is in nobody else’s place', async () => {
  const gate = await open({ approverRoles: '[]', approverPeople: '["bo"]' });
  expect(await inbox('bo')).toContain(gate.id);
  expect(problemOf(await decide(gate, 'mai'))).toEqual([403, 'not-an-approver']);
  expect((await decide(gate, 'bo')).statusCode).toBe(201);
});

describe('not by contributors', () => {
  const notBy = '["contributors"]';

  test('binds who decided what led here, and who gave the input', async () => {
    const before = await open({ node: 'earlier', notBy: '[]' });
    await decide(before, 'mai');
    const [verdict, input] = await fixture.store.actAs({ tenant: 'acme', user: 'an' }, async (tx) => [
      await tx.gate.findUniqueOrThrow({ where: { tenantId_id: { tenantId: 'acme', id: before.id } } }),
      await tx.run.findUniqueOrThrow({ where: { tenantId_id: { tenantId: 'acme', id: run } } }),
    ]);
    const gate = await open({ notBy, sources: JSON.stringify([verdict.outputDigest, input.inputDigest]) });
    expect(problemOf(await decide(gate, 'mai'))).toEqual([403, 'separation-of-duties']);
    expect(problemOf(await decide(gate, 'an'))).toEqual([403, 'separation-of-duties']);
    expect(await inbox('mai')).not.toContain(gate.id);
    expect((await read(gate, 'mai')).mayDecide).toBe(false);
    expect((await decide(gate, 'minh')).statusCode).toBe(201);
  });

  test('binds who supplied an output that is shown', async () => {
    const step = { node: 'read', path: '', rootRunId: run, runId: run, tenantId: 'acme' };
    await fixture.worker.actAs({ tenant: 'acme', user: 'an' }, (tx) =>
      tx.stepExecution.create({
        data: { ...step, id: run, memoKey: run, actorId: 'an', status: 'running', outputDigest: 'supplied' },
      }),
    );
    await fixture.store.actAs({ tenant: 'acme', user: 'mai' }, (tx) =>
      giveCommand(tx, { tenant: 'acme', run, kind: 'supply', user: 'mai', comment: '', node: 'read', now: new Date() }),
    );
    const gate = await open({ notBy, sources: '["supplied"]' });
    expect(problemOf(await decide(gate, 'mai'))).toEqual([403, 'separation-of-duties']);
    expect((await decide(gate, 'an')).statusCode).toBe(201);
  });

  test('binds who gave a step other values than it read, where what it made of them is shown', async () => {
    const order = await fixture.store.actAs({ tenant: 'acme', user: 'mai' }, (tx) =>
      giveCommand(tx, { tenant: 'acme', run, kind: 'retry', user: 'mai', comment: '', node: 'read', now: new Date() }),
    );
    const edited = JSON.stringify({ input: { order, over: 'read', given: 'edited' } });
    const step = { node: 'read', path: '', rootRunId: run, runId: run, tenantId: 'acme', edited };
    await fixture.worker.actAs({ tenant: 'acme', user: 'an' }, (tx) =>
      tx.stepExecution.create({
        data: { ...step, id: run, memoKey: run, actorId: 'an', status: 'running', outputDigest: 'made of it' },
      }),
    );
    const shown = await open({ notBy, sources: '["made of it"]' });
    expect(problemOf(await decide(shown, 'mai'))).toEqual([403, 'separation-of-duties']);
    expect((await decide(shown, 'minh')).statusCode).toBe(201);
    const other = await open({ notBy, sources: '["of another step"]', path: 'other' });
    expect((await decide(other, 'mai')).statusCode).toBe(201);
  });

  test('binds nobody for what no person wrote', async () => {
    const gate = await open({ notBy, sources: '["made by an agent"]' });
    expect((await decide(gate, 'an')).statusCode).toBe(201);
  });
});

describe('a resume with another input', () => {
  const post = async (url: string, user: string, payload: object) =>
    fixture.app.inject({ method: 'POST', url, headers: await fixture.as(user, randomUUID()), payload });

  async function resume(of: string, user: string, choice: object): Promise<string> {
    const { digest } = (await post(`/runs/${of}/resume-plan`, user, choice)).json();
    const resumed = await post(`/runs/${of}/resume`, user, { ...choice, digest });
    expect(resumed.statusCode).toBe(201);
    return resumed.json().id;
  }

  const rowOf = (id: string) =>
    fixture.store.actAs({ tenant: 'acme', user: 'an' }, (tx) =>
      tx.run.findUniqueOrThrow({ where: { tenantId_id: { tenantId: 'acme', id } } }),
    );

  /** Opened by `of`, a run of the lineage, or by one that it called. */
  async function openOf(of: string, notBy: string): Promise<Gate> {
    const { rootRunId, inputDigest } = await rowOf(of);
    const row = { notBy: JSON.stringify([notBy]), sources: JSON.stringify([inputDigest]), rootRunId, path: notBy };
    return openClaimGate(fixture, of, { row });
  }

  test.each(['requester', 'contributors'])(
    'binds who made it by not by %s, besides who started the run',
    async (notBy) => {
      const edited = await resume(run, 'omi', { input: { ...claimInput, amount: 9_000 } });
      const gate = await openOf(edited, notBy);
      expect(problemOf(await decide(gate, 'omi'))).toEqual([403, 'separation-of-duties']);
      expect(problemOf(await decide(gate, 'an'))).toEqual([403, 'separation-of-duties']);
      expect(await inbox('omi')).not.toContain(gate.id);
      expect((await read(gate, 'omi')).mayDecide).toBe(false);
      expect(await inbox('mai')).toContain(gate.id);
      expect((await decide(gate, 'mai')).statusCode).toBe(201);
    },
  );

  test.each(['requester', 'contributors'])(
    'binds who made it by not by %s in what goes on from it, too',
    async (notBy) => {
      const edited = await resume(run, 'omi', { input: { ...claimInput, amount: 9_000 } });
      const gate = await openOf(await resume(edited, 'olga', {}), notBy);
      expect(problemOf(await decide(gate, 'omi'))).toEqual([403, 'separation-of-duties']);
      expect((await decide(gate, 'mai')).statusCode).toBe(201);
    },
  );

  test.each(['requester', 'contributors'])('binds who made it by not by %s in a run that is called', async (notBy) => {
    const edited = await resume(run, 'omi', { input: { ...claimInput, amount: 9_000 } });
    const called = await startClaim(fixture, 'bo');
    await fixture.worker.actAs({ tenant: 'acme', user: 'an' }, (tx) =>
      tx.stepExecution.create({
        data: {
          ...{ id: called, tenantId: 'acme', node: 'call', path: '', rootRunId: run, runId: edited },
          ...{ memoKey: called, actorId: 'an', status: 'running' },
        },
      }),
    );
    await owner((sql) => sql('UPDATE run SET called_by = $1, caller_run_id = $2 WHERE id = $1', [called, edited]));
    const gate = await openOf(called, notBy);
    expect(problemOf(await decide(gate, 'omi'))).toEqual([403, 'separation-of-duties']);
    expect((await decide(gate, 'mai')).statusCode).toBe(201);
  });

  test.each(['requester', 'contributors'])('without one, a resume binds nobody by not by %s', async (notBy) => {
    const gate = await openOf(await resume(run, 'omi', {}), notBy);
    expect(problemOf(await decide(gate, 'an'))).toEqual([403, 'separation-of-duties']);
    expect(await inbox('omi')).toContain(gate.id);
    expect((await decide(gate, 'omi')).statusCode).toBe(201);
  });
});

test('lists and the gate itself say the same of who may decide', async () => {
  const rows: Row[] = [
    {},
    { notBy: '[]' },
    { notBy: '["requester","contributors"]', sources: '["none"]' },
    { need: 'all', approverRoles: '["finance","legal"]' },
    { approverRoles: '[]', approverPeople: '["bo","an"]' },
    { approverRoles: '["nobody"]', approverPeople: '["an"]', notBy: '[]' },
  ];
  const gates = await Promise.all(rows.map((row, index) => open({ ...row, path: `same ${index}` })));
  await fixture.store.actAs({ tenant: 'acme', user: 'mai' }, (tx) =>
    tx.gateDelegation.create({
      data: {
        tenantId: 'acme',
        id: randomUUID(),
        gateId: gates[0]?.id ?? '',
        fromUserId: 'mai',
        toUserId: 'lee',
        madeAt: new Date(),
      },
    }),
  );
  const said: boolean[] = [];
  for (const user of ['an', 'bo', 'mai', 'vi', 'lee', 'olga']) {
    const url = `/gates?scope=all&run=${run}&limit=100`;
    const listed = (await fixture.app.inject({ url, headers: await fixture.as(user) })).json().items;
    for (const { id, mayDecide } of listed) {
      expect([user, id, mayDecide]).toEqual([user, id, (await read({ id, subject: '' }, user)).mayDecide]);
      said.push(mayDecide);
    }
  }
  expect([said.length, said.filter(Boolean).length]).toEqual([36, 9]);
});

describe('a form', () => {
  test('is held against its type, with the field named, and becomes part of the verdict', async () => {
    const { gates } = await startPurchase(fixture);
    const gate = await gates.sign();
    const wrong = await decide(gate, 'mai', 'approve', { form: { days: 0 } });
    expect(problemOf(wrong)).toEqual([422, 'invalid-form']);
    expect(wrong.json().errors).toMatchObject([{ at: 'days', in: 'body' }]);
    expect(problemOf(await decide(gate, 'mai'))).toEqual([422, 'invalid-form']);
    expect((await read(gate)).form).toMatchObject({ $ref: '#/$defs/Terms', $defs: { Terms: { required: ['days'] } } });
    expect((await decide(gate, 'mai', 'approve', { form: { days: 30 } })).statusCode).toBe(201);
    expect(await outputOf(gate)).toEqual({ action: 'approve', comment: '', by: 'mai', form: { days: 30 } });
  });

  test('is not asked of who rejects, and may be left out by who sends back', async () => {
    const { gates } = await startPurchase(fixture);
    const [rejected, sentBack] = [await gates.sign({ path: 'a' }), await gates.sign({ path: 'b' })];
    expect((await decide(rejected, 'mai', 'reject', { form: { days: 'never' } })).statusCode).toBe(201);
    expect(await outputOf(rejected)).toEqual({ action: 'reject', comment: '', by: 'mai' });
    expect(problemOf(await decide(sentBack, 'mai', 'request changes', { form: { days: 0 } }))[1]).toBe('invalid-form');
    expect((await decide(sentBack, 'mai', 'request changes', { comment: 'too dear' })).statusCode).toBe(201);
    expect(await outputOf(sentBack)).toEqual({ action: 'request changes', comment: 'too dear', by: 'mai' });
  });

  test('of a task is its output, with defaults filled, once its type and checks are met', async () => {
    const { gates } = await startPurchase(fixture);
    const task = await gates.task();
    const dear = await decide(task, 'bo', 'done', { form: { amount: 501, supplier: 'Metro' } });
    expect(problemOf(dear)).toEqual([422, 'invalid-form']);
    expect(dear.json().errors[0].message).toContain('output.amount <= input.limit');
    expect((await decide(task, 'bo', 'done', { form: { amount: 499, supplier: '' } })).json().errors).toMatchObject([
      { at: 'supplier' },
    ]);
    expect((await decide(task, 'bo', 'done', { form: { amount: 499, supplier: 'Metro' } })).statusCode).toBe(201);
    expect(await outputOf(task)).toEqual({ amount: 499, supplier: 'Metro', currency: 'EUR' });
  });
});
