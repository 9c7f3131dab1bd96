/**
 * `npm run test:api-fuzz [-- --minutes N]`: Schemathesis sends random requests, well and badly formed, to every route of the
 * OpenAPI document of a whole stack, as an admin, most of them about things that are there. It fails when an answer is a 5xx, has a status or content type that the
 * document does not name, does not match its schema, or is given without a token; and when fewer than 10,000 cases were
 * tried. Not part of `npm test`: it needs PyPI, or the environment that an earlier run left in the temporary folder.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startStack } from '../dev/stack.ts';
import type { StackFacts } from '../dev/stack-facts.ts';
import { configurationOf, makeTargets } from './fuzz-targets.ts';

const version = '4.32.5';
const fewestCases = 10_000;
/** About half of the routes. */
const firstShare = '^/(proposals|notifications)';
const checks = [
  'not_a_server_error',
  'status_code_conformance',
  'content_type_conformance',
  'response_schema_conformance',
  'ignored_auth',
];

const { values } = parseArgs({ options: { minutes: { type: 'string', default: '15' }, seed: { type: 'string' } } });
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
    const { apiUrl } = stack.facts;
    const token = tokenOf(stack.facts, 'admin');
    const streams = await streamsOf(apiUrl);
    const settings = join(dataDir, 'schemathesis.toml');
    await writeFile(settings, configurationOf(await makeTargets(apiUrl, token, 'ada')));
    // Two at once, each with its share of the routes: one alone spends most of its time in Python.
    const shares = await Promise.all(
      [
        ['--exclude-path-regex', `${streams}|${firstShare}`],
        ['--include-path-regex', firstShare, '--exclude-path-regex', streams],
      ].map(async (filter, index) => {
        const report = join(dataDir, `report-${index}.json`);
        const code = await run(
          schemathesis,
          [
            ...['--config-file', settings, 'run'],
            `${apiUrl}/openapi.json`,
            ...['--header', `Authorization: Bearer ${token}`],
            ...['--checks', checks.join(',')],
            ...filter,
            ...['--phases', 'examples,coverage,fuzzing'],
            ...['--max-time', String(seconds), '--request-timeout', '30'],
            ...['--continue-on-failure', '--no-shrink', '--suppress-health-check', 'all'],
            ...['--report', 'json', '--report-json-path', report],
            ...(values.seed === undefined ? [] : ['--seed', values.seed]),
          ],
          dataDir,
        );
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

/** The paths of streams, as a regular expression: what goes on has no end to wait for. event-stream.integration.test.ts is about them. */
async function streamsOf(apiUrl: string): Promise<string> {
  const { paths } = (await (await fetch(`${apiUrl}/openapi.json`)).json()) as Described;
  const streamed = Object.entries(paths).filter(([, methods]) =>
    Object.values(methods).some(({ responses }) => responses['200']?.content?.['text/event-stream'] !== undefined),
  );
  return streamed.map(([path]) => `^${path.replaceAll(/\{\w+\}/g, '[^/]+')}$`).join('|');
}

interface Described {
  paths: Record<string, Record<string, { responses: Record<string, { content?: Record<string, unknown> }> }>>;
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

/** `cwd`: where it leaves what it keeps. */
function run(program: string, args: string[], cwd = tmpdir()): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: 'inherit', cwd });
    child.on('error', reject);
    child.on('exit', (code) => resolve(code ?? 1));
  });
}

/** Of the JSON report that Schemathesis writes. */
function casesOf(report: { test_cases: { generated: number } }): number {
  return report.test_cases.generated;
}
