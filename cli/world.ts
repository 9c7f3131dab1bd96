import type { Terminal } from './terminal.ts';

/** What a command may touch, handed in where the process starts. */
export interface World {
  env: Readonly<Record<string, string | undefined>>;
  /** The working directory; relative paths start here. */
  cwd: string;
  terminal: Terminal;
  /** For a command that speaks a protocol to another program instead of words to a person. */
  streams: { stdin: NodeJS.ReadableStream; stdout: NodeJS.WritableStream };
  /** Aborted by Ctrl-C. */
  interrupted: AbortSignal;
}
