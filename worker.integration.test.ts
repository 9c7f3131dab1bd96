import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { afterAll, afterEach, beforeAll, expect, inject, test } from 'vitest';
import type { Fixture } from './activities/testing/run-fixture.ts';
import {
  asRequester,
  eventsOf,
  graphOf,
  openFixture,
  record,
  retry,
  startRun,
} from './activities/testing/run-fixture.ts';
import type { ToolServer } from './activities/testing/tool-server.ts';
import { json, startToolServer } from './activities/testing/tool-server.ts';
import { workerOptionsFrom } from './worker.ts';
import { runDocumentWorkflow } from './workflows/messages.ts';

let fixture: Fixture;
let payments: ToolServer;
let connection: Connection;
let client: Client;
let dir: string;
const started: ChildProcess[] = [];

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'waymark-worker-'));
  fixture = await openFixture();
  payments = await startToolServer();
  connection = await Connection.connect({ address: inject('temporalAddress') });
  client = new Client({ connection, namespace: inject('temporalNamespace') });
});
afterEach(() => {
  for (const worker of started.splice(0)) worker.kill('SIGKILL');
});
afterAll(async () => {
  await Promise.all([connection.close(), payments.close(), fixture.close()]);
  rmSync(dir, { recursive: true, force: true });
});

interface RunningProcess {
  process: ChildProcess;
  /** Lines of standard output so far. */
  lines: string[];
  errors: string[];
}

function startProcess(environment: Record<string, string>): RunningProcess {
  const child = spawn(process.execPath, ['worker.ts'], {
    env: { PATH: process.env.PATH ?? '', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  started.push(child);
  const lines: string[] = [];
  const errors: string[] = [];
  let rest = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const parts = (rest + text).split('\n');
    rest = parts.pop() ?? '';
    lines.push(...parts);
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => errors.push(text));
  return { process: child, lines, errors };
}

function environment(taskQueue: string): Record<string, string> {
  const config = join(dir, 'waymark.config.json');
  writeFileSync(
    config,
    JSON.stringify({
      allowedHosts: [payments.host],
      tools: {
        pay: {
          effect: 'write',
          description: 'Pays',
          // The worker's own environment has the address.
          http: { method: 'POST', url: `$\{BANK}/transfers` },
          input: { type: 'object' },
          output: { type: 'object' },
          idempotency: { keptFor: '1 hour' },
        },
      },
    }),
  );
  return {
    DATABASE_URL: fixture.database.workerUrl,
    TEMPORAL_ADDRESS: inject('temporalAddress'),
    TEMPORAL_NAMESPACE: inject('temporalNamespace'),
    WAYMARK_TASK_QUEUE: taskQueue,
    WAYMARK_CONFIG: config,
    BANK: payments.url,
    OPENAI_API_KEY: '',
    OPENAI_BASE_URL: '',
  };
}

const eventsIn = ({ lines }: RunningProcess) => lines.map((line) => (JSON.parse(line) as { event: string }).event);

const graph = graphOf({
  id: 'paying',
  inputs: [{ name: 'claimant', type: { kind: 'text' } }],
  nodes: [
    { kind: 'set', id: 'total', title: 'Total', values: [{ name: 'amount', expr: '40 + 2' }], checks: [] },
    {
      kind: 'tool',
      id: 'pay',
      title: 'Pay',
      tool: 'pay',
      with: [
        { name: 'to', expr: 'input.claimant' },
        { name: 'amount', expr: 'total.amount' },
      ],
      gives: record({ transfer: 'text' }),
      checks: [],
      retry: retry(3, 100),
      timeoutMs: 2000,
    },
  ],
  edges: [{ from: 'total', to: 'pay' }],
  result: [{ name: 'transfer', type: { kind: 'text' }, value: 'pay.transfer' }],
});

async function start(taskQueue: string) {
  const run = await startRun(fixture, graph, { claimant: 'PLANTED-PERSON' });
  const handle = await client.workflow.start(runDocumentWorkflow, {
    taskQueue,
    workflowId: `paying-${run}`,
    args: [{ run }],
  });
  return { run, handle };
}

test('a worker process runs a document to its end, says that it practises, and stops cleanly when asked', async () => {
  payments.answer = (_, response) => json(response, 200, { transfer: 't-1' });
  const worker = startProcess(environment('worker-test-1'));
  const { run, handle } = await start('worker-test-1');
  await handle.result();
  const row = await asRequester(fixture, (tx) => tx.run.findUniqueOrThrow({ where: { id: run } }));
  expect(row).toMatchObject({ status: 'completed', resultDigest: expect.any(String) });
  expect(payments.asked.map(({ body }) => body)).toEqual([{ to: 'PLANTED-PERSON', amount: 42 }]);

  worker.process.kill('SIGTERM');
  expect(await once(worker.process, 'exit')).toEqual([0, null]);
  expect(eventsIn(worker)).toEqual(
    expect.arrayContaining([
      'worker.practice-model',
      'worker.started',
      'run.started',
      'step.committed',
      'run.ended',
      'worker.stopped',
    ]),
  );
  expect([...worker.lines, ...worker.errors].join('\n')).not.toContain('PLANTED');
});

test('killed in the middle of a tool call, the next worker completes the run, and the effect has one key', async () => {
  payments.asked.length = 0;
  payments.answer = () => undefined;
  const first = startProcess(environment('worker-test-2'));
  const { run, handle } = await start('worker-test-2');
  await expect.poll(() => payments.asked.length, { timeout: 30_000 }).toBe(1);
  first.process.kill('SIGKILL');
  payments.answer = (_, response) => json(response, 200, { transfer: 't-1' });

  startProcess(environment('worker-test-2'));
  await handle.result();
  expect(new Set(payments.asked.map(({ headers }) => headers['idempotency-key'])).size).toBe(1);
  const settled = await eventsOf(fixture, run, 'effect.settled');
  expect(settled.filter(({ status }) => status === 'succeeded')).toHaveLength(1);
});

test.each([
  [{}, /DATABASE_URL: expected postgresql:\/\//],
  [{ DATABASE_URL: 'postgresql://a@b/c', TEMPORAL_ADDRESS: 'temporal' }, /TEMPORAL_ADDRESS: expected HOST:PORT/],
  [{ DATABASE_URL: 'postgresql://a@b/c', OPENAI_BASE_URL: 'models' }, /OPENAI_BASE_URL: expected an http address/],
  [
    { DATABASE_URL: 'postgresql://a@b/c', WAYMARK_CONFIG: '/nowhere.json' },
    /\/nowhere\.json is not a valid configuration/,
  ],
])('an environment that is not complete is told by name: %j', async (given, message) => {
  await expect(workerOptionsFrom(given)).rejects.toThrow(message);
});

test('an environment without a model is one that practises; empty texts count as not set', async () => {
  const options = await workerOptionsFrom({
    DATABASE_URL: 'postgresql://a@b/c',
    OPENAI_API_KEY: '',
    WAYMARK_CONFIG: '',
  });
  expect(options).toMatchObject({
    model: {},
    temporal: { address: '127.0.0.1:7233', namespace: 'default', taskQueue: 'waymark' },
  });
  const linked = await workerOptionsFrom({
    DATABASE_URL: 'postgresql://a@b/c',
    WAYMARK_API_URL: 'https://a.example/api/',
  });
  expect([options.apiUrl, linked.apiUrl]).toEqual([undefined, 'https://a.example/api']);
});

test('a worker without a store, or with a secret missing, ends with one clear line and code 1', async () => {
  const unset = startProcess({ ...environment('worker-test-3'), BANK: '' });
  const noStore = startProcess({
    ...environment('worker-test-3'),
    DATABASE_URL: 'postgresql://nobody@127.0.0.1:9/none',
  });
  expect(await once(unset.process, 'exit')).toEqual([1, null]);
  expect(unset.errors.join('')).toBe(
    "Unexpected absence of BANK, expected values for them: the tools' configuration names them\n",
  );
  if (noStore.process.exitCode === null) await once(noStore.process, 'exit');
  expect(noStore.process.exitCode).toBe(1);
  expect(noStore.errors.join('')).toMatch(/^The store could not be opened as worker_user: /);
});
