/** One stack to a folder: whoever holds it is named in a file there, from before anything starts until all has ended. */
import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

const holderSchema = z.object({ pid: z.int().positive(), born: z.string() });

/**
 * Takes the folder, made when it is not there, for this process; the function given back lets it go. Throws, naming the
 * process, while another one that lives holds it. A holder that was killed, or that a restart of the machine ended, holds nothing.
 */
export async function holdFolder(folder: string): Promise<() => Promise<void>> {
  await mkdir(folder, { recursive: true });
  const file = join(folder, 'holder.json');
  const mine = `${file}.${randomUUID()}`;
  await writeFile(mine, JSON.stringify({ pid: process.pid, born: birthOf(process.pid) }));
  try {
    for (;;) {
      try {
        // Unlike writing, a link is made whole or not at all, and never over another's.
        await link(mine, file);
        return () => rm(file, { force: true });
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
      }
      const holder = await livingHolder(file);
      if (holder !== undefined) {
        throw new Error(
          `A stack runs on ${folder} already (process ${holder}). Stop it first, or choose another folder with --data.`,
        );
      }
      await rm(file, { force: true });
    }
  } finally {
    await rm(mine, { force: true });
  }
}

async function livingHolder(file: string): Promise<number | undefined> {
  try {
    const { pid, born } = holderSchema.parse(JSON.parse(await readFile(file, 'utf8')));
    return born !== '' && birthOf(pid) === born ? pid : undefined;
  } catch {
    // Gone in this moment, or not ours: what is no holder's file holds nothing.
    return undefined;
  }
}

/** When the process was started: with its number it names one process for ever. Empty when there is none now. */
function birthOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    // After the command's name in parentheses; the 22nd field of all, in ticks since the machine started.
    return `${boot} ${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]}`;
  } catch {
    // No such process, or a system without /proc.
  }
  try {
    return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8', stdio: 'pipe' }).trim();
  } catch {
    return '';
  }
}
