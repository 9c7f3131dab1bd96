/** What the commands do that need a document and no server. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Outcome } from './testing/scripted-world.ts';
import { runInProcess } from './testing/scripted-world.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'waymark-cli-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const write = (name: string, text: string | Uint8Array) => writeFileSync(join(folder, name), text);
const run = (args: string[], stdin = ''): Promise<Outcome> => runInProcess(args, { cwd: folder, stdin });

const greet = '# Greet\n\n## Steps\n\n### Say it\n\n- set:\n  - words: `"hello"`\n';
const misspelt = greet.replace('set:', 'sett:');

describe('compile --receipt', () => {
  it('prints the lines of each part and the hash of each section, and not the graph', async () => {
    write('greet.md', greet);
    const { code, stdout, stderr } = await run(['compile', 'greet.md', '--receipt']);
    expect([code, stderr]).toEqual([0, '']);
    const hash = expect.stringMatching(/^[0-9a-f]{64}$/);
    expect(JSON.parse(stdout)).toEqual({
      schemaVersion: 1,
      graph: hash,
      file: 'greet.md',
      inputs: [],
      types: [],
      agents: [],
      nodes: [{ id: 'say_it', lines: { from: 5, to: 8 } }],
      edges: [],
      result: [],
      sections: [
        { anchor: 'greet', title: 'Greet', depth: 1, lines: { from: 1, to: 1 }, hash },
        { anchor: 'steps', title: 'Steps', depth: 2, lines: { from: 3, to: 3 }, hash },
        { anchor: 'say-it', title: 'Say it', depth: 3, lines: { from: 5, to: 8 }, hash },
      ],
    });
  });

  it('of a document with mistakes prints these', async () => {
    write('greet.md', misspelt);
    const { code, stdout, stderr } = await run(['compile', 'greet.md', '--receipt']);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/^greet\.md:7:3: error\[unknown-setting\]/);
  });
});
