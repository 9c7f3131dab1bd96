import type { Terminal } from './terminal.ts';

/** What a command may touch, handed in where the process starts. */
export interface World {
  env: Readonly<Record<string, string | undefined>>;
  /** The working directory; relative paths start here. */
  cwd: string;
  terminal: Terminal;
  /** Aborted by Ctrl-C. */
  interrupted: AbortSignal;
}
