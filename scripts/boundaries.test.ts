import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { readBoundaries } from './boundaries.ts';

const folders: string[] = [];

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** Lays out a checkout of these files. An imported file that is not named is made, so that every import resolves. */
function checkoutOf(files: Record<string, string>): string {
  const folder = mkdtempSync(join(tmpdir(), 'waymark-boundaries-'));
  folders.push(folder);
  const write = (path: string, text: string): void => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  };
  for (const [path, text] of Object.entries(files)) {
    for (const [, target] of text.matchAll(/'(\.[^']+)'/g)) {
      const imported = join(dirname(path), target ?? '');
      if (!(imported in files)) write(imported, 'export const thing = 1;\nexport type Thing = number;\n');
    }
  }
  for (const [path, text] of Object.entries(files)) write(path, text);
  return folder;
}

async function brokenRules(files: Record<string, string>): Promise<string[]> {
  const { violations } = await readBoundaries(checkoutOf(files));
  return violations.map(({ rule, from, to }) => `${rule}: ${from} -> ${to}`).sort();
}

const value = (target: string): string => `import { thing } from '${target}';\nexport const used = thing;\n`;
const typeOnly = (target: string): string => `import type { Thing } from '${target}';\nexport type Used = Thing;\n`;

test.each([
  ['compiler/compile.ts', '../prisma/open.ts', 'compiler-arrows'],
  ['prisma/open.ts', '../activities/claim.ts', 'prisma-arrows'],
  ['prisma/open.ts', '../compiler/graph.ts', 'prisma-only-types-of-compiler'],
  ['activities/claim.ts', '../workflows/messages.ts', 'activities-arrows'],
  ['activities/claim.ts', '../api/decide.ts', 'activities-arrows'],
  ['workflows/interpret.ts', '../prisma/open.ts', 'workflows-arrows'],
  ['workflows/interpret.ts', '../activities/claim.ts', 'workflows-arrows'],
  ['workflows/interpret.ts', '../activities/contract.ts', 'workflows-only-types-of-the-rest'],
  ['workflows/interpret.ts', '../compiler/graph.ts', 'workflows-only-types-of-the-rest'],
  ['api/app.ts', '../activities/claim.ts', 'api-arrows'],
  ['api/app.ts', '../workflows/interpret.ts', 'api-arrows'],
  ['cli/client.ts', '../api/app.ts', 'cli-arrows'],
  ['cli/client.ts', '../prisma/open.ts', 'cli-arrows'],
  ['console/page.ts', '../api/app.ts', 'console-arrows'],
  ['dev/demo.ts', '../console/page.ts', 'dev-arrows'],
  ['worker.ts', './workflows/index.ts', 'worker-arrows'],
  ['worker.ts', './api/app.ts', 'worker-arrows'],
  ['api/app.ts', './app.test.ts', 'products-do-not-import-tests'],
])('%s may not import %s', async (from, target, rule) => {
  expect(await brokenRules({ [from]: value(target) })).toEqual([`${rule}: ${from} -> ${join(dirname(from), target)}`]);
});

test('an import of a type breaks an arrow like an import of a value', async () => {
  expect(await brokenRules({ 'compiler/compile.ts': typeOnly('../prisma/open.ts') })).toEqual([
    'compiler-arrows: compiler/compile.ts -> prisma/open.ts',
  ]);
});

test('workflows may not import a Node module, nor the compiler one that touches the machine', async () => {
  const files = {
    'workflows/interpret.ts': "import { randomUUID } from 'node:crypto';\nexport const id = randomUUID();\n",
    'compiler/hash.ts': "import { createHash } from 'node:crypto';\nexport const hash = createHash;\n",
    'compiler/read.ts': "import { readFileSync } from 'node:fs';\nexport const read = readFileSync;\n",
    'compiler/new-ajv.ts':
      "import { createRequire } from 'node:module';\nimport { readFile } from 'node:fs';\nexport const both = [createRequire, readFile];\n",
    'compiler/load.ts': "import { createRequire } from 'node:module';\nexport const load = createRequire;\n",
  };
  expect(await brokenRules(files)).toEqual([
    'ajv-is-loaded-when-needed: compiler/new-ajv.ts -> fs',
    'compiler-does-no-io: compiler/load.ts -> module',
    'compiler-does-no-io: compiler/read.ts -> fs',
    'sandbox-has-no-node: workflows/interpret.ts -> crypto',
  ]);
});

test('files that import each other are a circle, unless only types go one way', async () => {
  expect(await brokenRules({ 'api/one.ts': value('./two.ts'), 'api/two.ts': value('./one.ts') })).toEqual([
    'no-circles: api/one.ts -> api/two.ts -> api/one.ts',
  ]);
  expect(await brokenRules({ 'api/one.ts': value('./two.ts'), 'api/two.ts': typeOnly('./one.ts') })).toEqual([]);
});

test('an import that leads nowhere is found', async () => {
  const folder = checkoutOf({ 'api/app.ts': value('./gone.ts') });
  rmSync(join(folder, 'api/gone.ts'));
  const { violations } = await readBoundaries(folder);
  expect(violations.map(({ rule, to }) => `${rule}: ${to}`)).toEqual(['everything-resolves: ./gone.ts']);
});

test('the arrows of the design are allowed', async () => {
  const files = {
    'activities/claim.ts': value('../prisma/open.ts') + typeOnly('../compiler/graph.ts'),
    'api/app.ts': `${value('../prisma/open.ts')}export * from '../compiler/compile.ts';\nexport * from '../workflows/messages.ts';\n`,
    'bench/run.ts': value('../workflows/index.ts'),
    'cli/waymark.ts': value('../compiler/compile.ts'),
    'dev/stack.ts': `${value('../api/app.ts')}export * from '../worker.ts';\n`,
    'prisma/open.ts': typeOnly('../compiler/graph.ts'),
    'tests/end-to-end.test.ts': value('../workflows/index.ts'),
    'worker.ts': value('./activities/claim.ts'),
    'workflows/interpret.ts': `${value('../compiler/expressions/evaluate.ts')}export type * from '../activities/contract.ts';\nexport * from '../compiler/skeleton.ts';\nexport type * from '../compiler/graph.ts';\n`,
  };
  const { violations, filesRead } = await readBoundaries(checkoutOf(files));
  expect(violations).toEqual([]);
  expect(filesRead).toBe(16);
});

test('what Waymark is measured against is imported by the benchmarks alone', async () => {
  const peer = "import { thing } from '../node_modules/@dbos-inc/dbos-sdk/index.js';\nexport const used = thing;\n";
  expect(await brokenRules({ 'tests/peers.ts': peer, 'bench/peers.ts': peer })).toEqual([
    'peers-stay-in-bench: tests/peers.ts -> node_modules/@dbos-inc/dbos-sdk/index.js',
  ]);
});
