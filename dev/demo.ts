/**
 * `npm run demo [-- --yes]`: the expense approval from its document to its payment, on a stack of its own that is gone
 * afterwards. In a terminal the person at it is the manager; otherwise, or with --yes, the claim is approved as she would,
 * by the public API with her token.
 */
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { Gate } from '../cli/api-shapes.ts';
import type { Client, Json } from '../cli/client.ts';
import { createClient } from '../cli/client.ts';
import { followRun } from '../cli/follow-run.ts';
import { gateText } from '../cli/gate-text.ts';
import { journalTable } from '../cli/journal-table.ts';
import { resultText } from '../cli/run-text.ts';
import { openTerminal } from '../cli/terminal.ts';
import type { Stack } from './stack.ts';
import { startStack } from './stack.ts';
import type { StackFacts } from './stack-facts.ts';

const usage = `Usage: npm run demo -- [--yes]
  --yes  decide at the gate without asking`;

const example = fileURLToPath(new URL('../examples/expense-approval/', import.meta.url));
const terminal = openTerminal(process);
const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => interrupted.abort(new Error('Interrupted')));
}

// A terminal that was closed takes no more lines; what was started is still cleaned up.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);

const { ask } = readOptions();
const prompt = ask ? openPrompt() : undefined;
const code = await demo(prompt);
prompt?.close();
process.exit(code);

async function demo(prompt: Prompt | undefined): Promise<number> {
  const dataDir = await mkdtemp(join(tmpdir(), 'waymark-demo-'));
  // The database's own user must be able to enter; what is secret in here has a mode of its own.
  await chmod(dataDir, 0o711);
  let stack: Stack | undefined;
  try {
    terminal.print('Starting a stack for this demo: PostgreSQL, Temporal, a worker and an API');
    stack = await startStack({ dataDir, env: process.env, log: (line) => terminal.print(`  ${line}`, 'quiet') });
    interrupted.signal.throwIfAborted();
    return await Promise.race([
      show(stack.facts, prompt),
      stack.failed.then((reason) => Promise.reject(new Error(reason))),
    ]);
  } catch (error) {
    terminal.complain(error instanceof Error ? error.message : String(error), 'bad');
    return interrupted.signal.aborted ? 130 : 1;
  } finally {
    await stack?.stop();
    await rm(dataDir, { recursive: true, force: true });
  }
}

async function show(facts: StackFacts, prompt: Prompt | undefined): Promise<number> {
  const asRole = (role: string) => {
    const user = facts.users.find(({ roles }) => roles.includes(role));
    if (!user) throw new Error(`The stack has nobody with the role ${role}.`);
    return { name: user.name, client: createClient({ apiUrl: facts.apiUrl, token: user.token }) };
  };
  const employee = asRole('employee');
  const manager = asRole('manager');
  terminal.print(
    facts.practice
      ? '\nPRACTICE: models answer from a script, no real model is asked.'
      : '\nA real model is asked: it is the one of your OPENAI_API_KEY or OPENAI_BASE_URL.',
    'strong',
  );
  const published = await employee.client.publish(await readFile(join(example, 'document.md'), 'utf8'));
  terminal.print(`Published examples/expense-approval/document.md as ${published.document}`);
  const run = await employee.client.startRun({
    graphHash: published.graphHash,
    input: await readJson('input.json'),
    ...(facts.practice ? { practice: await readJson('practice.json') } : {}),
  });
  terminal.print(`${employee.name} started run ${run.id}`);
  if (run.webUi) terminal.print(`Watch it in the Web UI: ${run.webUi}`, 'strong');
  terminal.print('');

  const ended = await followRun(employee.client, run.id, {
    print: terminal.print,
    signal: interrupted.signal,
    onGate: (gate) => decide(gate, manager, prompt),
  });

  terminal.print('');
  terminal.print(resultText(ended));
  terminal.print('');
  terminal.print(journalTable(await employee.client.journal(run.id)));
  terminal.print('');
  const done = ended.status === 'completed' || (prompt !== undefined && ended.status === 'rejected');
  terminal.print(`The run is ${ended.status}${ended.practice ? ' (practice)' : ''}.`, done ? 'good' : 'bad');
  if (run.webUi) terminal.print(`Web UI: ${run.webUi}`);
  await prompt?.question('Enter ends the demo and its stack. ');
  return done ? 0 : 1;
}

async function decide(
  gate: Gate,
  manager: { name: string; client: Client },
  prompt: Prompt | undefined,
): Promise<void> {
  terminal.print('');
  terminal.print(gateText(gate));
  const names = gate.actions.map(({ name }) => name);
  let action = names[0] ?? 'approve';
  let comment = 'As the policy allows.';
  if (prompt) {
    do action = await prompt.question(`You are ${manager.name}. ${names.join(' or ')}? `);
    while (!names.includes(action));
    comment = await prompt.question('A comment for the claimant: ');
  } else {
    terminal.print(`  ${manager.name}: ${action}`, 'strong');
  }
  await manager.client.decide(gate.id, { action, subject: gate.subject, comment });
  terminal.print('');
}

/** Asks at the terminal. What is typed ahead answers the questions to come. */
function openPrompt(): Prompt {
  const reader = createInterface({ input: process.stdin, output: process.stdout, signal: interrupted.signal });
  // Typed at a prompt, Ctrl-C reaches us by the line reader rather than as a signal.
  reader.on('SIGINT', () => interrupted.abort(new Error('Interrupted')));
  const lines = reader[Symbol.asyncIterator]();
  return {
    async question(text) {
      reader.setPrompt(text);
      reader.prompt();
      const { value, done } = await lines.next();
      interrupted.signal.throwIfAborted();
      if (done) throw new Error('Unexpected end of input, expected an answer');
      return String(value).trim();
    },
    close: () => reader.close(),
  };
}

interface Prompt {
  question(text: string): Promise<string>;
  close(): void;
}

async function readJson(name: string): Promise<Json> {
  return JSON.parse(await readFile(join(example, name), 'utf8')) as Json;
}

function readOptions(): { ask: boolean } {
  try {
    const { values } = parseArgs({ options: { yes: { type: 'boolean' }, help: { type: 'boolean' } } });
    if (values.help) {
      terminal.print(usage);
      process.exit(0);
    }
    return { ask: values.yes !== true && process.stdin.isTTY === true && process.stdout.isTTY === true };
  } catch (error) {
    terminal.complain(`${error instanceof Error ? error.message : String(error)}\n${usage}`);
    return process.exit(2);
  }
}
