/** What the commands do that need a document and no server. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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
const read = (name: string) => readFileSync(join(folder, name), 'utf8');
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
      schemaVersion: 2,
      graph: hash,
      file: 'greet.md',
      inputs: [],
      types: [],
      agents: [],
      nodes: [{ id: 'say_it', lines: { from: 5, to: 8 } }],
      edges: [],
      result: [],
      externals: [],
      unchecked: [],
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

describe('diff', () => {
  const edited = greet
    .replace('"hello"', '"good day"')
    .replace(
      /$/,
      '\n### Say it again\n\n- when: `size(say_it.words) > 0`\n- tool: say.aloud\n- with:\n  - words: `say_it.words`\n',
    );

  it('says what differs and what a resume may run again, and exits 1', async () => {
    write('old.md', `${greet}\n### Say it again\n\n- tool: say.aloud\n- with:\n  - words: \`say_it.words\`\n`);
    write('new.md', edited.replace('# Greet', '# Greet all'));
    const { code, stdout, stderr } = await run(['diff', 'old.md', 'new.md']);
    expect([code, stderr]).toEqual([1, '']);
    expect(stdout).toBe(`Document
  ~ id
  ~ heading

Steps
  ~ Say it (say_it): set, gives
  ~ Say it again (say_it_again): when

On a resume these steps may run again, gates be asked again
  Say it (say_it): it is another step now
  Say it again (say_it_again): it reads Say it
`);
  });

  it('says which steps and edges came and went', async () => {
    write('old.md', greet);
    const { code, stdout } = await run(['diff', 'old.md', '-'], edited.replace('"good day"', '"hello"'));
    expect(code).toBe(1);
    expect(stdout).toBe(`Steps
  + Say it again (say_it_again)

Edges
  + say_it to say_it_again

On a resume no step that is done runs again.
`);
  });

  it('with --json prints the same for programs, with the hash of each graph', async () => {
    write('old.md', greet);
    const { code, stdout } = await run(['diff', 'old.md', '-', '--json'], greet.replace('"hello"', '"hi"'));
    expect(code).toBe(1);
    const hash = expect.stringMatching(/^[0-9a-f]{64}$/);
    expect(JSON.parse(stdout)).toMatchObject({
      old: { file: 'old.md', graph: hash },
      new: { file: '<stdin>', graph: hash },
      same: false,
      steps: {
        added: [],
        removed: [],
        changed: [{ name: 'say_it', what: ['set', 'gives'], through: [], rerun: true }],
      },
      mayRerun: [{ step: 'say_it', because: 'changed', steps: [] }],
    });
  });

  it('of documents with the same graph exits 0', async () => {
    write('old.md', greet);
    const { code, stdout, stderr } = await run(
      ['diff', 'old.md', '-'],
      greet.replace('## Steps', 'A note.\r\n## Steps'),
    );
    expect([code, stdout, stderr]).toEqual([0, 'No difference.\n', '']);
  });

  it('of a document with mistakes shows them and exits 2, as for a file that is not there', async () => {
    write('old.md', greet);
    write('new.md', misspelt);
    const { code, stdout, stderr } = await run(['diff', 'old.md', 'new.md']);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/^new\.md:7:3: error\[unknown-setting\]/);
    expect(stderr).toMatch(/\nnew\.md cannot be compared, expected documents without mistakes\.\n$/);
    expect((await run(['diff', 'old.md', 'gone.md'])).code).toBe(2);
    expect((await run(['diff', '-', '-'])).stderr).toMatch(/^Unexpected - more than once/);
  });

  it('documents its exit codes', async () => {
    const { code, stdout } = await run(['diff', '--help']);
    expect(code).toBe(0);
    expect(stdout).toContain('  1  the graphs differ\n');
  });
});

describe('format', () => {
  const untidy = '# Greet\r\n## Steps\r\n### Say it\r\n* set:\r\n    * words:  `"hello"`\r\n';

  it('rewrites the documents whose layout is another, and names them', async () => {
    write('untidy.md', untidy);
    write('tidy.md', greet);
    const { code, stdout, stderr } = await run(['format', 'untidy.md', 'tidy.md']);
    expect([code, stdout, stderr]).toEqual([0, 'untidy.md\n', '']);
    expect([read('untidy.md'), read('tidy.md')]).toEqual([greet, greet]);
  });

  it('with --check names them, writes nothing and exits 1, or 0 where nothing would change', async () => {
    write('untidy.md', untidy);
    write('tidy.md', greet);
    const { code, stdout, stderr } = await run(['format', '--check', 'tidy.md', 'untidy.md']);
    expect([code, stdout, stderr]).toEqual([1, 'untidy.md\n', '']);
    expect(read('untidy.md')).toBe(untidy);
    expect(await run(['format', '--check', 'tidy.md'])).toEqual({ code: 0, stdout: '', stderr: '' });
  });

  it('of - goes from stdin to stdout', async () => {
    expect(await run(['format', '-'], untidy)).toEqual({ code: 0, stdout: greet, stderr: '' });
    expect(await run(['format', '--check', '-'], untidy)).toEqual({ code: 1, stdout: '<stdin>\n', stderr: '' });
  });

  it('leaves a document with mistakes as it is, shows them and exits 1; the others are formatted', async () => {
    const wrong = untidy.replace('set:', 'sett:');
    write('wrong.md', wrong);
    write('untidy.md', untidy);
    const { code, stdout, stderr } = await run(['format', 'wrong.md', 'untidy.md']);
    expect([code, stdout]).toEqual([1, 'untidy.md\n']);
    expect(stderr).toMatch(/^wrong\.md:4:3: error\[unknown-setting\]/);
    expect(stderr).toMatch(/\nwrong\.md is left as it is, expected a document without mistakes\.\n$/);
    expect([read('wrong.md'), read('untidy.md')]).toEqual([wrong, greet]);
  });

  it('of a file that is not there, or no text, exits 2 and changes nothing', async () => {
    write('untidy.md', untidy);
    write('latin.md', Buffer.concat([Buffer.from(untidy), Buffer.from([0xe9])]));
    expect((await run(['format', 'untidy.md', 'gone.md'])).code).toBe(2);
    const { code, stderr } = await run(['format', 'untidy.md', 'latin.md']);
    expect([code, stderr]).toEqual([2, 'latin.md cannot be formatted: it is not UTF-8.\n']);
    expect(read('untidy.md')).toBe(untidy);
  });
});
