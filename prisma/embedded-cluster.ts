import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chown, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Account, PostgresBinaries } from './embedded-binaries.ts';
import { ownFolder, postgresEnv } from './embedded-binaries.ts';

const run = promisify(execFile);

export const ownerRole = 'waymark_owner';
const majorVersion = '18';

/** A PostgreSQL data directory that can be started. */
export interface Cluster {
  /** The data directory itself, called PGDATA by PostgreSQL. */
  path: string;
  account: Account | undefined;
  ownerPassword: string;
}

/**
 * Who the server has to run as: ourselves, or as root the owner of data that exists already, else `nobody`.
 * Throws when root finds no such user.
 */
export async function accountFor(dataDir: string): Promise<Account | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const owner = await stat(await clusterPath(dataDir)).catch(() => undefined);
  if (owner !== undefined && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid };
  const line = (await readFile('/etc/passwd', 'utf8')).split('\n').find((entry) => entry.startsWith('nobody:'));
  const [, , uid, gid] = line?.split(':') ?? [];
  if (uid === undefined || gid === undefined) {
    throw new Error(
      'PostgreSQL does not run as root, and /etc/passwd has no user "nobody" to run it as. Start as another user, or set DATABASE_URL.',
    );
  }
  // Some systems write the id as -2, which the kernel takes as 32 bits without a sign.
  return { uid: Number(uid) >>> 0, gid: Number(gid) >>> 0 };
}

/** Opens the cluster of `dataDir`, making it when there is none; see startEmbeddedPostgres for where it lies. */
export async function prepareCluster(options: {
  dataDir: string;
  runtimeDir: string;
  account: Account | undefined;
  binaries: PostgresBinaries;
  durable: boolean;
}): Promise<Cluster> {
  const { dataDir, account } = options;
  const passwordFile = join(dataDir, 'owner-password');
  const noted = join(dataDir, 'location');
  let path = await clusterPath(dataDir);
  const version = await versionOf(path);
  if (version === undefined) {
    if (await exists(noted)) {
      throw new Error(
        `The database of ${dataDir} was kept in ${path}, which is gone. Remove ${dataDir} to start anew.`,
      );
    }
    const inPlace = account === undefined || (await canEnter(account, dataDir));
    if (!inPlace) path = await chooseReachablePlace(dataDir, options.runtimeDir);
    await keepPassword(passwordFile);
    await initialise(path, passwordFile, options);
    if (!inPlace) await writeFile(noted, `${path}\n`);
  } else if (version !== majorVersion) {
    throw new Error(
      `The data in ${path} was made by PostgreSQL ${version}, and this is ${majorVersion}. ` +
        'Move the folder away to start anew, or open it with its own version and take the data along.',
    );
  }
  const ownerPassword = await readFile(passwordFile, 'utf8').catch(() => {
    throw new Error(`The password file ${passwordFile} is missing. Without it the data beside it cannot be opened.`);
  });
  return { path, account, ownerPassword };
}

/**
 * Clears the way for a start after a crash. Waits for an earlier server on the same data to end: 15 seconds when it is shutting down, one second
 * when it does not seem to (its guard may be about to tell it), and throws when it stays. A lock file that names a
 * process which is no PostgreSQL on this data (a number given anew after a restart of the machine) is removed.
 */
export async function awaitUnlocked(cluster: Cluster): Promise<void> {
  const from = Date.now();
  for (;;) {
    const server = await serverOf(cluster.path);
    if (server === undefined) return;
    if (Date.now() - from > (server.stopping ? 15_000 : 1000)) {
      throw new Error(
        `The database in ${cluster.path} is in use by process ${server.pid}. Stop what started it, or choose another data folder.`,
      );
    }
    await delay(25);
  }
}

async function clusterPath(dataDir: string): Promise<string> {
  const elsewhere = await readFile(join(dataDir, 'location'), 'utf8').catch(() => undefined);
  return elsewhere?.trim() ?? join(dataDir, 'cluster');
}

/** The process that serves the data right now, going by its lock file. */
async function serverOf(path: string): Promise<{ pid: number; stopping: boolean } | undefined> {
  const lock = join(path, 'postmaster.pid');
  // The first line is the process, the eighth what it does.
  const lines = (await readFile(lock, 'utf8').catch(() => '')).split('\n');
  const pid = Number(lines[0]);
  if (!(pid > 0)) return undefined;
  const command = await commandOf(pid);
  if (command?.includes(path)) return { pid, stopping: lines[7]?.trim() === 'stopping' };
  if (command !== undefined) await rm(lock, { force: true });
  return undefined;
}

/** The command line of a living process; undefined when there is none of this number. */
async function commandOf(pid: number): Promise<string | undefined> {
  if (process.platform === 'linux') {
    const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    return line === '' ? undefined : line;
  }
  return run('ps', ['-o', 'args=', '-p', String(pid)]).then(
    ({ stdout }) => stdout,
    () => undefined,
  );
}

async function canEnter(account: Account, folder: string): Promise<boolean> {
  return run('/bin/sh', ['-c', 'test -x "$1"', 'sh', folder], { ...account, cwd: '/', env: postgresEnv }).then(
    () => true,
    () => false,
  );
}

/**
 * A new place below the runtime folder, for the data folder to note. Its name is random, so that removing the data folder starts anew as one
 * expects; places whose data folder no longer names them are deleted here.
 */
async function chooseReachablePlace(dataDir: string, runtimeDir: string): Promise<string> {
  const shelf = join(runtimeDir, 'clusters');
  await ownFolder(runtimeDir);
  await ownFolder(shelf);
  for (const name of await readdir(shelf)) {
    const path = join(shelf, name, 'cluster');
    const origin = join(shelf, name, 'origin');
    const made = await stat(origin).catch(() => undefined);
    // Young ones may belong to a start that is under way and has not noted its place yet.
    if (made === undefined || Date.now() - made.mtimeMs < 3_600_000) continue;
    if ((await clusterPath(await readFile(origin, 'utf8'))) === path || (await serverOf(path)) !== undefined) continue;
    await rm(join(shelf, name), { recursive: true, force: true });
  }
  const place = join(shelf, randomBytes(8).toString('hex'));
  await ownFolder(place);
  await writeFile(join(place, 'origin'), dataDir);
  return join(place, 'cluster');
}

async function initialise(
  path: string,
  passwordFile: string,
  options: { account: Account | undefined; binaries: PostgresBinaries; durable: boolean },
): Promise<void> {
  // Made beside its place and renamed when complete, so that an interrupted start leaves no half-made cluster.
  const draft = `${path}.init-${randomBytes(6).toString('hex')}`;
  const readable = join(draft, 'password');
  await mkdir(draft, { mode: 0o700 });
  try {
    await writeFile(readable, await readFile(passwordFile, 'utf8'), { mode: 0o600 });
    if (options.account !== undefined) {
      for (const entry of [readable, draft]) await chown(entry, options.account.uid, options.account.gid);
    }
    const args = [
      ...['--pgdata', join(draft, 'data'), '--username', ownerRole, '--pwfile', readable, '--auth', 'scram-sha-256'],
      // Sorting by code point is the same on every machine and does not change with the system's libraries.
      ...['--encoding', 'UTF8', '--locale', 'C', '--locale-provider', 'builtin', '--builtin-locale', 'C.UTF-8'],
      ...['--no-instructions', ...(options.durable ? [] : ['--no-sync', '--no-data-checksums'])],
    ];
    await run(options.binaries.initdb, args, { ...options.account, cwd: '/', env: postgresEnv, timeout: 120_000 });
    await rename(join(draft, 'data'), path);
  } catch (error) {
    // Another start on the same data folder was quicker; its cluster has the same password.
    if ((await versionOf(path)) !== undefined) return;
    const stderr = (error as { stderr?: string }).stderr?.trim();
    throw new Error(`initdb could not make a database cluster in ${path}: ${stderr || (error as Error).message}`, {
      cause: error,
    });
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

/** Leaves a password that is there already: a start that was interrupted or runs beside us may have made a cluster with it. */
async function keepPassword(file: string): Promise<void> {
  try {
    await writeFile(file, randomBytes(24).toString('base64url'), { mode: 0o600, flag: 'wx' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

async function versionOf(path: string): Promise<string | undefined> {
  return readFile(join(path, 'PG_VERSION'), 'utf8').then(
    (text) => text.trim(),
    () => undefined,
  );
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
