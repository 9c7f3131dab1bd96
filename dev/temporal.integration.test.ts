import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { defineSearchAttributeKey, SearchAttributeType, TypedSearchAttributes } from '@temporalio/common';
import { afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import type { DevServer, DevServerOptions } from './temporal.ts';
import { defaultCacheDir, findTemporal, startTemporalDevServer } from './temporal.ts';
import { runningProcesses } from './test-processes.ts';

let binary: string;
let dir: string;
let started: DevServer[];

beforeAll(async () => {
  binary = await findTemporal({ env: process.env, cacheDir: await defaultCacheDir(process.env), log: () => {} });
}, 300_000);
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'waymark-temporal-'));
  started = [];
});
afterEach(async () => {
  await Promise.all(started.map((server) => server.stop()));
  rmSync(dir, { recursive: true, force: true });
});

async function start(more: Partial<DevServerOptions> = {}): Promise<DevServer> {
  const searchAttributes = { WaymarkStatus: 'Keyword' } as const;
  const options = { binary, namespace: 'waymark', searchAttributes, logFile: join(dir, 'temporal.log') };
  const server = await startTemporalDevServer({ ...options, ...more });
  started.push(server);
  return server;
}

/** Starts a workflow no worker will take, so that it stays as it is. */
async function startRun(server: DevServer, workflowId: string, attribute: string): Promise<void> {
  await withClient(server, async (client) => {
    const key = defineSearchAttributeKey(attribute, SearchAttributeType.KEYWORD);
    const typedSearchAttributes = new TypedSearchAttributes([{ key, value: 'waiting' }]);
    await client.workflow.start('any', { workflowId, taskQueue: 'nobody', typedSearchAttributes });
  });
}

async function runsBy(server: DevServer, query: string): Promise<string[]> {
  return withClient(server, async (client) => {
    const found: string[] = [];
    for await (const run of client.workflow.list({ query })) found.push(run.workflowId);
    return found.sort();
  });
}

async function withClient<T>(server: DevServer, use: (client: Client) => Promise<T>): Promise<T> {
  const connection = await Connection.connect({ address: server.address });
  try {
    return await use(new Client({ connection, namespace: server.namespace }));
  } finally {
    await connection.close();
  }
}

test('the dev server answers with its Web UI, namespace and search attributes, and stopping leaves no process', async () => {
  const server = await start();
  expect((await fetch(server.uiUrl)).status).toBe(200);
  await startRun(server, 'a', 'WaymarkStatus');
  await vi.waitFor(async () => expect(await runsBy(server, `WaymarkStatus = 'waiting'`)).toEqual(['a']), 5000);
  await server.stop();
  expect(await server.exited).toEqual({ code: 0, signal: null });
  await vi.waitFor(() => expect(runningProcesses().filter((p) => p.group === server.pid)).toEqual([]), 2000);
});

test('runs, ports and search attributes are kept between starts, and a new attribute is added to the old namespace', async () => {
  const dataFile = join(dir, 'state', 'temporal.db');
  const first = await start({ dataFile });
  await startRun(first, 'a', 'WaymarkStatus');
  await first.stop();
  const ports = { port: portOf(first.address), uiPort: portOf(first.uiUrl) };
  const attributes = { WaymarkStatus: 'Keyword', WaymarkRole: 'Keyword', WaymarkSteps: 'KeywordList' } as const;
  const second = await start({ dataFile, ...ports, searchAttributes: attributes });
  expect([second.address, second.uiUrl]).toEqual([first.address, first.uiUrl]);
  await startRun(second, 'b', 'WaymarkRole');
  await vi.waitFor(async () => expect(await runsBy(second, `WaymarkRole = 'waiting'`)).toEqual(['b']), 5000);
  expect(await runsBy(second, `WaymarkStatus = 'waiting'`)).toEqual(['a']);
});

test('runs are there after the server was killed with -9', async () => {
  const dataFile = join(dir, 'temporal.db');
  const first = await start({ dataFile });
  for (const id of ['a', 'b', 'c']) await startRun(first, id, 'WaymarkStatus');
  process.kill(first.pid, 'SIGKILL');
  await first.exited;
  const second = await start({ dataFile });
  await withClient(second, async (client) => {
    for (const id of ['a', 'b', 'c']) {
      expect((await client.workflow.getHandle(id).describe()).status.name).toBe('RUNNING');
    }
  });
});

test('two servers run at once, the second on other ports than the ones it asked for', async () => {
  const first = await start();
  const second = await start({ port: portOf(first.address), uiPort: portOf(first.uiUrl) });
  expect(new Set([first, second].flatMap((server) => [server.address, server.uiUrl])).size).toBe(4);
  await startRun(second, 'a', 'WaymarkStatus');
  expect(await runsBy(first, '')).toEqual([]);
});

test('a port that is lost between looking and starting is replaced by another', async () => {
  // Stands for the CLI: says at its first call what the real one says when the port is taken, then is the real one.
  const unlucky = join(dir, 'unlucky');
  const marker = join(dir, 'tried');
  const lost = "can't set frontend port: listen tcp 127.0.0.1:7233: bind: address already in use";
  writeFileSync(
    unlucky,
    `#!/bin/sh\n[ -e ${marker} ] || { touch ${marker}; echo "${lost}" >&2; exit 1; }\nexec ${binary} "$@"\n`,
  );
  chmodSync(unlucky, 0o755);
  const server = await start({ binary: unlucky });
  expect((await fetch(server.uiUrl)).status).toBe(200);
});

test('a server that does not start is reported with what it said', async () => {
  const dataFile = join(dir, 'temporal.db');
  writeFileSync(dataFile, 'this is no database, and long enough to be read as one'.repeat(100));
  await expect(start({ dataFile })).rejects.toThrow(
    /^temporal ended at start \(exit code 1\)\nIts last lines:\n(.|\n)*file is not a database/,
  );
});

test('the limit on task processing is lifted, and a setting of the caller is stronger', async () => {
  const limited = await start({ dynamicConfig: { 'history.transferProcessorMaxPollRPS': 2 } });
  const lifted = await start();
  expect(runningProcesses().find((p) => p.pid === lifted.pid)?.command).toContain(
    '--dynamic-config-value history.transferProcessorMaxPollRPS=10000',
  );
  const slow = await millisecondsFor(5, limited);
  expect(await millisecondsFor(5, lifted)).toBeLessThan(slow / 2);
});

/** Drives a run through this many workflow tasks by hand. */
async function millisecondsFor(tasks: number, server: DevServer): Promise<number> {
  return withClient(server, async (client) => {
    const taskQueue = { name: 'by-hand' };
    const { connection, namespace } = { connection: client.connection, namespace: server.namespace };
    const handle = await client.workflow.start('any', { workflowId: 'driven', taskQueue: taskQueue.name, args: [] });
    const from = performance.now();
    for (let done = 0; done < tasks; done += 1) {
      const { taskToken } = await connection.withDeadline(Date.now() + 20_000, () =>
        connection.workflowService.pollWorkflowTaskQueue({ namespace, taskQueue, identity: 'test' }),
      );
      await connection.workflowService.respondWorkflowTaskCompleted({ namespace, taskToken, identity: 'test' });
      await handle.signal('next');
    }
    return performance.now() - from;
  });
}

function portOf(address: string): number {
  return Number(address.split(':').at(-1));
}
