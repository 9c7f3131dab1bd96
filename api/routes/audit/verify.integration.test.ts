/**
 * `waymark audit verify` and `export` against a listening API: whatever a superuser changes, takes out, adds or moves in any
 * of the logs is found, and where.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Outcome } from '../../../cli/testing/scripted-world.ts';
import { runInProcess } from '../../../cli/testing/scripted-world.ts';
import type { ApiFixture } from '../../testing/api-fixture.ts';
import { openApiFixture, openClaimGate, publishClaim, startClaim } from '../../testing/api-fixture.ts';
import { proposalClient } from '../../testing/proposal-client.ts';
import { expense, publishGraph, startProposalOf } from '../../testing/proposal-documents.ts';

let fixture: ApiFixture;
let api: string;
let folder: string;
let database: Client;
/** A run, a proposal and a thing that was read, whose logs have at least four events each. */
let run: string;
let proposal: string;
beforeAll(async () => {
  fixture = await openApiFixture();
  await fixture.app.listen({ host: '127.0.0.1', port: 0 });
  api = `http://127.0.0.1:${(fixture.app.server.address() as AddressInfo).port}`;
  folder = await mkdtemp(join(tmpdir(), 'waymark-audit-'));
  const client = proposalClient(fixture);
  await publishClaim(fixture);
  await publishGraph(fixture, expense);
  run = await startClaim(fixture);
  for (let i = 0; i < 3; i += 1) {
    const gate = await openClaimGate(fixture, run, { row: { path: String(i) } });
    await client.call('POST', `/gates/${gate.id}/decisions`, 'mai', { action: 'approve', subject: gate.subject });
  }
  proposal = await startProposalOf(fixture, 'expense-report', 'an');
  for (const person of ['bo', 'mai', 'minh']) {
    await client.call('POST', `/proposals/${proposal}/share`, 'an', { person, mode: 'reviewer' });
    await client.get(`/proposals/${proposal}`, person);
  }
  await client.get(`/proposals/${proposal}`, 'an');
  for (const name of ['apac', 'emea']) await client.call('PUT', `/admin/groups/${name}`, 'ada', { roles: ['buyer'] });
  for (const name of ['amer', 'hq']) await client.call('PUT', `/admin/groups/${name}`, 'ada', { roles: [] });
  // The first export is noted in the log of who reads the audit; the next ones within ten minutes are not.
  await client.call('GET', '/audit/export', 'ada');
  database = new Client({ connectionString: fixture.database.ownerUrl });
  await database.connect();
  // As whoever owns the machine does: no trigger and no foreign key is asked.
  await database.query('SET session_replication_role = replica');
});
afterAll(async () => {
  await database.end();
  await fixture.close();
  await rm(folder, { recursive: true });
});

async function waymark(...args: string[]): Promise<Outcome> {
  const { authorization = '' } = await fixture.as('ada');
  return runInProcess(['audit', ...args, '--api', api, '--token', authorization.replace('Bearer ', '')]);
}

const logs = {
  run: { table: 'run_event', of: () => ['run_id', run], field: 'body', heads: 'run', name: () => `log of run ${run}` },
  proposal: {
    table: 'proposal_event',
    of: () => ['proposal_id', proposal],
    field: 'body',
    heads: 'proposal',
    name: () => `log of proposal ${proposal}`,
  },
  admin: {
    table: 'admin_event',
    of: () => ['tenant_id', 'acme'],
    field: 'actor',
    heads: 'tenant',
    name: () => 'admin log',
  },
  read: {
    table: 'read_event',
    of: () => ['thing', proposal],
    field: 'reader',
    heads: 'read_log',
    name: () => `log of who read ${proposal}`,
  },
} as const;
type Log = keyof typeof logs;
const everyLog = Object.keys(logs) as Log[];

/** What a superuser does to a log; then verifies, and puts back what was there. */
async function tampered(log: Log, tamper: (where: string) => string[], ...options: string[]): Promise<Outcome> {
  const { table, of, heads } = logs[log];
  const [column, thing] = of();
  const kept = [table, heads];
  for (const one of kept) await database.query(`CREATE TEMP TABLE kept_${one} AS SELECT * FROM ${one}`);
  try {
    for (const statement of tamper(`${column} = '${thing}'`)) await database.query(statement);
    return await waymark('verify', ...options);
  } finally {
    for (const one of kept) {
      await database.query(`DELETE FROM ${one}`);
      await database.query(`INSERT INTO ${one} SELECT * FROM kept_${one}`);
      await database.query(`DROP TABLE kept_${one}`);
    }
  }
}

const placesIn = ({ stderr }: Outcome): string[] =>
  stderr.split('\n').filter((line) => /^(Not as it was written|Also):/.test(line));

test('what was not tampered with holds, and is counted', async () => {
  const { code, stdout, stderr } = await waymark('verify');
  const { rows } = await database.query(
    `SELECT (SELECT count(*) FROM run_event WHERE tenant_id = 'acme') + (SELECT count(*) FROM proposal_event WHERE tenant_id = 'acme')
       + (SELECT count(*) FROM admin_event WHERE tenant_id = 'acme') + (SELECT count(*) FROM read_event WHERE tenant_id = 'acme') AS events,
       (SELECT count(*) FROM run WHERE tenant_id = 'acme') + (SELECT count(*) FROM proposal WHERE tenant_id = 'acme')
       + (SELECT count(*) FROM read_log WHERE tenant_id = 'acme') + 1 AS chains`,
  );
  const [{ events, chains }] = rows;
  expect(Number(events)).toBeGreaterThan(20);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toBe(`All is as it was written: ${events} events of ${chains} chains of the tenant acme.\n`);
});

test.each(everyLog)('an event of the %s log that was changed is found', async (log) => {
  const { table, field, name } = logs[log];
  const verdict = await tampered(log, (where) => [`UPDATE ${table} SET ${field} = 'gus' WHERE ${where} AND seq = 2`]);
  expect([verdict.code, placesIn(verdict)]).toEqual([
    1,
    [`Not as it was written: event 2 of the ${name()}: its content is not what was hashed.`],
  ]);
});

test.each(everyLog)('an event of the %s log that was taken out is found', async (log) => {
  const { table, name } = logs[log];
  const verdict = await tampered(log, (where) => [`DELETE FROM ${table} WHERE ${where} AND seq = 2`]);
  expect([verdict.code, placesIn(verdict)]).toEqual([
    1,
    [`Not as it was written: event 3 of the ${name()}: expected event 2.`],
  ]);
});

test.each(everyLog)('an event that was put into the %s log, and all after it moved on, is found', async (log) => {
  const { table, name } = logs[log];
  const verdict = await tampered(log, (where) => [
    `UPDATE ${table} SET seq = seq + 1000 WHERE ${where} AND seq >= 2`,
    `UPDATE ${table} SET seq = seq - 999 WHERE ${where} AND seq >= 1002`,
    `CREATE TEMP TABLE forged AS SELECT * FROM ${table} WHERE ${where} AND seq = 1`,
    'UPDATE forged SET seq = 2',
    ...(log === 'run' || log === 'proposal' ? [`UPDATE forged SET source_key = 'forged'`] : []),
    `INSERT INTO ${table} SELECT * FROM forged`,
    'DROP TABLE forged',
  ]);
  expect([verdict.code, placesIn(verdict)]).toEqual([
    1,
    [`Not as it was written: event 2 of the ${name()}: does not follow the event before it.`],
  ]);
});

test.each(everyLog)('an event that was put at the end of the %s log is found', async (log) => {
  const { table, name } = logs[log];
  const verdict = await tampered(log, (where) => [
    `CREATE TEMP TABLE forged AS SELECT * FROM ${table} WHERE ${where} ORDER BY seq DESC LIMIT 1`,
    'UPDATE forged SET seq = seq + 1, prev_hash = hash',
    ...(log === 'run' || log === 'proposal' ? [`UPDATE forged SET source_key = 'forged'`] : []),
    `INSERT INTO ${table} SELECT * FROM forged`,
    'DROP TABLE forged',
  ]);
  expect([verdict.code, placesIn(verdict)]).toEqual([
    1,
    [expect.stringMatching(`event \\d+ of the ${name()}: its content is not what was hashed`)],
  ]);
});

test.each(everyLog)('two events of the %s log that changed places are found', async (log) => {
  const { table, name } = logs[log];
  const verdict = await tampered(log, (where) => [
    `UPDATE ${table} SET seq = 1002 WHERE ${where} AND seq = 2`,
    `UPDATE ${table} SET seq = 2 WHERE ${where} AND seq = 3`,
    `UPDATE ${table} SET seq = 3 WHERE ${where} AND seq = 1002`,
  ]);
  expect([verdict.code, placesIn(verdict)]).toEqual([
    1,
    [`Not as it was written: event 2 of the ${name()}: does not follow the event before it.`],
  ]);
});

test.each(everyLog)('a %s log whose end, or all of which, was cut off is found', async (log) => {
  const { table, name } = logs[log];
  const cut = await tampered(log, (where) => [`DELETE FROM ${table} WHERE ${where} AND seq > 3`]);
  expect([cut.code, placesIn(cut)]).toEqual([
    1,
    [expect.stringMatching(`the end of the ${name()}: the log ends at 3, its head says \\d+`)],
  ]);
  const emptied = await tampered(log, (where) => [`DELETE FROM ${table} WHERE ${where}`]);
  expect([emptied.code, placesIn(emptied)]).toEqual([
    1,
    [expect.stringMatching(`the end of the ${name()}: the log ends at 0, its head says \\d+`)],
  ]);
});

test('an export verifies without a server, and shows later what was rewritten with all its hashes, and what is gone', async () => {
  const file = join(folder, 'audit.ndjson');
  const written = await waymark('export', file);
  expect([written.code, written.stderr]).toEqual([0, '']);
  const text = await readFile(file, 'utf8');
  expect(text.split('\n').length).toBeGreaterThan(20);
  const offline = await runInProcess(['audit', 'verify', '--file', file]);
  expect([offline.code, offline.stdout]).toEqual([0, expect.stringContaining('All is as it was written: ')]);
  expect((await waymark('verify', '--since', file)).code).toBe(0);

  // Whoever owns the database can compute hashes, too: the last event of the run as another one, and its head with it.
  const forged = `encode(sha256(convert_to(hashed_field(prev_hash) || hashed_field(tenant_id) || hashed_field(run_id)
    || hashed_field(seq::text) || hashed_field(type) || hashed_field(source_key) || hashed_field(node) || hashed_field(body)
    || hashed_field(to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')), 'UTF8')), 'hex')`;
  const last = 'seq = (SELECT max(seq) FROM run_event e WHERE e.run_id = run_event.run_id)';
  const rewrite = (where: string) => [
    `UPDATE run_event SET body = '{"user":"gus"}' WHERE ${where} AND ${last}`,
    `UPDATE run_event SET hash = ${forged} WHERE ${where} AND ${last}`,
    `UPDATE run SET head_hash = (SELECT hash FROM run_event WHERE ${where} AND ${last}) WHERE id = '${run}'`,
  ];
  expect((await tampered('run', rewrite)).code).toBe(0);
  const since = await tampered('run', rewrite, '--since', file);
  expect([since.code, placesIn(since)]).toEqual([
    1,
    [expect.stringMatching(`event \\d+ of the log of run ${run}: is not the one of the earlier export`)],
  ]);
  const gone = await tampered(
    'run',
    (where) => [`DELETE FROM run_event WHERE ${where}`, `DELETE FROM run WHERE id = '${run}'`],
    '--since',
    file,
  );
  expect([gone.code, placesIn(gone)]).toEqual([
    1,
    [expect.stringMatching(`event \\d+ of the log of run ${run}: is in the earlier export, and is not there any more`)],
  ]);
});
