/** `waymark audit` against an API that is scripted: what comes whole, what breaks off, and what is refused. */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import type { Server } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { runInProcess } from './testing/scripted-world.ts';

const start = '{"record":"start","format":"waymark-audit/1","tenant":"acme","at":"2026-11-21T10:00:00.000Z"}\n';
const end =
  '{"record":"end","chains":0,"events":0,"digest":"45e7bd3a1e4dd5a7ef50cb0ac1d6b33f4b4a3d0b8cf3ea0f1b2bd6e9f0a7c0de"}\n';

let server: Server;
let api: string;
let folder: string;
/** What the API answers next. */
let answer: { status: number; type: string; body: string; breaksOff?: boolean };
let asked: string[] = [];
beforeAll(async () => {
  server = createServer((request, response) => {
    asked.push(request.url ?? '');
    response.writeHead(answer.status, { 'content-type': answer.type });
    response.write(answer.body);
    if (answer.breaksOff) setImmediate(() => response.destroy());
    else response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  api = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => server.close());
beforeEach(async () => {
  asked = [];
  folder = await mkdtemp(join(tmpdir(), 'waymark-audit-'));
  return () => rm(folder, { recursive: true });
});

const waymark = (...args: string[]) => runInProcess(['audit', ...args, '--api', api, '--token', 't'], { cwd: folder });
const lines = (body: string, more: object = {}) => ({ status: 200, type: 'application/x-ndjson', body, ...more });

test('an export that ends before its end fails, and leaves what was there', async () => {
  await writeFile(join(folder, 'audit.ndjson'), 'of last month');
  answer = lines(start);
  const { code, stderr } = await waymark('export', 'audit.ndjson');
  expect([code, stderr]).toEqual([1, 'The export ended before its last line: the API gave up. Ask it again.\n']);
  answer = lines(start, { breaksOff: true });
  const broken = await waymark('export', 'audit.ndjson');
  expect([broken.code, broken.stderr]).toEqual([1, expect.stringContaining(`The API at ${api} cannot be reached`)]);
  expect(await readdir(folder)).toEqual(['audit.ndjson']);
  expect(await readFile(join(folder, 'audit.ndjson'), 'utf8')).toBe('of last month');
});

test('an export that does not hold is kept, for it is what there is, and fails', async () => {
  answer = lines(start + end);
  const { code, stdout, stderr } = await waymark('export', 'audit.ndjson');
  expect([code, stdout]).toEqual([1, 'Wrote 0 events of 0 chains of the tenant acme to audit.ndjson.\n']);
  expect(stderr).toContain('Not as it was written: line 2: the lines before it are not those that were exported.');
  expect(await readFile(join(folder, 'audit.ndjson'), 'utf8')).toBe(start + end);
});

test('a refusal is told in the words of the API', async () => {
  const problem = {
    type: 'urn:waymark:problem:not-permitted',
    title: 'You may not do this',
    status: 403,
    detail: 'This is for the roles admin and auditor.',
  };
  answer = { status: 403, type: 'application/problem+json', body: JSON.stringify(problem) };
  const { code, stderr } = await waymark('verify');
  expect([code, stderr]).toEqual([1, expect.stringContaining('This is for the roles admin and auditor.')]);
  expect((await waymark('export', 'audit.ndjson')).code).toBe(1);
  expect(await readdir(folder)).toEqual([]);
});

test('the list asks by the filters and shows who did what', async () => {
  const entry = { log: 'read', thing: 'p', seq: 3, kind: 'transcript.read', person: 'bo', about: 's', hash: 'h' };
  const items = [{ at: '2026-11-21T10:00:00.000Z', ...entry }];
  answer = { status: 200, type: 'application/json', body: JSON.stringify({ items }) };
  const { code, stdout } = await waymark('list', '--person', 'bo', '--log', 'read', '--from', '2026-11-21');
  expect(asked).toEqual(['/audit?person=bo&log=read&from=2026-11-21T00%3A00%3A00.000Z&limit=20']);
  expect([code, stdout.split('\n').at(2)]).toEqual([0, '2026-11-21T10:00:00.000Z  bo   transcript.read  p   s  3']);
  const wrong = await waymark('list', '--to', 'soon');
  expect([wrong.code, wrong.stderr]).toEqual([
    2,
    'Unexpected time soon, expected one such as 2027-01-31 or 2027-01-31T12:00:00Z.\n',
  ]);
});
