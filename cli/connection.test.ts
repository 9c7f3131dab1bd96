import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ConnectionOptions } from './connection.ts';
import { findConnection } from './connection.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'waymark-cli-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const stack = {
  apiUrl: 'http://127.0.0.1:4000',
  practice: true,
  pid: process.pid,
  databaseUrl: 'not read',
  users: [
    { name: 'An Nguyen', email: 'an@acme.example', roles: ['employee'], tenant: 'acme', token: 't-an' },
    { name: 'Mai Tran', email: 'mai@acme.example', roles: ['manager'], tenant: 'acme', token: 't-mai' },
    { name: 'Gus Grant', email: 'gus@globex.example', roles: ['manager', 'mai'], tenant: 'globex', token: 't-gus' },
  ],
};

function writeStack(folder: string, facts: object = stack): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'stack.json'), JSON.stringify(facts));
}

function find(options: ConnectionOptions = {}, env: Record<string, string> = {}, cwd = root) {
  return findConnection(options, { env, cwd });
}

describe('findConnection', () => {
  it('takes options before the environment, and the environment before the stack', () => {
    writeStack(join(root, '.waymark'));
    const env = { WAYMARK_API_URL: 'http://env', WAYMARK_TOKEN: 'env' };
    expect(find({ api: 'http://option', token: 'option' }, env)).toEqual({ apiUrl: 'http://option', token: 'option' });
    expect(find({ token: 'option' }, env)).toEqual({ apiUrl: 'http://env', token: 'option' });
    expect(find({}, env)).toEqual({ apiUrl: 'http://env', token: 'env' });
    expect(find({}, { WAYMARK_API_URL: '', WAYMARK_TOKEN: '' }).token).toBe('t-an');
  });

  it('finds the stack in the nearest .waymark above, passing over one that has none', () => {
    writeStack(join(root, '.waymark'));
    const deep = join(root, 'a/b/c');
    mkdirSync(join(root, 'a/.waymark'), { recursive: true });
    mkdirSync(deep, { recursive: true });
    expect(find({}, {}, deep)).toEqual({
      apiUrl: 'http://127.0.0.1:4000',
      token: 't-an',
      practice: true,
      person: 'An Nguyen',
    });
  });

  it('finds the stack of --data, else of WAYMARK_DATA', () => {
    writeStack(join(root, 'one'), { ...stack, apiUrl: 'http://one' });
    writeStack(join(root, 'two'), { ...stack, apiUrl: 'http://two' });
    expect(find({}, { WAYMARK_DATA: 'one' }).apiUrl).toBe('http://one');
    expect(find({ data: join(root, 'two') }, { WAYMARK_DATA: 'one' }).apiUrl).toBe('http://two');
  });

  it.each([
    ['mai@acme.example', 't-mai'],
    ['MAI TRAN', 't-mai'],
    ['mai', 't-mai'],
    ['gus', 't-gus'],
    ['manager', 't-mai'],
    ['employee', 't-an'],
  ])('acts as the first person whose email, name or role is %s', (as, token) => {
    writeStack(join(root, '.waymark'));
    expect(find({ as }).token).toBe(token);
  });

  it('goes by --as rather than by the environment', () => {
    writeStack(join(root, '.waymark'));
    expect(find({ as: 'mai' }, { WAYMARK_API_URL: 'http://env', WAYMARK_TOKEN: 'env' })).toMatchObject({
      apiUrl: 'http://127.0.0.1:4000',
      token: 't-mai',
    });
  });

  it('names the people there are when --as is none of them', () => {
    writeStack(join(root, '.waymark'));
    expect(() => find({ as: 'eve' })).toThrow(/Unexpected person eve.*\n {2}An Nguyen, an@acme.example, employee\n/);
  });

  it('sends a token of the stack to no other address', () => {
    writeStack(join(root, '.waymark'));
    expect(() => find({ api: 'http://elsewhere' })).toThrow('No token was given for http://elsewhere');
    expect(() => find({}, { WAYMARK_API_URL: 'http://127.0.0.1:4001' })).toThrow('No token was given');
    expect(find({ api: 'http://127.0.0.1:4000/' }).token).toBe('t-an');
  });

  it('refuses --as with --token, and an address that is not one, as wrong usage', () => {
    expect(() => find({ as: 'mai', token: 't' })).toThrow(expect.objectContaining({ name: 'WrongUsage' }));
    expect(() => find({ api: 'ftp://x', token: 't' })).toThrow(expect.objectContaining({ name: 'WrongUsage' }));
  });

  it('says how to start a stack when none runs', () => {
    expect(() => find()).toThrow(
      `No development stack runs in ${root} or above it, and no address and token was given`,
    );
    expect(() => find({}, { WAYMARK_API_URL: 'http://env' })).toThrow('no token was given');
    expect(() => find({}, { WAYMARK_DATA: 'gone' })).toThrow('No development stack runs on gone');
  });

  it('says so when the process of the stack has ended, or its file is not one', () => {
    const { pid } = spawnSync(process.execPath, ['-e', '']);
    writeStack(join(root, '.waymark'), { ...stack, pid });
    expect(() => find()).toThrow(`does not run any more (its process ${pid} has ended)`);
    writeStack(join(root, '.waymark'), { apiUrl: 1 });
    expect(() => find()).toThrow('stack.json does not describe a development stack: apiUrl');
  });
});
