/** `npm run check`: types, lint and room boundaries. Exits 1 if one fails. */
import { fastChecks, runChecks } from './checks.ts';
import { closingLine } from './closing-line.ts';

const { passed, failed } = runChecks(fastChecks(), (line) => console.log(line));
console.log(closingLine({ passed: passed.length, failed: failed.length, skipped: 0 }));
process.exitCode = failed.length > 0 ? 1 : 0;
