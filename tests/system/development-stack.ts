/** `npm run dev -- --json` as a process of its own, as scripts start it. */
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, vi } from 'vitest';
import type { StackFacts } from '../../dev/stack-facts.ts';
import { runningProcesses } from '../../dev/test-processes.ts';
import type { ApiClient } from './api-client.ts';
import { apiClient } from './api-client.ts';

export interface DevelopmentStack {
  facts: StackFacts;
  process: ChildProcess;
  /** All it has printed so far. */
  output(): { stdout: string; stderr: string };
  as(person: string): ApiClient;
  /** The processes it started that live now; a child's own children are in its process group. */
  children(): { pid: number; group: number; command: string }[];
  /** What its processes have logged, by file. */
  logs(): Record<string, string>;
}

export interface DevelopmentRun {
  process: ChildProcess;
  output(): { stdout: string; stderr: string };
}

const root = fileURLToPath(new URL('../..', import.meta.url));

export function runDevelopment(args: string[], env: Record<string, string> = {}): DevelopmentRun {
  const child = spawn(process.execPath, [join(root, 'dev/dev.ts'), '--json', ...args], {
    cwd: root,
    // Of the test's own environment only what finds programs: no model, no server of somebody else's.
    env: { PATH: process.env.PATH, HOME: process.env.HOME, XDG_CACHE_HOME: process.env.XDG_CACHE_HOME, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output.stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output.stderr += text;
  });
  return { process: child, output: () => ({ ...output }) };
}

export async function startDevelopment(args: string[], env: Record<string, string> = {}): Promise<DevelopmentStack> {
  const { process: child, output } = runDevelopment(args, env);
  const facts = await vi.waitFor(
    () => {
      const { stdout, stderr } = output();
      if (child.exitCode !== null) return `ended with ${child.exitCode}: ${stderr}`;
      expect(stdout, stderr).toMatch(/\n$/);
      return JSON.parse(stdout) as StackFacts;
    },
    { timeout: 90_000, interval: 50 },
  );
  if (typeof facts === 'string') throw new Error(facts);
  return {
    facts,
    process: child,
    output,
    as(person) {
      const token = facts.users.find(({ name }) => name === person)?.token;
      if (token === undefined) throw new Error(`no person ${person}`);
      return apiClient(facts.apiUrl, token);
    },
    children: () => runningProcesses().filter(({ parent }) => parent === child.pid),
    logs() {
      const folder = join(facts.dataDir, 'logs');
      return Object.fromEntries(readdirSync(folder).map((file) => [file, readFileSync(join(folder, file), 'utf8')]));
    },
  };
}

/** Sends the signal and resolves with how the process ended. */
export async function end(
  child: ChildProcess,
  signal: NodeJS.Signals,
): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
  if (child.exitCode === null && child.signalCode === null) {
    const exited = once(child, 'exit');
    child.kill(signal);
    await exited;
  }
  return { code: child.exitCode, signal: child.signalCode };
}
