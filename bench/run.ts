/** `npm run bench [-- --rounds N]`: every benchmark, with the bars of the design beside the ratios. */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { benchInterpreter } from './interpreter/interpreter.ts';
import { report } from './report.ts';

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '15' } } });
const rounds = Number(values.rounds);
if (!Number.isInteger(rounds) || rounds < 1) {
  console.error(`bench: Unexpected --rounds ${values.rounds}, expected a whole number of at least 1`);
  process.exit(2);
}

const version = (name: string): string =>
  (
    JSON.parse(readFileSync(new URL(`../node_modules/${name}/package.json`, import.meta.url), 'utf8')) as {
      version: string;
    }
  ).version;

const rows = await benchInterpreter(rounds, (line) => console.error(line));
console.log(report(rows, { '@temporalio/worker': version('@temporalio/worker') }));
