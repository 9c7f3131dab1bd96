import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { closeSync, fstatSync, mkdirSync, openSync, readSync, renameSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

export interface GuardedOptions {
  /** What messages call the child, for example `postgres`. */
  name: string;
  command: string;
  args: readonly string[];
  /** The child's whole environment; the parent's own when left out. */
  env?: Readonly<Record<string, string | undefined>>;
  cwd?: string;
  /** Run as this user and group; needs a parent that runs as root. */
  uid?: number;
  gid?: number;
  /** The signal that asks the child to end in good order. */
  stopSignal: 'SIGINT' | 'SIGTERM';
  /** Output is appended here; without it only the last lines are kept, in memory. */
  logFile?: string;
  /** How long the child may take to end after its parent was lost, before it is killed; 10,000 ms by default. */
  orphanGraceMs?: number;
}

export interface GuardedChild {
  readonly name: string;
  readonly pid: number;
  /** Resolves once when the child has ended, however it ended; never rejects. */
  readonly exited: Promise<Exit>;
  /** The end of what this child has written so far, at most 20 lines. */
  lastLines(): string;
  /**
   * Calls `probe` until it gives a value other than undefined (a rejection counts as "not yet") and resolves to that value.
   * Rejects with {@link ChildFailed}, holding the child's last lines, when the child ends first or `timeoutMs`
   * passes; a child that was too slow is stopped before the rejection.
   */
  ready<T>(probe: () => Promise<T | undefined>, timeoutMs: number): Promise<T>;
  /** Sends the stop signal, and after `timeoutMs` (10,000 by default) kills the child's whole process group. Resolves when it has ended. */
  stop(timeoutMs?: number): Promise<void>;
}

export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** A child ended or stayed silent when it was expected to become ready. */
export class ChildFailed extends Error {
  override readonly name = 'ChildFailed';
  readonly child: string;
  /** How it ended; undefined when it ran but was not ready in time. */
  readonly exit: Exit | undefined;
  readonly lastLines: string;

  constructor(child: string, what: string, lastLines: string, exit?: Exit) {
    super(`${child} ${what}${lastLines === '' ? '' : `\nIts last lines:\n${lastLines}`}`);
    this.child = child;
    this.exit = exit;
    this.lastLines = lastLines;
  }
}

/**
 * The shell keeps its process for the child (`exec`), so that pid, signals and exit code are the child's own. Before, it leaves
 * a watcher in the child's process group that reads the pipe from the parent. A line means the parent has seen the child
 * end; end of file means the parent is gone, by kill -9 too. As a member of the group the watcher also keeps
 * the group's number from being given to another process, so it never signals a stranger.
 */
const guard = `
signal=$1; tenths=$2; shift 2
exec 3<&0 </dev/null
(
  trap '' INT TERM HUP
  exec >/dev/null 2>&1
  read -r line <&3 && exit 0
  kill -s "$signal" $$
  while [ "$tenths" -gt 0 ] && kill -0 $$; do sleep 0.1; tenths=$((tenths - 1)); done
  kill -s KILL -- -$$
) &
exec "$@" 3<&-
`;

const tailBytes = 8192;
const logLimitBytes = 20 * 1024 * 1024;

/**
 * Starts a command that never outlives this process, whatever ends it. The child gets its own session, so Ctrl-C in a terminal reaches only
 * the parent, which then stops its children in the order it wants.
 * Needs a POSIX shell; throws on Windows and when the process cannot be created at all. A command that does not exist ends the child with
 * code 127 and the shell's message among its last lines.
 */
export function startGuarded(options: GuardedOptions): GuardedChild {
  if (process.platform === 'win32') {
    throw new Error(
      `${options.name} cannot be started: child processes need a POSIX shell. On Windows, run inside WSL.`,
    );
  }
  const log = options.logFile === undefined ? undefined : openLog(options.logFile);
  const child = spawnGuard(options, log?.fd);
  const memory = log === undefined ? keepTail(child) : undefined;
  const lastLines = () => cutLines(log === undefined ? (memory?.text() ?? '') : readTail(log.path, log.from));

  let ended: Exit | undefined;
  const exited = new Promise<Exit>((resolve) => {
    child.once('exit', (code, signal) => {
      ended = { code, signal };
      child.stdin?.end('ended\n');
      // What the child wrote last may still be in the pipe when its end is known.
      const drained = memory?.drained ?? Promise.resolve();
      void Promise.race([drained, delay(200, undefined, { ref: false })]).then(() => resolve({ code, signal }));
    });
  });

  async function stop(timeoutMs = 10_000): Promise<void> {
    if (ended === undefined) {
      child.kill(options.stopSignal);
      const timer = setTimeout(() => killGroup(child), timeoutMs);
      await exited;
      clearTimeout(timer);
    }
    await exited;
  }

  async function ready<T>(probe: () => Promise<T | undefined>, timeoutMs: number): Promise<T> {
    const deadline = Date.now() + timeoutMs;
    let reason = '';
    while (ended === undefined && Date.now() < deadline) {
      const value = await Promise.race([
        probe().catch((error: unknown) => {
          reason = error instanceof Error ? error.message : String(error);
          return undefined;
        }),
        exited.then(() => undefined),
        delay(Math.max(0, deadline - Date.now()), undefined, { ref: false }),
      ]);
      if (value !== undefined) return value;
      await Promise.race([exited, delay(15)]);
    }
    if (ended !== undefined) {
      const exit = await exited;
      throw new ChildFailed(options.name, `ended at start (${describeExit(exit)})`, lastLines(), exit);
    }
    await stop();
    const because = reason === '' ? '' : `: ${reason}`;
    throw new ChildFailed(options.name, `was not ready after ${timeoutMs} ms${because}`, lastLines());
  }

  return { name: options.name, pid: child.pid as number, exited, lastLines, ready, stop };
}

export function describeExit(exit: Exit): string {
  return exit.signal === null ? `exit code ${exit.code}` : `signal ${exit.signal}`;
}

function spawnGuard(options: GuardedOptions, logFd: number | undefined): ChildProcess {
  const output = logFd ?? 'pipe';
  const graceTenths = Math.ceil((options.orphanGraceMs ?? 10_000) / 100);
  const signal = options.stopSignal.slice('SIG'.length);
  try {
    const child = spawn(
      '/bin/sh',
      ['-c', guard, options.name, signal, String(graceTenths), options.command, ...options.args],
      {
        stdio: ['pipe', output, output],
        detached: true,
        ...(options.env === undefined ? {} : { env: { ...options.env } }),
        ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
        ...(options.uid === undefined ? {} : { uid: options.uid }),
        ...(options.gid === undefined ? {} : { gid: options.gid }),
      },
    );
    if (child.pid === undefined) {
      child.once('error', () => {});
      throw new Error(
        `${options.name} cannot be started: no process for /bin/sh${options.cwd === undefined ? '' : ` in ${options.cwd}`}.`,
      );
    }
    child.on('error', () => {});
    child.stdin?.on('error', () => {});
    return child;
  } finally {
    if (logFd !== undefined) closeSync(logFd);
  }
}

function killGroup(child: ChildProcess): void {
  try {
    process.kill(-(child.pid as number), 'SIGKILL');
  } catch {
    // The group is gone already: the child ended between the timer and this line.
  }
}

function openLog(path: string): { path: string; fd: number; from: number } {
  mkdirSync(dirname(path), { recursive: true });
  if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) > logLimitBytes) renameSync(path, `${path}.old`);
  const fd = openSync(path, 'a', 0o600);
  return { path, fd, from: fstatSync(fd).size };
}

function readTail(path: string, from: number): string {
  const fd = openSync(path, 'r');
  try {
    const size = fstatSync(fd).size;
    const start = Math.max(from, size - tailBytes);
    const bytes = Buffer.alloc(Math.max(0, size - start));
    return bytes.toString('utf8', 0, readSync(fd, bytes, 0, bytes.length, start));
  } finally {
    closeSync(fd);
  }
}

function keepTail(child: ChildProcess): { text(): string; drained: Promise<void> } {
  let kept = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (chunk: string) => {
      kept = (kept + chunk).slice(-tailBytes);
    });
  }
  return { text: () => kept, drained: new Promise((resolve) => child.once('close', () => resolve())) };
}

function cutLines(text: string): string {
  return text.trimEnd().split('\n').slice(-20).join('\n');
}
