/**
 * `npm test`: the fast checks, then every test, unit before integration. Each check counts as one in the closing line.
 * Arguments go to vitest: `npm test -- compiler`, `npm test -- --project unit`.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkout, commandOf, fastChecks, runChecks, steadyEnvironment } from './checks.ts';
import type { VitestReport } from './closing-line.ts';
import { closingLine, tallyOf } from './closing-line.ts';

const checks = runChecks(fastChecks(), (line) => console.log(line));

const reportFolder = mkdtempSync(join(tmpdir(), 'waymark-test-'));
const reportFile = join(reportFolder, 'report.json');
const junit = process.env.CI ? ['--reporter=junit', '--outputFile.junit=junit.xml'] : [];
const vitest = [commandOf('vitest', 'vitest'), 'run', '--reporter=default', '--reporter=json', ...junit];

// An interrupt from the keyboard reaches vitest too; it ends first and says what it had done.
process.on('SIGINT', () => undefined);
const run = spawnSync(process.execPath, [...vitest, `--outputFile.json=${reportFile}`, ...process.argv.slice(2)], {
  cwd: checkout,
  stdio: ['ignore', 'inherit', 'inherit'],
  env: steadyEnvironment,
});
const tests = tallyOf(readReport(reportFile), run.status);
rmSync(reportFolder, { recursive: true, force: true });

for (const name of checks.failed) console.log(`FAIL ${name} (see above)`);
const failed = checks.failed.length + tests.failed;
console.log(closingLine({ passed: checks.passed.length + tests.passed, failed, skipped: tests.skipped }));
process.exitCode = failed > 0 ? 1 : 0;

function readReport(file: string): VitestReport | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as VitestReport;
  } catch {
    return undefined;
  }
}
