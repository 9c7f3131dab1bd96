import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { commandOf } from '../scripts/checks.ts';

const checkout = fileURLToPath(new URL('..', import.meta.url));

/** What the project's linter finds in files of these paths and texts, as `path: rule`. */
function findings(files: Record<string, string>): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'waymark-lint-'));
  try {
    copyFileSync(join(checkout, 'biome.json'), join(folder, 'biome.json'));
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), text);
    }
    const biome = commandOf('@biomejs/biome', 'biome');
    const run = spawnSync(process.execPath, [biome, 'lint', '--vcs-enabled=false', '--reporter=json', '.'], {
      cwd: folder,
      encoding: 'utf8',
    });
    const report = JSON.parse(run.stdout) as { diagnostics: { category: string; location: { path: string } }[] };
    return report.diagnostics.map(({ category, location }) => `${location.path}: ${category}`).sort();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

test('only the composition roots may read the environment', () => {
  const paths = [
    'activities/claim.ts',
    'api/app.ts',
    'api/env.ts',
    'cli/client.ts',
    'cli/waymark.mjs',
    'cli/waymark.ts',
    'compiler/compile.ts',
    'dev/dev.ts',
    'dev/nested/stack.ts',
    'worker.ts',
    'workflows/interpret.ts',
  ];
  expect(findings(Object.fromEntries(paths.map((path) => [path, 'export const key = process.env.KEY;\n'])))).toEqual([
    'activities/claim.ts: lint/style/noProcessEnv',
    'api/app.ts: lint/style/noProcessEnv',
    'cli/client.ts: lint/style/noProcessEnv',
    'compiler/compile.ts: lint/style/noProcessEnv',
    'dev/nested/stack.ts: lint/style/noProcessEnv',
    'workflows/interpret.ts: lint/style/noProcessEnv',
  ]);
});

test('a promise that nobody waits for, an any, a skipped test and a name that is not kebab-case are found', () => {
  expect(
    findings({
      'api/App.ts': 'export const loose = 1;\n',
      'api/any.ts': 'export const read = (text: string) => JSON.parse(text) as any;\n',
      'api/pay.ts': 'async function pay() {\n  await 1;\n}\nexport function run() {\n  pay();\n}\n',
      'api/pay.test.ts': "import { test } from 'vitest';\ntest.skip('pays', () => undefined);\n",
    }),
  ).toEqual([
    'api/App.ts: lint/style/useFilenamingConvention',
    'api/any.ts: lint/suspicious/noExplicitAny',
    'api/pay.test.ts: lint/suspicious/noSkippedTests',
    'api/pay.ts: lint/nursery/noFloatingPromises',
  ]);
});
