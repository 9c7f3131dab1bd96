/** The development stack as one command: how it comes up, what it says, how it ends, and what it leaves. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { stackFactsSchema } from '../../dev/stack-facts.ts';
import { runningProcesses } from '../../dev/test-processes.ts';
import type { RunView } from './api-client.ts';
import { apiClient } from './api-client.ts';
import type { DevelopmentStack } from './development-stack.ts';
import { end, runDevelopment, startDevelopment } from './development-stack.ts';
import { order } from './documents.ts';

/** A proposal, and a step that nothing here asks for. */
const notes = `# Notes

## Proposal
| Section | Type |
|---------|------|
| Summary | text |

## Steps
### Say so
- set:
  - done: \`true\`
`;

let folder: string;
let first: DevelopmentStack;
const started: DevelopmentStack[] = [];

async function start(
  name: string,
  env: Record<string, string> = {},
  args: readonly string[] = [],
): Promise<DevelopmentStack> {
  const stack = await startDevelopment(['--data', join(folder, name), ...args], env);
  started.push(stack);
  return stack;
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'waymark-stack-'));
  first = await start('first');
});
afterAll(async () => {
  await Promise.all(started.map(({ process }) => end(process, 'SIGINT')));
  rmSync(folder, { recursive: true, force: true });
});

async function answersOk(url: string): Promise<boolean> {
  return (await fetch(url, { signal: AbortSignal.timeout(5000) })).ok;
}

const status = (stack: DevelopmentStack, run: string, expected: RunView['status']) =>
  vi.waitFor(async () => expect((await stack.as('An Nguyen').run(run)).status).toBe(expected), {
    timeout: 60_000,
    interval: 100,
  });

async function expectNothingLeft(groups: ReadonlySet<number>, withinMs: number): Promise<void> {
  const left = () => runningProcesses().filter(({ group }) => groups.has(group));
  await vi.waitFor(() => expect(left()).toEqual([]), { timeout: withinMs, interval: 100 });
}

test('from nothing, it prints one line of JSON with its addresses and people, and all of them answer', async () => {
  const { stdout } = first.output();
  expect(stdout.split('\n')).toHaveLength(2);
  const facts = stackFactsSchema.strict().parse(JSON.parse(stdout));
  expect(facts).toMatchObject({ practice: true, dataDir: join(folder, 'first'), pid: first.process.pid });
  expect(facts.temporalAddress).toMatch(/^127\.0\.0\.1:\d+$/);
  expect(facts.databaseUrl).toMatch(/^postgresql:\/\//);
  expect(facts.users.map(({ name, roles, tenant }) => `${name}: ${roles} of ${tenant}`)).toEqual([
    'An Nguyen: employee of acme',
    'Mai Tran: manager of acme',
    'Minh Pham: manager of acme',
    'Finn Olsen: finance-director of acme',
    'Olga Petrova: operator of acme',
    'Ada Okafor: admin of acme',
    'Gus Grant: manager of globex',
  ]);
  expect(await answersOk(`${facts.apiUrl}/ready`)).toBe(true);
  expect(await answersOk(facts.openApiUrl)).toBe(true);
  expect(await answersOk(facts.webUiUrl ?? '')).toBe(true);
  for (const { name } of facts.users) expect((await first.as(name).call('GET', '/gates')).status).toBe(200);
});

test('sessions are answered by the practice model, and people’s own credentials are kept under a key that is in no log', async () => {
  const an = first.as('An Nguyen');
  await an.publish(notes);
  const { body: proposal } = await an.call('POST', '/proposals', { document: 'notes' });
  const { body: session } = await an.call('POST', `/proposals/${proposal.id}/sessions`, {});
  const said = await an.call('POST', `/sessions/${session.id}/messages`, { text: 'write Summary: We agreed.' });
  expect(said.status).toBe(201);
  const ended = await vi.waitFor(
    async () => {
      const { turn } = (await an.call('GET', `/sessions/${session.id}`)).body;
      expect(turn.endedAt).toEqual(expect.any(String));
      return turn;
    },
    { timeout: 60_000, interval: 100 },
  );
  expect([ended.state, ended.failure]).toEqual(['done', undefined]);
  expect((await an.call('GET', `/proposals/${proposal.id}`)).body.sections[0].content).toBe('We agreed.');

  expect((await an.call('PUT', '/connections/payments.transfer', { credential: 'a-secret' })).status).toBe(200);
  const key = readFileSync(join(folder, 'first/credential-key'), 'utf8').trim();
  const logs = readdirSync(join(folder, 'first/logs')).map((log) =>
    readFileSync(join(folder, 'first/logs', log), 'utf8'),
  );
  for (const text of [...logs, ...Object.values(first.output())]) {
    expect(text).not.toContain(key);
    expect(text).not.toContain('a-secret');
  }
});

test('a second stack on the same folder is refused, and says what to do', async () => {
  const { process: second, output } = runDevelopment(['--data', join(folder, 'first')]);
  await vi.waitFor(() => expect(second.exitCode).toBe(1), { timeout: 20_000 });
  const message = `A stack runs on ${join(folder, 'first')} already (process ${first.facts.pid}). Stop it first, or choose another folder with --data.`;
  expect(output()).toEqual({ stdout: '', stderr: `${message}\n` });
  expect(await answersOk(`${first.facts.apiUrl}/ready`)).toBe(true);
});

test('of two starts on one folder at the same moment one is refused, before it touches anything', async () => {
  const args = ['--data', join(folder, 'at-once')];
  const both = [runDevelopment(args), runDevelopment(args)];
  const { ended: refused, running: up } = await vi.waitFor(
    () => {
      const ended = both.find(({ process }) => process.exitCode !== null);
      const running = both.find((one) => one !== ended);
      if (!ended || !running?.output().stdout.endsWith('\n'))
        throw new Error(JSON.stringify(both.map((one) => one.output())));
      return { ended, running };
    },
    { timeout: 60_000, interval: 100 },
  );
  expect(refused.process.exitCode).toBe(1);
  expect(refused.output().stdout).toBe('');
  expect(refused.output().stderr).toMatch(/^A stack runs on \S+ already \(process \d+\)\. [^\n]+\n$/);
  expect(existsSync(join(folder, 'at-once/stack.json'))).toBe(true);
  expect(await end(up.process, 'SIGTERM')).toEqual({ code: 0, signal: null });
});

test('a second stack beside the first works, on a task queue of its own name too, and SIGINT leaves nothing of it', async () => {
  const second = await start('second', { WAYMARK_TASK_QUEUE: 'beside' });
  const run = await second.as('An Nguyen').start(await second.as('An Nguyen').publish(order), {
    amount: 1,
    supplier: 'beside',
  });
  await status(second, run, 'waiting');
  expect((await first.as('An Nguyen').call('GET', `/runs/${run}`)).status).toBe(404);
  const stranger = second.facts.users[0]?.token ?? '';
  expect((await apiClient(first.facts.apiUrl, stranger).call('GET', `/runs/${run}`)).status).toBe(401);
  const own = (stack: DevelopmentStack) => {
    const { apiUrl, webUiUrl, temporalAddress } = stack.facts;
    return [apiUrl, webUiUrl, temporalAddress, new URL(stack.facts.databaseUrl).host];
  };
  expect(new Set([...own(first), ...own(second)]).size).toBe(8);

  const groups = new Set(second.children().map(({ group }) => group));
  expect(groups.size).toBe(5);
  expect(await end(second.process, 'SIGINT')).toEqual({ code: 0, signal: null });
  await expectNothingLeft(groups, 0);
  expect(existsSync(join(folder, 'second/stack.json'))).toBe(false);
  expect(await answersOk(`${first.facts.apiUrl}/ready`)).toBe(true);
});

test('documents are checked against the configuration that the stack was given; without one, none is', async () => {
  await first.as('An Nguyen').publish(order);
  const config = join(folder, 'roles.json');
  writeFileSync(config, JSON.stringify({ roles: ['treasurer'] }));
  const checked = await start('checked', {}, ['--config', config]);
  const refused = await checked.as('An Nguyen').call('POST', '/documents', { markdown: order });
  expect(refused.body).toMatchObject({
    type: 'urn:waymark:problem:document-has-mistakes',
    diagnostics: [{ code: 'unknown-role' }],
  });
  expect(await end(checked.process, 'SIGINT')).toEqual({ code: 0, signal: null });
});

test('a worker and an API that are killed are started again, and a run goes on', async () => {
  const find = (script: string) => first.children().find(({ command }) => command.includes(script))?.pid ?? 0;
  const killed = [find('worker.ts'), find('api/server.ts')];
  expect(killed.every((pid) => pid > 0)).toBe(true);
  for (const pid of killed) process.kill(pid, 'SIGKILL');
  await vi.waitFor(async () => expect(await answersOk(`${first.facts.apiUrl}/ready`)).toBe(true), {
    timeout: 30_000,
    interval: 200,
  });
  const an = first.as('An Nguyen');
  const run = await an.start(await an.publish(order), { amount: 2, supplier: 'started-again' });
  await status(first, run, 'waiting');
  expect(killed).not.toContain(find('worker.ts'));
});

test('after kill -9 nothing of it is left, and the next start on the folder goes on with the runs it had', async () => {
  const run = await first.as('An Nguyen').start('order', { amount: 3, supplier: 'after-kill-9' });
  await status(first, run, 'waiting');
  const groups = new Set(first.children().map(({ group }) => group));
  expect(groups.size).toBe(5);
  expect(await end(first.process, 'SIGKILL')).toEqual({ code: null, signal: 'SIGKILL' });
  await expectNothingLeft(groups, 15_000);

  const next = await start('first');
  expect(next.facts).toEqual({ ...first.facts, pid: next.process.pid, users: expect.any(Array) });
  // Tokens of before are still good.
  const gates = await first.as('Mai Tran').inbox();
  const gate = gates.find((one) => one.run.id === run);
  await next.as('Mai Tran').decide(gate?.id ?? '', { action: 'approve', subject: gate?.subject ?? '' });
  await status(next, run, 'completed');
  first = next;
});
