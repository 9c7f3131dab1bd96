import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { bundleInterpreter } from './testing/try-interpreter.ts';

test('the sandbox loads this room, the expressions and the code of the skeleton, and no packages but these', async () => {
  const { code } = await bundleInterpreter();
  const modules = [...code.matchAll(/^\/\*{3}\/ "\.?\/?([^"]+)"/gm)].map(([, path]) => path ?? '');
  expect(modules.filter((path) => path.startsWith('compiler/'))).toEqual([
    'compiler/expressions/ast.ts',
    'compiler/expressions/evaluate.ts',
    'compiler/expressions/functions.ts',
    'compiler/expressions/parse.ts',
    'compiler/expressions/reads.ts',
    'compiler/expressions/syntax-mistakes.ts',
    'compiler/skeleton-code.ts',
  ]);
  expect(modules.filter((path) => /^(activities|api|prisma|dev|cli)\//.test(path))).toEqual([]);
  const packages = modules.flatMap((path) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? []);
  expect([...new Set(packages)].sort()).toEqual([
    '@marcbachmann/cel-js',
    '@temporalio/common',
    '@temporalio/workflow',
    'fflate',
    'long',
    'ms',
    'nexus-rpc',
  ]);
  // A worker loads them once for all runs: what a run could change there, the next would find changed.
  const ours = modules.filter((path) => /^(workflows|compiler)\//.test(path));
  const changeable = ours.filter((path) =>
    /^(export )?(let|var) /m.test(readFileSync(fileURLToPath(new URL(`../${path}`, import.meta.url)), 'utf8')),
  );
  expect(ours).toContain('workflows/interpret.ts');
  expect(changeable).toEqual([]);
  // Without its source map.
  expect(code.indexOf('//# sourceMappingURL')).toBeLessThan(1_200_000);
});
