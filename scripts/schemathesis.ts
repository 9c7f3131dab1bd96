/**
 * `npm run test:api-fuzz [-- --minutes N]`: Schemathesis sends random requests, well and badly formed, to every route of the
 * OpenAPI document of a whole stack, as an admin. It fails when an answer is a 5xx, has a status or content type that the
 * document does not name, does not match its schema, or is given without a token; and when fewer than 10,000 cases were
 * tried. Not part of `npm test`: it needs PyPI, or the environment that an earlier run left in the temporary folder.
 */
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startStack } from '../dev/stack.ts';
import type { StackFacts } from '../dev/stack-facts.ts';
import { checkout } from './checks.ts';

const version = '4.32.5';
const fewestCases = 10_000;
/** A stream of something that goes on has no end to wait for; event-stream.integration.test.ts is about them. */
const streams = '^/(runs|proposals)/[^/]+/events$';
/** About half of the routes. */
const firstShare = '^/(proposals|notifications)';
const checks = [
  'not_a_server_error',
  'status_code_conformance',
  'content_type_conformance',
  'response_schema_conformance',
  'ignored_auth',
];

const { values } = parseArgs({ options: { minutes: { type: 'string', default: '12' }, seed: { type: 'string' } } });
const seconds = Math.round(Number(values.minutes) * 60);
if (!(seconds > 0)) {
  console.error(`api-fuzz: unexpected --minutes ${values.minutes}, expected a number`);
  process.exit(2);
}
process.exitCode = await fuzz();

async function fuzz(): Promise<number> {
  const schemathesis = await installed();
  const dataDir = await mkdtemp(join(tmpdir(), 'waymark-fuzz-'));
  // The database's own user must be able to enter; what is secret in here has a mode of its own.
  await chmod(dataDir, 0o711);
  const stack = await startStack({ dataDir, env: process.env, log: (line) => console.log(`  ${line}`) });
  try {
    const token = tokenOf(stack.facts, 'admin');
    await prepare(stack.facts);
    // Two at once, each with its share of the routes: one alone spends most of its time in Python.
    const shares = await Promise.all(
      [
        ['--exclude-path-regex', `${streams}|${firstShare}`],
        ['--include-path-regex', firstShare, '--exclude-path-regex', streams],
      ].map(async (filter, index) => {
        const report = join(dataDir, `report-${index}.json`);
        const code = await run(schemathesis, [
          'run',
          `${stack.facts.apiUrl}/openapi.json`,
          ...['--header', `Authorization: Bearer ${token}`],
          ...['--checks', checks.join(',')],
          ...filter,
          ...['--phases', 'examples,coverage,fuzzing'],
          ...['--max-time', String(seconds), '--request-timeout', '30'],
          ...['--continue-on-failure', '--no-shrink', '--suppress-health-check', 'all'],
          ...['--report', 'json', '--report-json-path', report],
          ...(values.seed === undefined ? [] : ['--seed', values.seed]),
        ]);
        return { code, cases: casesOf(JSON.parse(await readFile(report, 'utf8'))) };
      }),
    );
    const cases = shares.reduce((sum, share) => sum + share.cases, 0);
    const failed = shares.some(({ code }) => code !== 0);
    console.log(`api-fuzz: ${cases} cases, ${failed ? 'with failures, see above' : 'no failure'}`);
    if (cases < fewestCases) {
      console.error(`api-fuzz: expected at least ${fewestCases} cases; give it more --minutes`);
    }
    return failed || cases < fewestCases ? 1 : 0;
  } finally {
    await stack.stop();
    await rm(dataDir, { recursive: true, force: true });
  }
}

/** Something to read: a document, a run of it that waits at its gate, and one more that was cancelled. */
async function prepare(facts: StackFacts): Promise<void> {
  const example = (name: string) => readFile(join(checkout, 'examples/expense-approval', name), 'utf8');
  const post = async (path: string, body: object) => {
    const response = await fetch(facts.apiUrl + path, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${tokenOf(facts, 'employee')}`,
        'content-type': 'application/json',
        'idempotency-key': randomUUID(),
      },
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`POST ${path} answered ${response.status}: ${await response.text()}`);
    return (await response.json()) as { id: string; document: string };
  };
  const { document } = await post('/documents', { markdown: await example('document.md') });
  const input = JSON.parse(await example('input.json'));
  const practice = JSON.parse(await example('practice.json'));
  await post('/runs', { document, input, practice });
  const { id } = await post('/runs', { document, input, practice });
  await post(`/runs/${id}/cancel`, {});
}

function tokenOf(facts: StackFacts, role: string): string {
  const user = facts.users.find(({ roles }) => roles.includes(role));
  if (user === undefined) throw new Error(`The stack has nobody with the role ${role}.`);
  return user.token;
}

/** The command of an environment of its own, made once. */
async function installed(): Promise<string> {
  const folder = join(tmpdir(), `waymark-schemathesis-${version}`);
  const command = join(folder, 'bin', 'schemathesis');
  if (existsSync(command)) return command;
  console.log(`api-fuzz: installing schemathesis ${version} into ${folder}`);
  const steps = [
    ['python3', '-m', 'venv', folder],
    [join(folder, 'bin', 'python'), '-m', 'pip', 'install', '--quiet', `schemathesis==${version}`],
  ];
  for (const [program = '', ...args] of steps) {
    if ((await run(program, args)) !== 0) {
      await rm(folder, { recursive: true, force: true });
      throw new Error(`api-fuzz: ${program} ${args.join(' ')} failed; Python 3 with venv and PyPI are needed.`);
    }
  }
  return command;
}

function run(program: string, args: string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: 'inherit' });
    child.on('error', reject);
    child.on('exit', (code) => resolve(code ?? 1));
  });
}

/** Of the JSON report that Schemathesis writes. */
function casesOf(report: { test_cases: { generated: number } }): number {
  return report.test_cases.generated;
}
