import { spawn, spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { wholeRun } from './testing/expense-run.ts';
import type { ScriptedApi } from './testing/scripted-api.ts';
import { startScriptedApi } from './testing/scripted-api.ts';

const checkout = join(import.meta.dirname, '..');
const example = join(checkout, 'examples/expense-approval/document.md');

let api: ScriptedApi | undefined;
afterEach(async () => {
  await api?.close();
  api = undefined;
});

/** A module that prints, when the process ends, the addresses of all it loaded. */
const tellWhatIsLoaded = `data:text/javascript,${encodeURIComponent(`
  import { registerHooks } from 'node:module';
  const loaded = [];
  registerHooks({ load(url, context, next) { loaded.push(url); return next(url, context); } });
  process.on('exit', () => process.stderr.write(JSON.stringify({ loaded }) + '\\n'));
`)}`;

/** The command as a shell starts it: by its shebang, with the project's own Node first on PATH. */
function waymark(args: string[], env: Record<string, string> = {}, cwd = '/') {
  const child = spawn(join(checkout, 'cli/waymark.mjs'), args, {
    cwd,
    env: {
      PATH: `${join(checkout, 'node_modules/.bin')}:${process.env.PATH}`,
      TZ: 'UTC',
      XDG_CACHE_HOME: tmpdir(),
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  const ended = new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout, stderr }));
  });
  return { child, ended };
}

/** The addresses of the modules that a command loads where it starts from its sources. */
function loadedBy(args: string[]): string[] {
  const command = ['--import', tellWhatIsLoaded, join(checkout, 'cli/waymark.ts'), ...args];
  const { stderr } = spawnSync(process.execPath, command, { cwd: '/', encoding: 'utf8', env: {} });
  return (JSON.parse(stderr.split('\n').at(-2) ?? '') as { loaded: string[] }).loaded;
}

describe('waymark as a process', () => {
  it.each([
    [['fly'], "error: unknown command 'fly'\n(see --help)\n"],
    [['compile'], "error: missing required argument 'file'\n(see --help)\n"],
    [['compile', '/nope.md'], '/nope.md cannot be read: there is no such file.\n'],
  ])('exits 2 for %j', async (args, why) => {
    expect(await waymark(args).ended).toEqual({ code: 2, stdout: '', stderr: why });
  });

  it('compiles the example without a server, all of its graph into a pipe', async () => {
    const { code, stdout, stderr } = await waymark(['compile', example]).ended;
    expect([code, stderr]).toEqual([0, '']);
    expect(JSON.parse(stdout)).toMatchObject({ id: 'expense-approval' });
  });

  it('exits 1 where no API is to be found', async () => {
    const { code, stdout, stderr } = await waymark(['gates']).ended;
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toContain('No development stack runs in / or above it');
  });

  it.each([
    [
      'compile',
      ['compile', example],
      ['compiler/compile.ts'],
      ['cli/client.ts', 'cli/connection.ts', 'node_modules/ajv'],
    ],
    [
      'gates',
      ['gates', '--api', 'http://127.0.0.1:9', '--token', 't', '--help'],
      [],
      ['cli/client.ts', 'node_modules/zod/'],
    ],
    ['inspect', ['inspect', 'r'], ['cli/connection.ts'], ['node_modules/mdast-util-', 'node_modules/micromark']],
  ])('%s loads only what it needs', (_name, args, needed, unneeded) => {
    const loaded = loadedBy(args);
    const has = (part: string) => loaded.some((url: string) => url.includes(`/${part}`));
    expect([needed.filter(has), unneeded.filter(has)]).toEqual([needed, []]);
  });

  it('inspect loads nothing of the compiler but how wide text is', () => {
    const ofCompiler = loadedBy(['inspect', 'r']).filter((url) => url.includes('/compiler/'));
    expect(ofCompiler.map((url) => url.replace(/^.*\/compiler\//, ''))).toEqual(['text-columns.ts']);
  });

  it('runs and follows a document to its end without colours in a pipe', async () => {
    api = await startScriptedApi(wholeRun);
    const env = { WAYMARK_API_URL: api.url, WAYMARK_TOKEN: 'tok' };
    const { code, stdout, stderr } = await waymark(['run', example, '--follow'], env).ended;
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^PRACTICE: [\s\S]*Started run run-1[\s\S]*The run is completed \(practice\)\.\n$/);
    expect(stdout).not.toContain('\u001b');
  });

  it('on Ctrl-C leaves the run alone and exits 130', async () => {
    api = await startScriptedApi({ ...wholeRun, 'GET /runs/:id/events': [{ raw: '', status: 503 }] });
    const env = { WAYMARK_API_URL: api.url, WAYMARK_TOKEN: 'tok' };
    const { child, ended } = waymark(['run', example, '--follow'], env);
    child.stdout.on('data', (chunk) => {
      if (String(chunk).includes('Started run')) setTimeout(() => child.kill('SIGINT'), 300);
    });
    expect(await ended).toMatchObject({
      code: 130,
      stderr: 'The run goes on. See it with: npx waymark inspect run-1\n',
    });
  });
});
