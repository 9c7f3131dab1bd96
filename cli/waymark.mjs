#!/usr/bin/env node
/** Where the `waymark` command starts: in JavaScript, so that what makes TypeScript ready is loaded only for what is not kept yet. */
import { readFileSync, statSync } from 'node:fs';
import module from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';

if (Number(process.versions.node.split('.')[0]) < 24) {
  const comes = 'expected Node 24 or later; `npx waymark` in the checkout runs on the one that it brings';
  process.stderr.write(`waymark: Unexpected Node ${process.versions.node}, ${comes}\n`);
  process.exit(1);
}

// Code made ready once is kept for the starts after it, which halves what they cost: in a folder of this user's own,
// because what lies there is run. Only what is loaded after this line is kept.
module.enableCompileCache(join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'waymark', 'code'));
await import(hasBundle() ? '../dist/waymark.js' : './waymark.ts');

/** Whether `scripts/bundle-command.ts` made one, and nothing it was made of has changed since. */
function hasBundle() {
  const root = new URL('..', import.meta.url);
  try {
    const madeOf = JSON.parse(readFileSync(new URL('dist/made-of.json', root), 'utf8'));
    return madeOf.every(([file, size, mtimeMs]) => {
      const now = statSync(new URL(file, root));
      return now.size === size && now.mtimeMs === mtimeMs;
    });
  } catch {
    return false;
  }
}
