/**
 * `npm run test:faults`: what may go wrong outside of the code, tried many times, and a table of what was tried and what was
 * lost. `--times N` says how often each place of a run is cut off: 3 unless said. Other arguments name the files to run; without them it
 * is everything, which takes hours: each commit of a run on both sides, each server three times as often, Reset at every workflow
 * task, 10,000 steps, items and rings, 5,000 random documents.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { checkout, commandOf, steadyEnvironment } from './checks.ts';

interface Assertion {
  fullName: string;
  status: string;
  meta?: { tried?: number; lost?: number };
}

interface Report {
  testResults: { name: string; assertionResults: Assertion[] }[];
}

const { values, positionals } = parseArgs({
  options: { times: { type: 'string', default: '3' } },
  allowPositionals: true,
});
if (!/^[1-9]\d{0,3}$/.test(values.times)) {
  console.error(`Unexpected --times ${values.times}, expected a whole number from 1 to 9999.`);
  process.exit(2);
}

const folder = mkdtempSync(join(tmpdir(), 'waymark-faults-'));
const file = join(folder, 'report.json');
const workflows = ['reference-model', 'random-documents', 'go-on', 'breakages'].map((one) => `workflows/${one}`);
const everywhere = ['tests/faults', 'api/routes/gates/races', ...workflows];
const places = positionals.length > 0 ? positionals : everywhere;
const vitest = [commandOf('vitest', 'vitest'), 'run', '--reporter=default', '--reporter=json'];
const { status } = spawnSync(process.execPath, [...vitest, `--outputFile.json=${file}`, ...places], {
  cwd: checkout,
  stdio: 'inherit',
  env: { ...steadyEnvironment, WAYMARK_FAULT_TIMES: values.times, WAYMARK_ALL_ROUNDS: '1' },
});

const report = JSON.parse(readFileSync(file, 'utf8')) as Report;
rmSync(folder, { recursive: true, force: true });
const rows = report.testResults.flatMap(({ name, assertionResults }) =>
  assertionResults.map(({ fullName, status: outcome, meta = {} }) => ({
    file: relative(checkout, name),
    test: fullName,
    tried: meta.tried ?? 1,
    lost: meta.lost ?? (outcome === 'passed' ? 0 : 1),
  })),
);
console.log('\ntried   lost  what');
for (const { file: at, test, tried, lost } of rows) {
  console.log(`${String(tried).padStart(5)}  ${String(lost).padStart(5)}  ${test} (${at})`);
}
const sum = (of: 'tried' | 'lost') => rows.reduce((total, row) => total + row[of], 0);
console.log(`${String(sum('tried')).padStart(5)}  ${String(sum('lost')).padStart(5)}  in all`);
process.exitCode = status === 0 && sum('lost') === 0 ? 0 : 1;
