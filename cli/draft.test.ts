import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { refundDocument, refundParts, refundProse } from '../compiler/drafting/testing/refund-prose.ts';
import type { ModelServer, ScriptedCompletion } from '../models/testing/model-server.ts';
import { startModelServer } from '../models/testing/model-server.ts';
import { wholeRun } from './testing/expense-run.ts';
import type { ScriptedApi } from './testing/scripted-api.ts';
import { startScriptedApi } from './testing/scripted-api.ts';
import type { Outcome } from './testing/scripted-world.ts';
import { runInProcess } from './testing/scripted-world.ts';

let folder: string;
let server: ModelServer | undefined;
let api: ScriptedApi | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'waymark-draft-'));
  write('refunds.md', refundProse);
  write('waymark.config.json', JSON.stringify({ models: { small: { model: 'house-1' }, big: { model: 'house-2' } } }));
});
afterEach(async () => {
  rmSync(folder, { recursive: true, force: true });
  await Promise.all([server?.close(), api?.close()]);
  [server, api] = [undefined, undefined];
});

const write = (name: string, text: string) => writeFileSync(join(folder, name), text);
const read = (name: string) => readFileSync(join(folder, name), 'utf8');
const answers = refundParts.map((one) => JSON.stringify(one));
const [inputs = '', looking = '', deciding = ''] = answers;

async function draft(
  args: string[],
  script: readonly ScriptedCompletion[],
  interrupted?: AbortSignal,
): Promise<Outcome> {
  await server?.close();
  server = await startModelServer(script);
  const env = { OPENAI_BASE_URL: server.url };
  return runInProcess(['draft', ...args], { cwd: folder, env, ...(interrupted && { interrupted }) });
}

describe('waymark draft', () => {
  it('shows the document, tells of each section as it is asked, and writes nothing', async () => {
    expect(await draft(['refunds.md'], answers)).toEqual({
      code: 0,
      stdout: refundDocument,
      stderr: [
        'Asking house-1 about Refunds (1 of 3)',
        'Asking house-1 about Who looks (2 of 3)',
        'Asking house-1 about Who decides (3 of 3)',
        'Asked in 1 round: 30 tokens in, 15 out.',
        '',
      ].join('\n'),
    });
    expect(server?.asked.map((one) => one.model)).toEqual(['house-1', 'house-1', 'house-1']);
    expect(existsSync(join(folder, 'document.md'))).toBe(false);
  });

  it('writes the document and its receipt where it is told, asks next time about what has changed alone, and shows the difference', async () => {
    const first = await draft(['refunds.md', '--out', 'refund-document.md'], answers);
    expect([first.code, first.stdout]).toEqual([0, refundDocument]);
    expect(first.stderr).toMatch(/Wrote refund-document\.md\. Nothing is published: read it first\.\n$/);
    expect(read('refund-document.md')).toBe(refundDocument);
    const { model } = JSON.parse(read('refund-document.draft.json')).sections[0].by;
    expect(model).toBe('scripted-1');

    const same = await draft(['refunds.md', '--out', 'refund-document.md'], []);
    expect(same).toEqual({
      code: 0,
      stdout: 'refund-document.md is as it would be drafted.\n',
      stderr: '3 sections were known. Nothing was asked.\n',
    });

    write('refunds.md', refundProse.replace('A manager', 'A director'));
    const director = deciding.replace('["manager"]', '["director"]');
    const { code, stdout, stderr } = await draft(['refunds.md', '--out', 'refund-document.md'], [director]);
    expect(code).toBe(0);
    expect(stdout.split('\n').filter((line) => /^[-+]/.test(line))).toEqual([
      '--- refund-document.md\tas it is',
      '+++ refund-document.md\tas drafted',
      '-- approve: manager',
      '+- approve: director',
    ]);
    expect(stderr).toMatch(/^Asking house-1 about Who decides \(1 of 1\)\n2 sections were known\. Asked in 1 round/);
    expect(read('refund-document.md')).toBe(refundDocument.replace('approve: manager', 'approve: director'));
  });

  it('leaves a document alone that somebody has edited, and asks nothing, unless it is told to overwrite', async () => {
    await draft(['refunds.md', '--out', 'out.md'], answers);
    write('out.md', `${refundDocument}\n## Notes\n\nMine.\n`);
    expect(await draft(['refunds.md', '--out', 'out.md'], [])).toEqual({
      code: 2,
      stdout: '',
      stderr:
        'out.md is there already, and somebody has edited it since it was drafted. Say --overwrite to write it all the same.\n',
    });
    expect(read('out.md')).toMatch(/Mine/);
    const { code, stdout } = await draft(['refunds.md', '--out', 'out.md', '--overwrite'], []);
    expect(code).toBe(0);
    expect(stdout).toMatch(/\n-Mine\.$/m);
    expect(read('out.md')).toBe(refundDocument);
  });

  it('does not write what does not compile: the best attempt is shown, its mistakes are told, and the receipt keeps what holds', async () => {
    const wrong = looking.replace('"gives":"Finding"', '"gives":"Findings"');
    const script = [inputs, wrong, deciding, wrong, wrong, wrong];
    const { code, stdout, stderr } = await draft(['refunds.md', '--out', 'out.md'], script);
    expect(code).toBe(1);
    expect(stdout).toContain('- gives: Findings\n');
    expect(stderr.split('\n').slice(3)).toEqual([
      'Asking house-1 about Who looks again, for the second time (1 of 1)',
      'Asking house-1 about Who looks again, for the third time (1 of 1)',
      'Asking house-1 about Who looks again, for the fourth time (1 of 1)',
      'Asked in 4 rounds: 60 tokens in, 30 out.',
      'step read_the_story: Unexpected type Findings, expected a built-in type or one of the section Types',
      'The draft is not a document yet, and none was written: mend it by hand, say more in the page, or try again.',
      '',
    ]);
    expect(existsSync(join(folder, 'out.md'))).toBe(false);
    expect((await draft(['refunds.md', '--out', 'out.md'], [looking])).code).toBe(0);
    expect(read('out.md')).toBe(refundDocument);
  });

  it('says why the model brought no answer', async () => {
    const { code, stderr } = await draft(['refunds.md'], [inputs, { refusal: 'I would rather not.' }]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/\nThe model brought no answer \(refusal\): I would rather not\.\n/);
  });

  it('ends when it is interrupted, with the receipt of what was answered', async () => {
    const stop = new AbortController();
    const ended = draft(['refunds.md', '--receipt', 'kept.json'], [inputs, { hang: true }], stop.signal);
    while ((server?.asked.length ?? 0) < 2) await new Promise((resolve) => setTimeout(resolve, 20));
    stop.abort();
    expect((await ended).code).toBe(130);
    expect(JSON.parse(read('kept.json')).sections.map((one: { title: string }) => one.title)).toEqual(['Refunds']);
  });

  it('asks the model that it is told to; drafted agents name the usual one', async () => {
    const { stdout } = await draft(['refunds.md', '--model', 'big'], answers);
    expect(server?.asked[0]?.model).toBe('house-2');
    expect(stdout).toBe(refundDocument);
  });

  it.each([
    [['none.md'], {}, 2, /^none\.md cannot be read/],
    [
      ['refunds.md', '--model', 'huge'],
      {},
      2,
      /^Unexpected model huge, expected one of the configuration: small, big\.\n$/,
    ],
    [['refunds.md', '--receipt', 'waymark.config.json'], {}, 2, /^waymark\.config\.json is no receipt of a draft: /],
    [
      ['refunds.md', '--out', 'refunds.md'],
      {},
      2,
      /^refunds\.md is there already, and no receipt says that it was drafted\./,
    ],
    [['refunds.md'], { OPENAI_BASE_URL: '' }, 1, /^There is no model to ask\. Set OPENAI_API_KEY/],
  ])('%j says what is wrong before anything is asked', async (args, env, exitCode, why) => {
    server = await startModelServer([]);
    const outcome = await runInProcess(['draft', ...args], {
      cwd: folder,
      env: { OPENAI_BASE_URL: server.url, ...env },
    });
    expect([outcome.code, outcome.stdout]).toEqual([exitCode, '']);
    expect(outcome.stderr).toMatch(why);
    expect(server.asked).toEqual([]);
  });

  it('without a configuration a model has to be named', async () => {
    rmSync(join(folder, 'waymark.config.json'));
    const { code, stderr } = await draft(['refunds.md'], []);
    expect(code).toBe(2);
    expect(stderr).toMatch(/^Unexpected draft without a model, expected --model, or models in waymark\.config\.json/);
    const named = await draft(['refunds.md', '--model', 'house-3'], answers);
    expect(server?.asked[0]?.model).toBe('house-3');
    expect(named.stdout).toBe(refundDocument.replace('model: small', 'model: house-3'));
  });
});

describe('waymark publish of a page that is not a document', () => {
  const publish = async (script: readonly ScriptedCompletion[], more: { stdin?: string; interactive?: boolean }) => {
    server = await startModelServer(script);
    api = await startScriptedApi(wholeRun);
    const env = { OPENAI_BASE_URL: server.url, WAYMARK_API_URL: api.url, WAYMARK_TOKEN: 'tok' };
    return runInProcess(['publish', 'refunds.md'], { cwd: folder, env, ...more });
  };

  it('offers a person to draft one beside it, and publishes nothing', async () => {
    const { code, stdout, stderr } = await publish(answers, { stdin: 'y\n', interactive: true });
    expect(code).toBe(1);
    expect(stdout).toBe(
      `refunds.md is not a document yet: it has no section such as ## Steps. Draft one from it, by a model, into refunds.draft.md? [y/N] ${refundDocument}`,
    );
    expect(stderr).toMatch(
      /\nrefunds\.md was not published\. Read refunds\.draft\.md, then publish it: waymark publish refunds\.draft\.md\n$/,
    );
    expect(read('refunds.draft.md')).toBe(refundDocument);
    expect(JSON.parse(read('refunds.draft.json')).schemaVersion).toBe(1);
    expect(api?.received).toEqual([]);
  });

  it.each([
    ['a person who says no', { stdin: '\n', interactive: true }],
    ['a script', {}],
  ])('%s gets the mistakes, and no model is asked', async (_, more) => {
    await publish(answers, more);
    expect(server?.asked).toEqual([]);
    expect(api?.received.map((one) => one.route)).toContain('POST /documents');
  });

  it('a document with mistakes is no page to draft from', async () => {
    write('refunds.md', refundDocument.replace('gives: Finding', 'gives: Findings'));
    const { stdout } = await publish([], { stdin: 'y\n', interactive: true });
    expect(stdout).not.toMatch(/Draft one/);
    expect(server?.asked).toEqual([]);
  });
});
