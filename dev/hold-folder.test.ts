import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { holdFolder } from './hold-folder.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'waymark-hold-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const refusal = (pid: number) =>
  `A stack runs on ${folder} already (process ${pid}). Stop it first, or choose another folder with --data.`;

test('a folder is held by one at a time, and let go by its holder', async () => {
  const letGo = await holdFolder(folder);
  await expect(holdFolder(folder)).rejects.toThrow(refusal(process.pid));
  await letGo();
  await (await holdFolder(folder))();
  expect(readdirSync(folder)).toEqual([]);
});

test('of many at the same moment one gets it', async () => {
  const tries = await Promise.allSettled(Array.from({ length: 20 }, () => holdFolder(folder)));
  expect(tries.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
});

test('a process that was killed holds nothing any more', async () => {
  const source = `
    import { holdFolder } from ${JSON.stringify(new URL('./hold-folder.ts', import.meta.url).href)};
    await holdFolder(${JSON.stringify(folder)});
    console.log('held');
    setInterval(() => {}, 1000);`;
  const other = spawn(process.execPath, ['--input-type=module', '-e', source], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(other.stdout, 'data');
  await expect(holdFolder(folder)).rejects.toThrow(refusal(other.pid ?? 0));
  other.kill('SIGKILL');
  await once(other, 'exit');
  await (await holdFolder(folder))();
});

test('another process that has the number of the one that held it holds nothing, nor does a file that is none of ours', async () => {
  await holdFolder(folder);
  const file = join(folder, 'holder.json');
  const held = JSON.parse(readFileSync(file, 'utf8')) as { pid: number; born: string };
  writeFileSync(file, JSON.stringify({ ...held, born: 'before the machine was restarted' }));
  await (await holdFolder(folder))();
  writeFileSync(file, 'something else');
  await (await holdFolder(folder))();
});
