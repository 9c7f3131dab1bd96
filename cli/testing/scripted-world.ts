/** A world for one command, whose output is kept. */
import { PassThrough, Readable } from 'node:stream';
import { runCommandLine } from '../command-line.ts';
import { openTerminal } from '../terminal.ts';

export interface Outcome {
  code: number;
  stdout: string;
  stderr: string;
}

export interface Surroundings {
  env?: Record<string, string>;
  cwd?: string;
  stdin?: string;
  interrupted?: AbortSignal;
}

/** Runs one command in this process, as a shell without a terminal would see it. */
export async function runInProcess(args: string[], surroundings: Surroundings = {}): Promise<Outcome> {
  const { env = {}, cwd = process.cwd(), stdin = '', interrupted = new AbortController().signal } = surroundings;
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const streams = { stdin: Readable.from([stdin]), stdout, stderr };
  const code = await runCommandLine(args, { env, cwd, terminal: openTerminal(streams), streams, interrupted });
  const written = (stream: PassThrough): string => (stream.read() as Buffer | null)?.toString('utf8') ?? '';
  return { code, stdout: written(stdout), stderr: written(stderr) };
}
