#!/usr/bin/env node
/** `waymark`: where the command line's process starts, and the only file of it that touches the process. */
import { enableCompileCache } from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';

// Code made ready once is kept for the starts after it, which halves what they cost: in a folder of this user's own,
// because what lies there is run. Only what is loaded after this line is kept.
enableCompileCache(join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'waymark', 'code'));
const [{ runCommandLine }, { openTerminal }] = await Promise.all([
  import('./command-line.ts'),
  import('./terminal.ts'),
]);

const interrupt = new AbortController();
process.once('SIGINT', () => {
  interrupt.abort();
  // A command that does not listen ends here; one that does has a moment to say what goes on without it.
  setTimeout(() => process.exit(130), 1_000).unref();
});
// Whoever read our output has closed it, as `head` does: there is nobody left to tell.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));

// Set, not called: what was printed into a pipe is still being written.
process.exitCode = await runCommandLine(process.argv.slice(2), {
  env: process.env,
  cwd: process.cwd(),
  terminal: openTerminal({ stdin: process.stdin, stdout: process.stdout, stderr: process.stderr }),
  streams: { stdin: process.stdin, stdout: process.stdout },
  interrupted: interrupt.signal,
});
