/** The bundle of the command runs while it is what the sources say, and only then. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { bundleCommand } from './bundle-command.ts';

const checkout = dirname(dirname(fileURLToPath(import.meta.url)));
let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'waymark-bundle-'));
});
afterEach(() => rmSync(root, { recursive: true }));

const run = (...args: string[]) =>
  execFileSync(process.execPath, [join(root, 'cli/waymark.mjs'), ...args], {
    encoding: 'utf8',
    env: { XDG_CACHE_HOME: join(root, 'cache') },
  });

test('what has changed since is never run from the bundle', async () => {
  mkdirSync(join(root, 'cli'));
  writeFileSync(join(root, 'package.json'), '{ "type": "module" }');
  writeFileSync(join(root, 'package-lock.json'), '{}');
  cpSync(join(checkout, 'cli/waymark.mjs'), join(root, 'cli/waymark.mjs'));
  writeFileSync(
    join(root, 'cli/waymark.ts'),
    `import { word } from './word.ts'; console.log(word, import.meta.url.includes('/dist/') ? 'bundle' : 'sources');`,
  );
  const say = (word: string) => writeFileSync(join(root, 'cli/word.ts'), `export const word: string = '${word}';`);
  say('one');
  expect(run()).toBe('one sources\n');
  await bundleCommand(root);
  expect(run()).toBe('one bundle\n');
  say('two');
  expect(run()).toBe('two sources\n');
  await bundleCommand(root);
  expect(run()).toBe('two bundle\n');
  // Other packages may be installed by now.
  writeFileSync(join(root, 'package-lock.json'), '{ "packages": {} }');
  expect(run()).toBe('two sources\n');
  await bundleCommand(root);
  rmSync(join(root, 'dist/made-of.json'));
  expect(run()).toBe('two sources\n');
});

test('it prints what the sources print', async () => {
  for (const room of ['cli', 'compiler', 'models', 'prisma', 'package.json', 'package-lock.json', 'examples']) {
    cpSync(join(checkout, room), join(root, room), { recursive: true, preserveTimestamps: true });
  }
  symlinkSync(join(checkout, 'node_modules'), join(root, 'node_modules'));
  const page = join(root, 'examples/expense-approval/document.md');
  const commands = [
    ['compile', page],
    ['compile', '--receipt', page],
    ['graph', page],
    ['format', '--help'],
    ['--version'],
  ];
  const before = commands.map((args) => run(...args));
  await bundleCommand(root);
  expect(commands.map((args) => run(...args))).toEqual(before);
});
