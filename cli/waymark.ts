#!/usr/bin/env node
/** `waymark`: the only file of the command line that touches the process. `waymark.mjs` starts it; links that npx made of earlier versions start it directly. */
import { runCommandLine } from './command-line.ts';
import { openTerminal } from './terminal.ts';

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
