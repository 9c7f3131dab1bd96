/** `npm run dev [-- --json] [--data DIR] [--config FILE]`: the stack, up until Ctrl-C. */
import { parseArgs } from 'node:util';
import type { Stack } from './stack.ts';
import { startStack } from './stack.ts';
import type { StackFacts } from './stack-facts.ts';

const usage = `Usage: npm run dev -- [--json] [--data DIR] [--config FILE]
  --json         print one line of JSON when ready, and nothing else on standard output
  --data DIR     where the stack keeps its state (default: .waymark)
  --config FILE  tools, models and roles, which documents are checked against (default: the expense example's, unchecked)`;

const options = readOptions();
const log = (line: string): void => console.error(line);
let stopping = false;
let stack: Stack | undefined;

// A terminal that was closed takes no more lines; the stack is still stopped in good order.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    if (stopping) return;
    stopping = true;
    // Before it is up, the start below ends first.
    if (stack) void end(stack, 0);
  });
}

try {
  stack = await startStack({ dataDir: options.data, env: process.env, config: options.config, log });
  if (stopping) await end(stack, 0);
  else {
    console.log(options.json ? JSON.stringify(stack.facts) : describe(stack.facts));
    const reason = await stack.failed;
    if (!stopping) {
      stopping = true;
      console.error(reason);
      await end(stack, 1);
    }
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exit(1);
}

async function end(running: Stack, code: number): Promise<void> {
  log('Stopping');
  await running.stop();
  process.exit(code);
}

function readOptions(): { json: boolean; data: string; config: string | undefined } {
  try {
    const { values } = parseArgs({
      options: {
        json: { type: 'boolean' },
        data: { type: 'string' },
        config: { type: 'string' },
        help: { type: 'boolean' },
      },
    });
    if (values.help) {
      console.log(usage);
      process.exit(0);
    }
    return {
      json: values.json ?? false,
      data: values.data ?? process.env.WAYMARK_DATA ?? '.waymark',
      config: values.config,
    };
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n${usage}`);
    return process.exit(2);
  }
}

function describe(facts: StackFacts): string {
  const width = (pick: (user: StackFacts['users'][number]) => string) =>
    Math.max(...facts.users.map((user) => pick(user).length));
  const nameWidth = width((user) => user.name);
  const roleWidth = width((user) => user.roles.join(', '));
  return [
    '',
    facts.practice
      ? 'Waymark is up, with the PRACTICE model: answers come from scripts, no real model is asked.'
      : 'Waymark is up.',
    '',
    `  API         ${facts.apiUrl}`,
    `  API pages   ${facts.openApiUrl}`,
    `  Web UI      ${facts.webUiUrl ?? '(the one of your Temporal server)'}`,
    `  Temporal    ${facts.temporalAddress}`,
    `  Database    ${facts.databaseUrl}`,
    `  State       ${facts.dataDir}`,
    '',
    'People of this stack, with bearer tokens for the API (valid for 30 days):',
    ...facts.users.map(
      (user) =>
        `  ${user.name.padEnd(nameWidth)}  ${user.roles.join(', ').padEnd(roleWidth)}  ${user.tenant}\n    ${user.token}`,
    ),
    '',
    'Try, in another terminal:',
    '  npx waymark run examples/expense-approval/document.md --follow',
    '  npx waymark gates --as manager',
    '',
    'Ctrl-C stops it and keeps its state.',
  ].join('\n');
}
