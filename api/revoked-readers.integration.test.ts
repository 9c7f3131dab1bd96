/** Streams whose reader loses access between being let in and being read to: nothing that came after that is theirs. */
import { Client } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ReadLog } from './event-stream.ts';
import { readProposalLog } from './proposals/proposal-events.ts';
import { createReadNotes } from './read-notes.ts';
import { transcriptReader } from './sessions/session-events.ts';
import type { ApiFixture } from './testing/api-fixture.ts';
import { eventually, openApiFixture } from './testing/api-fixture.ts';
import type { ProposalClient } from './testing/proposal-client.ts';
import { proposalClient } from './testing/proposal-client.ts';
import { expense, publishGraph, startProposalOf } from './testing/proposal-documents.ts';

const bo = { tenant: 'acme', user: 'bo' };
let fixture: ApiFixture;
let client: ProposalClient;
beforeAll(async () => {
  fixture = await openApiFixture();
  client = proposalClient(fixture);
  await publishGraph(fixture, expense);
});
afterAll(() => fixture.close());

async function shared(): Promise<{ proposal: string; session: string }> {
  const proposal = await startProposalOf(fixture, 'expense-report', 'an');
  await client.call('POST', `/proposals/${proposal}/share`, 'an', { person: 'bo', mode: 'reviewer', transcript: true });
  const session = (await client.call('POST', `/proposals/${proposal}/sessions`, 'an', {})).json().id;
  await client.call('POST', `/sessions/${session}/messages`, 'an', { text: 'What is missing?' });
  return { proposal, session };
}

/** What Bo reads while `table` is held until they were let in; `change` is made and committed before they go on. */
async function readOver(table: string, read: ReadLog, id: string, change: string, proposal: string) {
  const owner = new Client({ connectionString: fixture.database.ownerUrl });
  await owner.connect();
  try {
    await owner.query('BEGIN');
    await owner.query(`LOCK TABLE ${table} IN ACCESS EXCLUSIVE MODE`);
    const reading = read(fixture.store, bo, id, 0);
    await eventually(async () => {
      const { rows } = await owner.query("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'");
      return rows.length > 0 ? true : undefined;
    });
    await owner.query(change, [proposal]);
    await owner.query('COMMIT');
    return await reading;
  } finally {
    await owner.end();
  }
}

const revoked = {
  access: `UPDATE collaborator SET revoked_at = now() WHERE proposal_id = $1 AND user_id = 'bo'`,
  transcript: `UPDATE transcript_grant SET revoked_at = now() WHERE proposal_id = $1 AND grantee_id = 'bo'`,
  nothing: 'SELECT $1::text',
};

test('the log of a proposal', async () => {
  const { proposal } = await shared();
  const read = (change: string) => readOver('proposal_event', readProposalLog, proposal, change, proposal);
  expect((await read(revoked.nothing))?.events.length).toBeGreaterThan(2);
  expect(await read(revoked.access)).toBeUndefined();
});

test('a transcript', async () => {
  const { proposal, session } = await shared();
  const read = (change: string) => readOver('message', transcriptReader(createReadNotes()), session, change, proposal);
  expect((await read(revoked.nothing))?.events).toHaveLength(1);
  // By the policy of the table alone.
  expect((await read(revoked.transcript))?.events).toEqual([]);
});
