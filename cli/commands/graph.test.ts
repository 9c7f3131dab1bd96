import { expect, it } from 'vitest';
import { runInProcess } from '../testing/scripted-world.ts';

const good = '# Greet\n\n## Steps\n### Say it\n- set:\n  - words: `"hello"`\n';

it('graph prints a Mermaid flowchart of a document', async () => {
  expect(await runInProcess(['graph', '-'], { stdin: good })).toEqual({
    code: 0,
    stdout: 'flowchart TD\n  start(["Greet"])\n  s1["Say it"]\n  finish(["end"])\n  start --> s1\n  s1 --> finish\n',
    stderr: '',
  });
});

it('graph of a document with mistakes prints only them, and exits 1', async () => {
  const { code, stdout, stderr } = await runInProcess(['graph', '-'], { stdin: good.replace('set:', 'sett:') });
  expect([code, stdout]).toEqual([1, '']);
  expect(stderr).toMatch(/^<stdin>:5:3: error\[unknown-setting\]: /);
});
