/** What commands know besides the document: the configuration beside or above it, and the documents it links to. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { compile } from '../compiler/compile.ts';
import type { Published } from './api-shapes.ts';
import { editorSurroundings } from './editor-surroundings.ts';
import { publishDocument } from './publish-document.ts';
import type { Outcome } from './testing/scripted-world.ts';
import { runInProcess } from './testing/scripted-world.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'waymark-around-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const write = (name: string, text: string): void => {
  mkdirSync(dirname(join(folder, name)), { recursive: true });
  writeFileSync(join(folder, name), text);
};
const run = (args: string[], stdin = ''): Promise<Outcome> => runInProcess(args, { cwd: folder, stdin });

const audit =
  '# Audit\n\n## Steps\n\n### Check\n\n- agent: [Auditor](../house/house.md#auditor)\n- tools: policy.lookup\n\nIs it right?\n';
const house = '# House\n\n## Agents\n\n### Auditor\n\n- model: small\n- tools: policy.lookup\n\nYou check.\n';
const tool = (effect: 'read' | 'write') => ({ effect, input: { type: 'object' }, output: { type: 'object' } });
const configuration = JSON.stringify({
  models: { small: { model: 'gpt-5-mini' } },
  tools: { 'policy.lookup': tool('read') },
});

describe('compile', () => {
  it('takes things of the documents that links lead to, pinned by the hashes of their graphs', async () => {
    write('audits/audit.md', audit);
    write('house/house.md', house);
    const { code, stdout } = await run(['compile', 'audits/audit.md']);
    expect(code).toBe(0);
    const graph = JSON.parse(stdout);
    expect(graph.externals).toEqual([
      { thing: 'agent', as: 'auditor', file: '../house/house.md', anchor: 'auditor', graph: compile(house).hash },
    ]);
    expect(graph.agents.map((one: { id: string }) => one.id)).toEqual(['auditor']);
  });

  it('says in a line what it could not check, and in the receipt each', async () => {
    write('audits/audit.md', audit);
    write('house/house.md', house);
    const { stderr } = await run(['compile', 'audits/audit.md']);
    expect(stderr).toBe(
      'Not checked: tools, trust. --receipt names each; a configuration file (--config) declares what is needed.\n',
    );
    const { stdout } = await run(['compile', 'audits/audit.md', '--receipt']);
    expect(JSON.parse(stdout).unchecked).toEqual([
      { check: 'tool', where: 'auditor', why: 'tool policy.lookup is not declared here' },
      { check: 'trust', where: 'check', why: 'tool policy.lookup is not declared here' },
    ]);
  });

  it('reads the configuration above the document, and of several the nearest', async () => {
    write('audits/audit.md', audit);
    write('house/house.md', house);
    write('waymark.config.json', configuration);
    expect(await run(['compile', 'audits/audit.md'])).toMatchObject({ code: 0, stderr: '' });
    write('audits/waymark.config.json', '{"tools":{}}');
    const near = await run(['compile', 'audits/audit.md']);
    expect([near.code, near.stderr]).toEqual([1, expect.stringContaining('error[broken-document]')]);
  });

  it('reads the configuration that --config names, and no other', async () => {
    write('audits/audit.md', audit);
    write('house/house.md', house);
    write('waymark.config.json', '{"tools":{}}');
    write('other.json', configuration);
    expect((await run(['compile', 'audits/audit.md', '--config', 'other.json'])).code).toBe(0);
    const missing = await run(['compile', 'audits/audit.md', '--config', 'none.json']);
    expect([missing.code, missing.stderr]).toEqual([2, 'none.json cannot be read: there is no such file.\n']);
  });

  it('names each wrong place of a configuration', async () => {
    write('house.md', house);
    write('waymark.config.json', '{"tools":{"a":{"effect":"maybe"}}}');
    const { code, stderr } = await run(['compile', 'house.md']);
    expect(code).toBe(2);
    expect(stderr).toMatch(/waymark\.config\.json is not a valid configuration:\n {2}tools\.a\.effect: /);
  });

  it('of a document on stdin knows neither', async () => {
    write('waymark.config.json', '{"tools":{}}');
    expect((await run(['compile', '-'], house)).code).toBe(0);
  });

  it('tells a linked file that is not there, and one with mistakes', async () => {
    write('audits/audit.md', audit);
    const none = await run(['compile', 'audits/audit.md']);
    expect([none.code, none.stderr]).toEqual([
      1,
      expect.stringMatching(
        /^audits\/audit\.md:7:10: error\[unknown-document\]: Unexpected link to \.\.\/house\/house\.md/,
      ),
    ]);
    write('house/house.md', house.replace('- model: small\n', ''));
    const broken = await run(['compile', 'audits/audit.md']);
    expect(broken.stderr).toContain(
      'error[broken-document]: Unexpected link to ../house/house.md, which has 1 mistake',
    );
  });
});

describe('publishing', () => {
  const sent: { markdown: string; pins: Readonly<Record<string, string>> | undefined }[] = [];
  const client = {
    publish: async (markdown: string, pins?: Readonly<Record<string, string>>): Promise<Published> => {
      sent.push({ markdown, pins });
      const title = markdown.split('\n')[0]?.slice(2) ?? '';
      return { document: title.toLowerCase(), title, graphHash: `hash of ${title}` };
    },
  };
  beforeEach(() => {
    sent.length = 0;
  });

  it('sends what a document links to first, and pins the link to it', async () => {
    write('house/house.md', house);
    const linked: string[] = [];
    const file = join(folder, 'audits/audit.md');
    const document = { name: 'audits/audit.md', markdown: audit, folder: dirname(file), file };
    await publishDocument(client, document, { onLinked: (one) => linked.push(one.title) });
    expect(sent).toEqual([
      { markdown: house, pins: {} },
      { markdown: audit, pins: { '../house/house.md': 'hash of House' } },
    ]);
    expect(linked).toEqual(['House']);
  });

  it('sends a document alone whose links lead to no file', async () => {
    const file = join(folder, 'audits/audit.md');
    await publishDocument(client, { name: 'audit.md', markdown: audit, folder: dirname(file), file });
    expect(sent).toEqual([{ markdown: audit, pins: {} }]);
  });
});

describe('an editor', () => {
  it('compiles with the texts that are open over those on disk, and keeps what has not changed', async () => {
    write('house/house.md', house);
    const around = editorSurroundings();
    const uri = `file://${folder}/audits/audit.md`;
    const open = (text: string) => (one: string) => (one === `file://${folder}/house/house.md` ? text : undefined);
    const onDisk = await around(uri, audit, () => undefined);
    expect(compile(audit, { surroundings: onDisk }).graph?.agents.map((one) => one.model)).toEqual(['small']);
    expect(await around(uri, audit, () => undefined)).toBe(onDisk);
    const typed = await around(uri, audit, open(house.replace('small', 'large')));
    expect(compile(audit, { surroundings: typed }).graph?.agents.map((one) => one.model)).toEqual(['large']);
    write('waymark.config.json', '{"tools":{}}');
    const declared = await around(uri, audit, () => undefined);
    expect(compile(audit, { surroundings: declared }).diagnostics.map((one) => one.code)).toEqual(['broken-document']);
  });
});
