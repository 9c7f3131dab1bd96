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
  /** As at a terminal, where a person can be asked. */
  interactive?: boolean;
}

/** Runs one command in this process, as a shell would see it: without a terminal, unless it is said to be interactive. */
export async function runInProcess(args: string[], surroundings: Surroundings = {}): Promise<Outcome> {
  const {
    env = {},
    cwd = process.cwd(),
    stdin = '',
    interrupted = new AbortController().signal,
    interactive,
  } = surroundings;
  const [stdout, stderr, input] = [new PassThrough(), new PassThrough(), Readable.from([stdin])];
  if (interactive) for (const stream of [input, stdout]) Object.assign(stream, { isTTY: true });
  const streams = { stdin: input, stdout, stderr };
  const code = await runCommandLine(args, { env, cwd, terminal: openTerminal(streams), streams, interrupted });
  const written = (stream: PassThrough): string => (stream.read() as Buffer | null)?.toString('utf8') ?? '';
  return { code, stdout: written(stdout), stderr: written(stderr) };
}
