/** Whose a session is, in the store: what nobody but its owner can do, whichever process they come through. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { provision } from './provision.ts';
import { appendMessage, askTurn, continueSession } from './sessions.ts';
import type { StoreWorld } from './testing/store-world.ts';
import { acme as ann, createStoreWorld, fillProposal, fillSession, startRun } from './testing/store-world.ts';

const bob = { tenant: 'acme', user: 'bob' };
let world: StoreWorld;
let proposal: string;
let session: string;
let turn: string;

beforeAll(async () => {
  world = await createStoreWorld();
  const person = { tenant: 'acme', id: 'bob', name: 'bob', email: 'bob@example.com', roles: [] };
  await provision(world.database.ownerUrl, {
    tenants: [],
    users: [{ ...person, issuer: 'https://issuer.example', subject: 'subject-of-bob' }],
  });
  proposal = await fillProposal(world.api, ann, await startRun(world.api, ann));
  session = await fillSession(world, ann, proposal);
  turn = String((await world.asSuperuser('SELECT id FROM session_turn WHERE session_id = $1', [session]))[0]?.id);
  // He reads it. That is all he may.
  await world.api.actAs(ann, (tx) =>
    tx.transcriptGrant.create({
      data: {
        tenantId: 'acme',
        id: 'to-bob',
        proposalId: proposal,
        ownerId: 'ann',
        granteeId: 'bob',
        grantedAt: new Date(),
      },
    }),
  );
});
afterAll(() => world.close());

test('a hundred who continue at once have one session', async () => {
  const other = await fillProposal(world.api, ann, await startRun(world.api, ann));
  const made = await Promise.all(
    Array.from({ length: 100 }, () => world.api.actAs(ann, (tx) => continueSession(tx, ann, other))),
  );
  expect(new Set(made.map((one) => one.session.id)).size).toBe(1);
  expect(made.filter((one) => one.isNew)).toHaveLength(1);
  const bobs = await world.api.actAs(bob, (tx) => continueSession(tx, bob, other));
  expect([bobs.isNew, bobs.session.ownerId]).toEqual([true, 'bob']);
});

test('messages of one session that come at once are numbered without a gap', async () => {
  const cat = await fillProposal(world.api, ann, await startRun(world.api, ann));
  const { session: own } = await world.api.actAs(ann, (tx) => continueSession(tx, ann, cat));
  await Promise.all(
    Array.from({ length: 20 }, (_, at) => world.api.actAs(ann, (tx) => askTurn(tx, ann, own.id, `${at}`))),
  );
  const rows = await world.api.actAs(ann, (tx) =>
    tx.message.findMany({ where: { sessionId: own.id }, orderBy: { seq: 'asc' } }),
  );
  expect(rows.map(({ seq }) => seq)).toEqual(Array.from({ length: 20 }, (_, at) => at + 1));
  const turns = await world.api.actAs(ann, (tx) =>
    tx.sessionTurn.findMany({ where: { sessionId: own.id }, orderBy: { number: 'asc' } }),
  );
  expect(turns.map(({ number, state }) => [number, state])).toEqual(
    Array.from({ length: 20 }, (_, at) => [at + 1, 'queued']),
  );
});

/** Statements that would write something into Ann's session, or make it another's. */
function waysToWrite(): string[] {
  const sessions = [`'${session}'`, `(SELECT id FROM session WHERE owner_id = 'ann' AND id = '${session}')`];
  const owners = [`'ann'`, `'bob'`, 'NULL', `current_setting('app.user')`];
  const authors = [`'owner'`, `'agent'`];
  const kinds = ['text', 'piece', 'action', 'asks', 'answer'];
  const seqs = ['3', `(SELECT seq FROM session WHERE id = '${session}')`];
  const messages = sessions.flatMap((of) =>
    owners.flatMap((owner) =>
      authors.flatMap((author) =>
        kinds.flatMap((kind) =>
          seqs.map(
            (seq) =>
              `INSERT INTO message (tenant_id, session_id, seq, owner_id, author, kind, body, at) VALUES ('acme', ${of}, ${seq}, ${owner}, ${author}, '${kind}', 'forged', now())`,
          ),
        ),
      ),
    ),
  );
  const turns = sessions.flatMap((of) =>
    owners.map(
      (owner) =>
        `INSERT INTO session_turn (tenant_id, id, session_id, owner_id, number, asked_at) VALUES ('acme', gen_random_uuid()::text, ${of}, ${owner}, 99, now())`,
    ),
  );
  const changes = [
    ['message', `body = 'forged'`],
    ['message', `owner_id = 'bob'`],
    ['session', 'seq = seq + 1'],
    ['session', `owner_id = 'bob'`],
    ['session_turn', `state = 'stopped', ended_at = now()`],
    ['session_turn', 'stopping = true'],
    ['session_turn', 'fence = fence + 1'],
    ['session_turn', `owner_id = 'bob'`],
    ['confirmation', `state = 'confirmed', answered_at = now()`],
    ['confirmation', `owner_id = 'bob'`],
    ['turn_entry', `response = '{"forged":true}'`],
  ].flatMap(([table, set]) => [
    `UPDATE ${table} SET ${set}`,
    `UPDATE ${table} SET ${set} WHERE tenant_id = 'acme' OR true`,
    `WITH w AS (UPDATE ${table} SET ${set} RETURNING 1) SELECT * FROM w`,
  ]);
  const others = [
    `INSERT INTO turn_entry (tenant_id, turn_id, owner_id, seq, kind, request_digest, response, source, latency_ms, at) VALUES ('acme', '${turn}', 'ann', 1, 'model', 'q', '"forged"', 'bob', 1, now())`,
    `INSERT INTO turn_entry (tenant_id, turn_id, owner_id, seq, kind, request_digest, response, source, latency_ms, at) VALUES ('acme', '${turn}', 'bob', 1, 'model', 'q', '"forged"', 'bob', 1, now())`,
    `INSERT INTO confirmation (tenant_id, id, session_id, owner_id, turn_id, body, asked_at) VALUES ('acme', 'c2', '${session}', 'ann', '${turn}', '{}', now())`,
    `INSERT INTO confirmation (tenant_id, id, session_id, owner_id, turn_id, body, asked_at) VALUES ('acme', 'c2', '${session}', 'bob', '${turn}', '{}', now())`,
    ...['message', 'session', 'session_turn', 'turn_entry', 'confirmation'].flatMap((table) => [
      `DELETE FROM ${table}`,
      `TRUNCATE ${table}`,
    ]),
    `INSERT INTO session (tenant_id, id, proposal_id, owner_id, created_at) VALUES ('acme', 'forged', '${proposal}', 'ann', now())`,
    `INSERT INTO session (tenant_id, id, proposal_id, owner_id, created_at) VALUES ('acme', '${session}', '${proposal}', 'bob', now()) ON CONFLICT (tenant_id, id) DO UPDATE SET seq = session.seq + 1`,
    `INSERT INTO message (tenant_id, session_id, seq, owner_id, author, kind, body, at) SELECT tenant_id, session_id, seq + 1, owner_id, author, kind, 'forged', at FROM message`,
  ];
  return [...messages, ...turns, ...changes, ...others];
}

const everythingOfAnn = () =>
  world.asSuperuser(
    `SELECT (SELECT json_agg(s ORDER BY id) FROM session s WHERE owner_id = 'ann') AS sessions,
       (SELECT json_agg(m ORDER BY session_id, seq) FROM message m WHERE owner_id = 'ann') AS messages,
       (SELECT json_agg(t ORDER BY id) FROM session_turn t WHERE owner_id = 'ann') AS turns,
       (SELECT json_agg(e ORDER BY turn_id, seq) FROM turn_entry e) AS entries,
       (SELECT json_agg(c ORDER BY id) FROM confirmation c) AS confirmations`,
  );

test.each(['api', 'worker'] as const)(
  'more than 200 ways to write into a session of somebody else, by the %s: none does',
  async (role) => {
    const ways = waysToWrite();
    expect(ways.length).toBeGreaterThan(200);
    const before = await everythingOfAnn();
    for (const way of ways) {
      await world[role].actAs(bob, (tx) => tx.$executeRawUnsafe(way)).catch(() => undefined);
    }
    expect(await everythingOfAnn()).toEqual(before);
  },
);

test('the ways that are tried are ways: the owner writes by one of them', async () => {
  await world.api.actAs(ann, async (tx) => {
    await tx.$executeRawUnsafe(`UPDATE session SET seq = seq + 1 WHERE id = '${session}'`);
    await tx.$executeRawUnsafe(waysToWrite().find((way) => way.includes(`${session}', (SELECT seq`)) ?? '');
  });
  const rows = await world.api.actAs(ann, (tx) => tx.message.findMany({ where: { sessionId: session } }));
  expect(rows.map(({ body }) => body)).toContain('forged');
});

test('no person speaks as an agent and no agent as a person', async () => {
  const say = (role: 'api' | 'worker', author: 'owner' | 'agent') =>
    world[role].actAs(ann, (tx) => appendMessage(tx, ann, session, { author, kind: 'text', body: 'x' }));
  await expect(say('api', 'agent')).rejects.toThrow(/row-level security policy "people_speak"/);
  await expect(say('worker', 'owner')).rejects.toThrow(/row-level security policy "agents_speak"/);
});

test('a transcript is read by its owner and by whom they granted it, until they take it back; the journal by the owner', async () => {
  const seenBy = (actor: typeof bob, role: 'api' | 'worker') =>
    world[role].actAs(actor, async (tx) => ({
      messages: (await tx.message.findMany({ where: { sessionId: session } })).length,
      confirmations: await tx.confirmation.count({ where: { sessionId: session } }),
    }));
  const entriesFor = (actor: typeof bob) => world.worker.actAs(actor, (tx) => tx.turnEntry.count());
  const own = await seenBy(ann, 'api');
  expect(own).toEqual({ messages: 3, confirmations: 1 });
  for (const role of ['api', 'worker'] as const) {
    expect(await seenBy(bob, role)).toEqual({ messages: 3, confirmations: 0 });
    expect(await seenBy({ tenant: 'acme', user: 'cat' }, role)).toEqual({ messages: 0, confirmations: 0 });
  }
  expect([await entriesFor(ann), await entriesFor(bob)]).toEqual([1, 0]);
  await world.api.actAs(ann, (tx) =>
    tx.transcriptGrant.updateMany({ where: { id: 'to-bob' }, data: { revokedAt: new Date() } }),
  );
  expect(await seenBy(bob, 'api')).toEqual({ messages: 0, confirmations: 0 });
});

test('a worker learns whose session it is from the row alone', async () => {
  expect(await world.worker.before.sessionScope(session)).toEqual({ tenant: 'acme', owner: 'ann', proposal });
  expect(await world.worker.before.sessionScope('another')).toBeUndefined();
});
