import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { putArtifact } from './artifacts.ts';
import type { Store, Tx } from './open.ts';
import { appendProposalEvents, verifyProposalChain } from './proposal-log.ts';
import { holdProposal, openProposal, writeContents } from './proposals.ts';
import type { StoreWorld } from './testing/store-world.ts';
import { acme, createStoreWorld, fillProposal, startRun } from './testing/store-world.ts';

let world: StoreWorld;
let proposal: string;
beforeAll(async () => {
  world = await createStoreWorld();
  proposal = await fillProposal(world.api, acme, await startRun(world.api, acme));
});
afterAll(() => world.close());

const sql = (store: Store, statement: string) => store.actAs(acme, (tx: Tx) => tx.$executeRawUnsafe(statement));

/** Writes the section as a person does, and says what came of it. */
const write = (id: string, section: string, value: string, store = world.api) =>
  store.actAs(acme, async (tx) => {
    const held = await holdProposal(tx, 'acme', id);
    const digest = await putArtifact(tx, 'acme', value);
    return writeContents(tx, acme, held, [{ section, digest, source: 'person' }]);
  });

const open = async () => fillProposal(world.api, acme, await startRun(world.api, acme));

test('each new content is a version in an unbroken history, and the same content is none', async () => {
  const id = await open();
  await write(id, 'Summary', 'two');
  const same = await write(id, 'Summary', 'two');
  const after = await write(id, '', 'the state');
  expect([same.lockVersion, after.lockVersion]).toEqual([2, 3]);
  const versions = await world.asSuperuser(
    `SELECT section, version, base_digest, digest, source FROM section_version WHERE proposal_id = $1 ORDER BY section, version`,
    [id],
  );
  expect(versions.map(({ section, version, source }) => [section, version, source])).toEqual([
    ['', 1, 'person'],
    ['Summary', 1, 'result'],
    ['Summary', 2, 'person'],
  ]);
  expect(versions.map(({ base_digest }) => base_digest)).toEqual([null, null, versions[1]?.digest]);
});

test('the log of a proposal verifies, and shows when it was tampered with', async () => {
  const id = await open();
  await write(id, 'Summary', 'two');
  const read = () =>
    world.api.actAs(acme, async (tx) => ({
      events: await tx.proposalEvent.findMany({ where: { proposalId: id }, orderBy: { seq: 'asc' } }),
      head: await tx.proposal.findUniqueOrThrow({ where: { tenantId_id: { tenantId: 'acme', id } } }),
    }));
  const { events, head } = await read();
  expect(events.map(({ type, section }) => [type, section])).toEqual([
    ['proposal.opened', null],
    ['proposal.written', 'Summary'],
    ['proposal.written', 'Summary'],
    ['suggestion.stale', 'Summary'],
  ]);
  expect(verifyProposalChain(events, head)).toEqual({ ok: true });
  expect(verifyProposalChain(events.slice(0, -1), head)).toMatchObject({ ok: false, seq: 3 });
  const forged = events.map((event) => (event.seq === 2 ? { ...event, body: '{}' } : event));
  expect(verifyProposalChain(forged, head)).toMatchObject({
    ok: false,
    seq: 2,
    reason: expect.stringContaining('hashed'),
  });
});

test('an event that is delivered again is appended once', async () => {
  const id = await open();
  const append = () =>
    world.worker.actAs(acme, (tx) =>
      appendProposalEvents(tx, id, [{ type: 'proposal.closed', body: {}, sourceKey: 'one' }]),
    );
  await append();
  await append();
  expect(
    await world.asSuperuser(
      `SELECT count(*)::int AS n FROM proposal_event WHERE proposal_id = $1 AND source_key = 'one'`,
      [id],
    ),
  ).toEqual([{ n: 1 }]);
});

test('a run has one proposal, however often it is opened', async () => {
  const run = await startRun(world.api, acme);
  const opened = await Promise.all(
    Array.from({ length: 8 }, () =>
      world.api.actAs(acme, (tx) =>
        openProposal(tx, acme, {
          title: 'One',
          run,
          definition: '{}',
          assignee: { person: 'ann' },
          sections: [{ name: 'A' }],
          contents: [],
        }),
      ),
    ),
  );
  expect(opened.filter((id) => id !== undefined)).toHaveLength(1);
});

test('a suggestion becomes stale once its base is gone, and its author is told once', async () => {
  const id = await open();
  await write(id, 'Summary', 'two');
  await write(id, 'Summary', 'three');
  expect(await world.asSuperuser('SELECT status FROM suggestion WHERE id = $1', [id])).toEqual([{ status: 'stale' }]);
  expect(
    await world.asSuperuser(`SELECT user_id, address FROM notification WHERE proposal_id = $1 AND kind = 'stale'`, [
      id,
    ]),
  ).toEqual([{ user_id: 'ann', address: `/proposals/${id}/suggestions/${id}` }]);
});

test('history and log can be changed by nobody', async () => {
  for (const store of [world.api, world.worker]) {
    for (const statement of [
      'INSERT INTO proposal_event SELECT * FROM proposal_event',
      `UPDATE proposal_event SET body = '{}'`,
      'DELETE FROM section_version',
      `UPDATE section_version SET user_id = 'ann'`,
      'UPDATE proposal SET seq = 0',
    ]) {
      await expect(sql(store, statement), statement).rejects.toThrow(/permission denied|42501/);
    }
  }
  await expect(world.asSuperuser('DELETE FROM section_version')).rejects.toThrow(/append-only/);
  await expect(world.asSuperuser('DELETE FROM proposal_event')).rejects.toThrow(/append-only/);
});

test('content goes from one version to the next, and an assignee with an epoch', async () => {
  await expect(sql(world.api, `UPDATE section SET digest = 'x' WHERE name = 'Summary'`)).rejects.toThrow(
    /next with new content/,
  );
  await expect(sql(world.api, `UPDATE section SET lock_version = 7 WHERE name = 'Summary'`)).rejects.toThrow(
    /next with new content/,
  );
  await expect(sql(world.api, `UPDATE proposal SET assignee_id = NULL, assignee_role = 'finance'`)).rejects.toThrow(
    /another epoch/,
  );
  await expect(sql(world.api, 'UPDATE proposal SET lock_version = 0')).rejects.toThrow(/never fall/);
  await expect(
    sql(world.api, 'UPDATE proposal SET assignee_id = NULL, assignee_epoch = assignee_epoch + 1'),
  ).rejects.toThrow(/proposal_has_somebody/);
});

const suggestionMoves: Record<string, string[]> = {
  open: ['accepted', 'rejected', 'withdrawn', 'stale'],
  stale: ['accepted', 'rejected', 'withdrawn'],
  accepted: [],
  rejected: [],
  withdrawn: [],
};

test.each(Object.keys(suggestionMoves))(
  'a suggestion that is %s goes where it may go and nowhere else',
  async (from) => {
    const outcomes: Record<string, boolean> = {};
    const deed = (to: string, id: string) =>
      to === 'open' || to === 'stale'
        ? `UPDATE suggestion SET status = '${to}', decided_by = NULL, decided_at = NULL WHERE id = '${id}'`
        : `UPDATE suggestion SET status = '${to}', decided_by = 'ann', decided_at = now() WHERE id = '${id}'`;
    for (const to of Object.keys(suggestionMoves).filter((one) => one !== from)) {
      const id = await open();
      if (from !== 'open') await sql(world.api, deed(from, id));
      outcomes[to] = await sql(world.api, deed(to, id)).then(
        () => true,
        () => false,
      );
    }
    expect(Object.keys(outcomes).filter((to) => outcomes[to])).toEqual(
      Object.keys(suggestionMoves).filter((to) => suggestionMoves[from]?.includes(to)),
    );
  },
);

test('the worker cannot decide a suggestion, grant a transcript, or read what people are told', async () => {
  for (const statement of [
    `UPDATE suggestion SET decided_by = 'ann'`,
    `UPDATE suggestion SET status = 'accepted' WHERE id = '${proposal}'`,
    `INSERT INTO transcript_grant (tenant_id, id, proposal_id, owner_id, grantee_id, granted_at) VALUES ('acme', 'g', '${proposal}', 'ann', 'ann', now())`,
    'SELECT * FROM notification',
    `UPDATE proposal SET status = 'closed'`,
  ]) {
    await expect(sql(world.worker, statement), statement).rejects.toThrow(
      /permission denied|42501|decided_by_somebody/,
    );
  }
});

test('a transcript is granted by whose it is, and taken back for good', async () => {
  const grant = (owner: string) =>
    `INSERT INTO transcript_grant (tenant_id, id, proposal_id, owner_id, grantee_id, granted_at) VALUES ('acme', '${randomUUID()}', '${proposal}', '${owner}', 'ann', now())`;
  await sql(world.api, grant('ann'));
  await expect(sql(world.api, grant('gus'))).rejects.toThrow(/row-level security policy "granted_by_its_owner"/);
  await sql(world.api, `UPDATE transcript_grant SET revoked_at = now() WHERE proposal_id = '${proposal}'`);
  expect(await sql(world.api, `UPDATE transcript_grant SET revoked_at = NULL WHERE proposal_id = '${proposal}'`)).toBe(
    0,
  );
});
