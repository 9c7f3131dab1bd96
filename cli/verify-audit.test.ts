/** The lines here are hashed by what docs/audit.md says, not by the code that verifies them. */
import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runInProcess } from './testing/scripted-world.ts';
import type { AuditVerdict, KeptHead } from './verify-audit.ts';
import { createAuditVerifier } from './verify-audit.ts';

interface Event extends Line {
  record: 'event';
  log: 'admin' | 'proposal' | 'read' | 'run';
  thing: string;
  seq: number;
  at: string;
  what: string;
  person: string | null;
  about: string | null;
  sourceKey: string | null;
  body: string | null;
  prevHash: string;
  hash: string;
}
interface Line {
  record: string;
  [field: string]: unknown;
}

const tenant = 'acmé';
const sha256 = (text: string) => createHash('sha256').update(text, 'utf8').digest('hex');
const field = (value: string | null) => (value === null ? '-' : `${Buffer.byteLength(value)}:${value}`);

function hashOf({ log, prevHash, thing, seq, what, sourceKey, about, body, at, person }: Event): string {
  const hashed = {
    run: [prevHash, tenant, thing, String(seq), what, sourceKey, about, body, at],
    proposal: [prevHash, tenant, thing, String(seq), what, sourceKey, about, body, at],
    admin: [prevHash, tenant, String(seq), person, what, about, body, at],
    read: [prevHash, tenant, thing, String(seq), person, what, about, at],
  }[log];
  return sha256(hashed.map(field).join(''));
}

const kinds = {
  admin: { what: 'user.changed', person: 'ada', about: 'mai', sourceKey: null, body: '{"roles":["manager"]}' },
  proposal: { what: 'proposal.written', person: null, about: 'Größe', sourceKey: 'written', body: '{"user":"an"}' },
  read: { what: 'proposal.read', person: 'bo', about: '', sourceKey: null, body: null },
  run: { what: 'step.committed', person: null, about: null, sourceKey: 'committed', body: '{}' },
} as const;

function chain(log: Event['log'], thing: string, length: number): Event[] {
  const events: Event[] = [];
  for (let seq = 1; seq <= length; seq += 1) {
    const prevHash = events.at(-1)?.hash ?? '';
    const at = `2026-11-21T10:00:0${seq % 10}.000Z`;
    const event: Event = { record: 'event', log, thing, seq, at, ...kinds[log], prevHash, hash: '' };
    events.push({ ...event, hash: hashOf(event) });
  }
  return events;
}

const headOf = ([...events]: Event[]): Line => {
  const { log = 'run', thing = '', seq = 0, hash = '' } = events.at(-1) ?? {};
  return { record: 'chain', log, thing, seq, hash };
};

/** The lines of these chains, with a start and an end that counts them. */
function exported(chains: Event[][]): Line[] {
  const lines = [
    { record: 'start', format: 'waymark-audit/1', tenant, at: '2026-11-21T11:00:00.000Z' },
    ...chains.flatMap((events) => [...events, headOf(events)]),
  ];
  const text = lines.map((line) => `${JSON.stringify(line)}\n`).join('');
  return [...lines, { record: 'end', chains: chains.length, events: chains.flat().length, digest: sha256(text) }];
}

const whole = () => [
  chain('admin', 'admin', 2),
  chain('proposal', 'p', 3),
  chain('read', 'p', 2),
  chain('run', 'r', 4),
];

function verify(lines: (Line | string)[], kept?: KeptHead[]): AuditVerdict {
  const verifier = createAuditVerifier(kept);
  for (const line of lines) verifier.take(typeof line === 'string' ? line : JSON.stringify(line));
  return verifier.finish();
}
const breaksOf = (lines: (Line | string)[], kept?: KeptHead[]) =>
  verify(lines, kept).breaks.map(({ place, reason }) => `${place} ${reason}`);
/** Of lines to which something was done, without what the digest at the end says of it. */
const chainBreaks = (lines: (Line | string)[]) => breaksOf(lines).filter((one) => !one.startsWith('line '));

test('what holds is counted', () => {
  expect(verify(exported(whole()))).toEqual({ tenant, chains: 4, events: 11, breaks: [] });
  expect(verify(exported([]))).toEqual({ tenant, chains: 0, events: 0, breaks: [] });
});

const at = (lines: Line[], log: string, seq: number) =>
  lines.findIndex((line) => line.record === 'event' && line.log === log && line.seq === seq);

test.each([
  ['admin', 'person', 'gus'],
  ['admin', 'body', '{}'],
  ['proposal', 'about', 'Preis'],
  ['proposal', 'sourceKey', 'other'],
  ['proposal', 'at', '2026-11-21T10:00:09.000Z'],
  ['read', 'person', 'gus'],
  ['read', 'about', 'session'],
  ['run', 'what', 'step.failed'],
  ['run', 'body', '{"user":"gus"}'],
  ['run', 'about', ''],
])('an event of the %s log with another %s is found', (log, name, value) => {
  const lines = exported(whole());
  const index = at(lines, log, 2);
  lines[index] = { ...lines[index], [name]: value } as Line;
  expect(chainBreaks(lines)).toEqual([expect.stringMatching(/^event 2 of .* its content is not what was hashed$/)]);
});

test('another tenant is another file', () => {
  const lines = exported([chain('run', 'r', 2)]);
  lines[0] = { ...lines[0], tenant: 'globex' } as Line;
  expect(chainBreaks(lines)).toEqual(['event 1 of the log of run r its content is not what was hashed']);
});

test('an event that was taken out, put in or moved is found, whatever the end says', () => {
  const [run] = [chain('run', 'r', 4)];
  const [one, two, three, four] = run as [Event, Event, Event, Event];
  expect(breaksOf(exported([[one, three, four]]))).toEqual(['event 3 of the log of run r expected event 2']);
  expect(breaksOf(exported([[two, three, four]]))).toEqual(['event 2 of the log of run r expected event 1']);
  expect(breaksOf(exported([[one, three, two, four]]))).toEqual(['event 3 of the log of run r expected event 2']);
  const forged = { ...two, body: '{"forged":1}', prevHash: one.hash };
  const put = [one, { ...forged, hash: hashOf(forged) }, { ...two, seq: 3 }, { ...three, seq: 4 }, { ...four, seq: 5 }];
  expect(breaksOf(exported([put]))).toEqual(['event 3 of the log of run r does not follow the event before it']);
});

test('an end that was cut off is found: of a chain by its head, of the file by its last line', () => {
  const lines = exported(whole());
  expect(chainBreaks(lines.filter((_, index) => index !== at(lines, 'run', 4)))).toEqual([
    'the end of the log of run r the log ends at 3, its head says 4',
  ]);
  expect(breaksOf(lines.slice(0, -1))).toEqual([
    `line ${lines.length - 1} is the last there is, expected the end: the export was cut off`,
  ]);
  expect(breaksOf(lines.slice(0, at(lines, 'run', 3)))).toEqual([
    'the log of run r its head is missing',
    expect.stringMatching(/the export was cut off$/),
  ]);
  expect(breaksOf([])).toEqual(['line 0 is the last there is, expected the end: the export was cut off']);
});

test('a whole chain that was taken out, or comes twice, is found', () => {
  const lines = exported(whole());
  const without = lines.filter((line) => line.log !== 'run');
  expect(breaksOf(without)).toEqual([`line ${without.length} counts 11 events of 4 chains, there are 7 of 3`]);
  expect(breaksOf(exported([...whole(), chain('run', 'r', 4)]))).toEqual(['the log of run r comes twice']);
});

test('lines that were changed, added or are none are found', () => {
  const lines = exported(whole());
  const last = lines.length;
  const spaced = [JSON.stringify(lines[0]).replace(',', ', '), ...lines.slice(1)];
  expect(breaksOf(spaced)).toEqual([`line ${last} the lines before it are not those that were exported`]);
  expect(breaksOf([...lines, '{}'])).toEqual([`line ${last + 1} comes after the end`]);
  expect(breaksOf(['not JSON', ...lines]).slice(0, 2)).toEqual([
    'line 1 is no line of an export of the audit',
    'line 2 is not in its place: the first line is the start, and no other is',
  ]);
  const other = [{ ...lines[0], format: 'waymark-audit/2' } as Line, ...lines.slice(1)];
  expect(breaksOf(other)[0]).toBe('line 1 is of the format waymark-audit/2, expected waymark-audit/1');
});

test('an earlier export shows what was rewritten with all its hashes, and what is gone', () => {
  const before = createAuditVerifier();
  for (const line of exported(whole())) before.take(JSON.stringify(line));
  expect(before.finish().breaks).toEqual([]);
  const kept = before.heads();
  const grown = [chain('admin', 'admin', 3), chain('proposal', 'p', 3), chain('read', 'p', 9), chain('run', 'r', 5)];
  expect(breaksOf(exported(grown), kept)).toEqual([]);

  const rewritten = chain('run', 'r', 5);
  let previous = '';
  for (const [index, event] of rewritten.entries()) {
    const forged = { ...event, prevHash: previous, ...(index === 1 ? { body: '{"user":"gus"}' } : {}) };
    previous = hashOf(forged);
    rewritten[index] = { ...forged, hash: previous };
  }
  const other = [...grown.slice(0, 3), rewritten];
  expect(breaksOf(exported(other))).toEqual([]);
  expect(breaksOf(exported(other), kept)).toEqual(['event 4 of the log of run r is not the one of the earlier export']);
  expect(breaksOf(exported(grown.slice(1)), kept)).toEqual([
    'event 2 of the admin log is in the earlier export, and is not there any more',
  ]);
  expect(breaksOf(exported([...grown.slice(0, 3), chain('run', 'r', 3)]), kept)).toEqual([
    'event 4 of the log of run r is in the earlier export, and is not there any more',
  ]);
});

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'waymark-verify-'));
});
afterAll(() => rm(folder, { recursive: true }));

const written = async (lines: Line[]): Promise<string> => {
  const file = join(folder, 'audit.ndjson');
  await writeFile(file, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  return file;
};

test('the command asks no API about a file, and exits with 1 and the place where it does not hold', async () => {
  const file = await written(exported(whole()));
  expect(await runInProcess(['audit', 'verify', '--file', file])).toEqual({
    code: 0,
    stdout: `All is as it was written: 11 events of 4 chains of the tenant ${tenant}.\n`,
    stderr: '',
  });
  const lines = exported(whole());
  lines[at(lines, 'proposal', 3)] = { ...lines[at(lines, 'proposal', 3)], body: '{}' } as Line;
  const broken = await runInProcess(['audit', 'verify', '--file', await written(lines)]);
  expect([broken.code, broken.stdout, broken.stderr.split('\n')[0]]).toEqual([
    1,
    '',
    'Not as it was written: event 3 of the log of proposal p: its content is not what was hashed.',
  ]);
  const kept = await runInProcess(['audit', 'verify', '--file', file, '--since', file]);
  expect([kept.code, kept.stderr.split('\n')[0]]).toEqual([
    1,
    `${file} is not as it was exported: event 3 of the log of proposal p: its content is not what was hashed.`,
  ]);
});

test('long work tells how far it is', async () => {
  const file = await written(exported([chain('run', 'r', 100_000)]));
  const { code, stderr } = await runInProcess(['audit', 'verify', '--file', file]);
  expect([code, stderr]).toEqual([0, '50000 events ...\n100000 events ...\n']);
});

test('a file that cannot be read, or is something else, is wrong usage', async () => {
  const verify = async (file: string) => {
    const { code, stderr } = await runInProcess(['audit', 'verify', '--file', file]);
    return [code, stderr];
  };
  const [none, letter] = [join(folder, 'none'), join(folder, 'letter.txt')];
  await writeFile(letter, 'Dear auditor,\n');
  expect(await verify(none)).toEqual([2, `${none} cannot be read: there is no such file.\n`]);
  const expected = 'expected lines that begin with {"record":';
  expect(await verify(letter)).toEqual([2, `${letter} is no export of the audit, ${expected}.\n`]);
});
