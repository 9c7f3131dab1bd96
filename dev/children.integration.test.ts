import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { startGuarded } from './children.ts';
import { runningProcesses } from './test-processes.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'waymark-children-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** Says what it is asked to do, in a file, so that a test can tell a signal from a kill. */
const obedient = (file: string) =>
  `trap 'echo asked >> ${file}; exit 0' INT; echo $$ > ${file}; while :; do sleep 0.05; done`;
const stubborn = (file: string) => `trap '' INT; sleep 300 & echo $$ > ${file}; while :; do sleep 0.05; done`;

test('a child gets its stop signal when its parent is killed with -9', async () => {
  const file = join(dir, 'child');
  const parent = startParent(obedient(file));
  const pid = await pidIn(file);
  parent.kill('SIGKILL');
  await vi.waitFor(() => expect(membersOfGroup(pid)).toEqual([]), 5000);
  expect(readFileSync(file, 'utf8')).toBe(`${pid}\nasked\n`);
});

test('a child that ignores the signal is killed with its own children after the grace, when its parent was killed with -9', async () => {
  const file = join(dir, 'child');
  const parent = startParent(stubborn(file));
  const pid = await pidIn(file);
  expect(membersOfGroup(pid).length).toBeGreaterThanOrEqual(3);
  parent.kill('SIGKILL');
  await vi.waitFor(() => expect(membersOfGroup(pid)).toEqual([]), 5000);
});

test('a child ends when its parent exits without stopping it', async () => {
  const file = join(dir, 'child');
  const parent = startParent(obedient(file), 'process.stdin.once("data", () => process.exit(0));');
  const pid = await pidIn(file);
  parent.stdin?.write('exit\n');
  await vi.waitFor(() => expect(membersOfGroup(pid)).toEqual([]), 5000);
});

test('a signal to the process group of the parent does not reach the child', async () => {
  const file = join(dir, 'child');
  const child = startGuarded({ name: 'child', command: 'sh', args: ['-c', obedient(file)], stopSignal: 'SIGINT' });
  expect(await pidIn(file)).toBe(child.pid);
  expect(groupOf(child.pid)).toBe(child.pid);
  expect(groupOf(child.pid)).not.toBe(groupOf(process.pid));
  await child.stop();
});

test('stop sends the stop signal, waits for the end, and may be called again', async () => {
  const file = join(dir, 'child');
  const child = startGuarded({ name: 'child', command: 'sh', args: ['-c', obedient(file)], stopSignal: 'SIGINT' });
  await pidIn(file);
  await child.stop();
  await child.stop();
  expect(readFileSync(file, 'utf8')).toBe(`${child.pid}\nasked\n`);
  expect(await child.exited).toEqual({ code: 0, signal: null });
});

test('stop kills the whole group of a child that ignores the signal', async () => {
  const file = join(dir, 'child');
  const child = startGuarded({ name: 'child', command: 'sh', args: ['-c', stubborn(file)], stopSignal: 'SIGINT' });
  await pidIn(file);
  await child.stop(200);
  expect(await child.exited).toEqual({ code: null, signal: 'SIGKILL' });
  await vi.waitFor(() => expect(membersOfGroup(child.pid)).toEqual([]), 2000);
});

test('a child that ends by itself leaves no watcher behind', async () => {
  const child = startGuarded({ name: 'child', command: 'sh', args: ['-c', 'exit 7'], stopSignal: 'SIGTERM' });
  expect(await child.exited).toEqual({ code: 7, signal: null });
  await vi.waitFor(() => expect(membersOfGroup(child.pid)).toEqual([]), 2000);
});

test('a child that dies at start is reported with its exit code and last lines, with and without a log file', async () => {
  const logFile = join(dir, 'logs', 'child.log');
  for (const log of [{}, { logFile }, { logFile }]) {
    const command = ['-c', 'echo starting; echo "no such table" >&2; exit 3'];
    const child = startGuarded({ name: 'store', command: 'sh', args: command, stopSignal: 'SIGTERM', ...log });
    await expect(child.ready(async () => undefined, 5000)).rejects.toMatchObject({
      name: 'ChildFailed',
      message: 'store ended at start (exit code 3)\nIts last lines:\nstarting\nno such table',
      exit: { code: 3, signal: null },
    });
  }
  expect(readFileSync(logFile, 'utf8')).toBe('starting\nno such table\n'.repeat(2));
});

test('a command that does not exist is reported by name', async () => {
  const child = startGuarded({ name: 'store', command: join(dir, 'absent'), args: [], stopSignal: 'SIGTERM' });
  await expect(child.ready(async () => undefined, 5000)).rejects.toThrow(
    /^store ended at start \(exit code 127\)\nIts last lines:\n.*absent: not found$/,
  );
});

test('a folder that does not exist is refused at once', () => {
  const cwd = join(dir, 'absent');
  expect(() => startGuarded({ name: 'store', command: 'true', args: [], cwd, stopSignal: 'SIGTERM' })).toThrow(
    `store cannot be started: no process for /bin/sh in ${cwd}.`,
  );
});

test('a child that is not ready in time is stopped and reported with the reason of the last try', async () => {
  const file = join(dir, 'child');
  const child = startGuarded({ name: 'store', command: 'sh', args: ['-c', obedient(file)], stopSignal: 'SIGINT' });
  await pidIn(file);
  const probe = () => Promise.reject(new Error('connection refused'));
  await expect(child.ready(probe, 100)).rejects.toThrow('store was not ready after 100 ms: connection refused');
  expect(readFileSync(file, 'utf8')).toBe(`${child.pid}\nasked\n`);
});

test('ready gives the value of the first probe that has one', async () => {
  const child = startGuarded({ name: 'store', command: 'sleep', args: ['300'], stopSignal: 'SIGTERM' });
  const answers = [undefined, new Error('not yet'), 'here'];
  const value = await child.ready(async () => {
    const answer = answers.shift();
    if (answer instanceof Error) throw answer;
    return answer;
  }, 5000);
  expect(value).toBe('here');
  await child.stop();
});

/** A real Node process that starts `script` under guard and stays until it is killed or told to exit. */
function startParent(script: string, more = ''): ChildProcess {
  const options = { name: 'child', command: 'sh', args: ['-c', script], stopSignal: 'SIGINT', orphanGraceMs: 300 };
  const source = `
    import { startGuarded } from ${JSON.stringify(new URL('./children.ts', import.meta.url).href)};
    startGuarded(${JSON.stringify(options)});
    ${more}`;
  return spawn(process.execPath, ['--input-type=module', '-e', source], { stdio: ['pipe', 'inherit', 'inherit'] });
}

async function pidIn(file: string): Promise<number> {
  for (;;) {
    if (existsSync(file)) {
      const pid = Number(readFileSync(file, 'utf8').trim());
      if (pid > 0) return pid;
    }
    await delay(10);
  }
}

function groupOf(pid: number): number | undefined {
  return runningProcesses().find((running) => running.pid === pid)?.group;
}

function membersOfGroup(group: number): number[] {
  return runningProcesses()
    .filter((running) => running.group === group)
    .map((running) => running.pid);
}
