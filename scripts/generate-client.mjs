/**
 * Generates the Prisma client into prisma/generated, without network: `generate` never runs the schema engine, but
 * Prisma 7 looks for its binary and downloads it unless a path to an existing file is given.
 *
 * Plain JavaScript, because it is the first thing an install runs and has to be able to say that Node 24 is missing.
 * `--if-stale` does nothing while the client is newer than the schema.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const schema = join(root, 'prisma', 'schema.prisma');
const generated = join(root, 'prisma', 'generated', 'client.ts');
const prismaCli = join(root, 'node_modules', 'prisma', 'build', 'index.js');

/** @param {string} problem */
function fail(problem) {
  console.error(`prisma client: ${problem}`);
  process.exit(1);
}

const major = Number(process.versions.node.split('.')[0]);
if (major < 22) {
  fail(
    `this ran on Node ${process.versions.node}, expected the Node 24 of the npm package "node". Its install script ` +
      'did not run: allow install scripts for it (package.json lists it under allowScripts) and install again.',
  );
}
if (!existsSync(schema)) {
  console.log('prisma client: no prisma/schema.prisma here yet, nothing to generate');
  process.exit(0);
}
const isFresh = existsSync(generated) && statSync(generated).mtimeMs > statSync(schema).mtimeMs;
if (process.argv.includes('--if-stale') && isFresh) process.exit(0);
if (!existsSync(prismaCli)) {
  if (existsSync(generated)) process.exit(0);
  fail('the generator is a development dependency and is not installed. Run `npm ci` without --omit=dev once.');
}

const run = spawnSync(process.execPath, [prismaCli, 'generate', '--schema', schema, '--no-hints'], {
  cwd: root,
  encoding: 'utf8',
  env: { ...process.env, PRISMA_SCHEMA_ENGINE_BINARY: process.execPath, CHECKPOINT_DISABLE: '1', NO_COLOR: '1' },
});
if (run.status !== 0) fail(`generating from prisma/schema.prisma failed:\n${run.stdout ?? ''}${run.stderr ?? ''}`);
