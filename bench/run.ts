/** `npm run bench [-- --rounds N] [-- --only NAME]`: every benchmark, or one, with the bars of the design beside the ratios. */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import type { Row } from './report.ts';
import { report } from './report.ts';

type Benchmark = (rounds: number, progress: (line: string) => void) => Promise<Row[]>;

/** What one needs is loaded when it runs. `packages` are those whose version its figures depend on. */
const benchmarks: Readonly<Record<string, { packages: string[]; load: () => Promise<Benchmark> }>> = {
  interpreter: {
    packages: ['@temporalio/worker'],
    load: async () => (await import('./interpreter/interpreter.ts')).benchInterpreter,
  },
  api: {
    packages: ['fastify', 'jose', 'pg', '@prisma/client'],
    load: async () => (await import('./api/api.ts')).benchApi,
  },
  peers: {
    packages: ['@dbos-inc/dbos-sdk', '@langchain/langgraph', '@langchain/langgraph-checkpoint-postgres', 'pg'],
    load: async () => (await import('./peers/peers.ts')).benchPeers,
  },
  latency: {
    packages: ['@temporalio/worker', 'openai', 'pg'],
    load: async () => (await import('./latency.ts')).benchLatency,
  },
  resume: {
    packages: ['@temporalio/worker', '@prisma/client', 'pg'],
    load: async () => (await import('./resume/resume.ts')).benchResume,
  },
  compile: {
    packages: ['remark-parse', 'remark-gfm'],
    load: async () => (await import('./compile.ts')).benchCompile,
  },
  editor: {
    packages: ['remark-parse', 'vscode-languageserver'],
    load: async () => (await import('./editor.ts')).benchEditor,
  },
};

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '15' }, only: { type: 'string' } } });
const rounds = Number(values.rounds);
if (!Number.isInteger(rounds) || rounds < 1) {
  console.error(`bench: Unexpected --rounds ${values.rounds}, expected a whole number of at least 1`);
  process.exit(2);
}
const chosen = Object.entries(benchmarks).filter(([name]) => values.only === undefined || values.only === name);
if (chosen.length === 0) {
  const names = Object.keys(benchmarks).join(', ');
  console.error(`bench: Unexpected --only ${values.only}, expected one of ${names}`);
  process.exit(2);
}

const version = (name: string): string =>
  (
    JSON.parse(readFileSync(new URL(`../node_modules/${name}/package.json`, import.meta.url), 'utf8')) as {
      version: string;
    }
  ).version;

const rows: Row[] = [];
for (const [, { load }] of chosen) rows.push(...(await (await load())(rounds, (line) => console.error(line))));
const packages = chosen.flatMap(([, one]) => one.packages);
console.log(report(rows, Object.fromEntries(packages.map((name) => [name, version(name)]))));
