#!/usr/bin/env node
/** Where the `waymark` command starts: in JavaScript, so that what makes TypeScript ready is loaded only for what is not kept yet. */
import { enableCompileCache } from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';

// Code made ready once is kept for the starts after it, which halves what they cost: in a folder of this user's own,
// because what lies there is run. Only what is loaded after this line is kept.
enableCompileCache(join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'waymark', 'code'));
await import('./waymark.ts');
