import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { at, counts, events, gateId, graphHash, openGate, startedRun, wholeRun } from './testing/expense-run.ts';
import type { ApiScript, ScriptedApi } from './testing/scripted-api.ts';
import { startScriptedApi } from './testing/scripted-api.ts';
import type { Outcome, Surroundings } from './testing/scripted-world.ts';
import { runInProcess } from './testing/scripted-world.ts';

let folder: string;
let api: ScriptedApi | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'waymark-cli-'));
});
afterEach(async () => {
  rmSync(folder, { recursive: true, force: true });
  await api?.close();
  api = undefined;
});

const write = (name: string, text: string) => writeFileSync(join(folder, name), text);
const run = (args: string[], more: Surroundings = {}): Promise<Outcome> => runInProcess(args, { cwd: folder, ...more });

/** Runs a command that talks to an API which answers as scripted. */
async function talk(args: string[], script: ApiScript = {}, more: Surroundings = {}): Promise<Outcome> {
  api = await startScriptedApi({ ...wholeRun, ...script });
  return run(args, { env: { WAYMARK_API_URL: api.url, WAYMARK_TOKEN: 'tok' }, ...more });
}

const sent = (route: string) => api?.received.find((one) => one.route === route)?.body;

const good = '# Greet\n\n## Steps\n### Say it\n- set:\n  - words: `"hello"`\n';
const bad = '# Greet\n\n## Steps\n### Say it\n- sett:\n  - words: `"hello"`\n';

describe('wrong usage', () => {
  it.each([
    [[], /^Usage: waymark/],
    [['fly'], /unknown command 'fly'/],
    [['compile'], /missing required argument 'file'/],
    [['compile', 'a.md', 'b.md'], /too many arguments/],
    [['compile', '--api', 'http://x', 'a.md'], /unknown option '--api'/],
    [['decide', 'g'], /missing required argument 'action'/],
    [['gates', '--as'], /argument missing/],
    [['gates', '--as', 'mai', '--token', 't'], /Unexpected --as together with --token/],
    [['compile', 'nope.md'], /^nope\.md cannot be read: there is no such file\.\n$/],
    [['run', '-', '--input', '-'], /Unexpected - more than once/],
  ])('%j exits 2 and says why on stderr', async (args, why) => {
    const { code, stdout, stderr } = await run(args);
    expect(stderr).toMatch(why);
    expect([code, stdout]).toEqual([2, '']);
  });

  it('of a file that is not JSON names the file and shows where, before anything is sent', async () => {
    write('document.md', good);
    write('input.json', '{"a": }');
    const { code, stderr } = await talk(['run', '.', '--input', 'input.json']);
    expect(code).toBe(2);
    expect(stderr).toBe(`input.json is not JSON: Unexpected token '}', "{"a": }" is not valid JSON\n`);
    expect(api?.received).toEqual([]);
  });
});

it('help exits 0 on stdout and documents the exit codes', async () => {
  const { code, stdout, stderr } = await run(['--help']);
  expect([code, stderr]).toEqual([0, '']);
  expect(stdout).toContain('  3  with --follow, the run was rejected, cancelled or failed, or needs attention\n');
});

describe('compile', () => {
  it('prints the graph, of a file, a folder or stdin alike', async () => {
    write('document.md', good);
    const outcomes = [
      await run(['compile', 'document.md']),
      await run(['compile', '.', '--json']),
      await run(['compile', '-'], { stdin: good }),
    ];
    for (const { code, stdout, stderr } of outcomes) {
      expect([code, stderr]).toEqual([0, '']);
      expect(JSON.parse(stdout)).toMatchObject({
        schemaVersion: 1,
        id: 'greet',
        nodes: [{ id: 'say_it', kind: 'set' }],
      });
    }
  });

  it('prints every mistake in its place with an excerpt on stderr, and nothing on stdout', async () => {
    write('greet.md', bad);
    const { code, stdout, stderr } = await run(['compile', 'greet.md']);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(
      /^greet\.md:5:3: error\[unknown-setting\]: .*\(did you mean set\?\)\n5 \| - sett:\n {2}\| {3}\^/,
    );
    expect(stderr).toMatch(/\n1 mistake\n$/);
  });

  it('prints warnings on stderr, and the graph all the same', async () => {
    const step = (title: string) => `### ${title}\n- agent: [Clerk](#clerk)\n- budget: 20 tokens\n`;
    const agent = '## Agents\n### Clerk\n- model: small\n';
    write('spend.md', `# Spend\n- budget: 30 tokens\n\n${agent}\n## Steps\n${step('One')}\n${step('Two')}`);
    const { code, stdout, stderr } = await run(['compile', 'spend.md']);
    expect([code, JSON.parse(stdout).budget]).toEqual([0, { tokens: 30 }]);
    expect(stderr).toMatch(/^spend\.md:15:11: warning\[budget-sum\]: Unexpected sum of 40 tokens /);
    expect(stderr).not.toContain('mistake');
  });

  it('with --json prints the mistakes as an array on stdout, and nothing on stderr', async () => {
    const { code, stdout, stderr } = await run(['compile', '-', '--json'], { stdin: bad });
    expect([code, stderr]).toEqual([1, '']);
    expect(JSON.parse(stdout)).toEqual([
      {
        file: '<stdin>',
        line: 5,
        column: 3,
        severity: 'error',
        code: 'unknown-setting',
        message: expect.stringMatching(/^Unexpected .*\(did you mean set\?\)$/),
        related: [],
      },
    ]);
  });
});

describe('publish', () => {
  it('says under which graph the document stands', async () => {
    const { code, stdout } = await talk(['publish', '-'], {}, { stdin: good });
    expect(code).toBe(0);
    expect(stdout).toBe(
      `PRACTICE: models answer from a script, no real model is asked.\nPublished Expense approval as expense-approval, graph ${graphHash}\n`,
    );
    expect(sent('POST /documents')).toEqual({ markdown: good });
  });

  it('shows the mistakes that the API found in their places', async () => {
    const diagnostic = {
      code: 'unknown-setting' as const,
      severity: 'error' as const,
      message: 'Unexpected setting sett, expected set',
      line: 5,
      column: 3,
      endLine: 5,
      endColumn: 7,
      related: [],
    };
    const problem = {
      type: 'urn:waymark:problem:document-has-mistakes',
      title: 'The document has mistakes',
      status: 422,
      diagnostics: [diagnostic],
    };
    const { code, stderr } = await talk(['publish', '-'], { 'POST /documents': [{ problem }] }, { stdin: bad });
    expect(code).toBe(1);
    expect(stderr).toBe(
      '<stdin>:5:3: error[unknown-setting]: Unexpected setting sett, expected set\n5 | - sett:\n  |   ^^^^\nThe document has mistakes. Nothing was published.\n',
    );
  });
});

describe('run', () => {
  beforeEach(() => {
    write('document.md', good);
    write('input.json', '{"claimed": 1}');
    write('practice.json', '{"steps": {}}');
    write('other.json', '{"steps": {"a": []}}');
  });

  it('sends the input and the practice script that stand beside the document', async () => {
    const { code, stdout } = await talk(['run', '.']);
    expect(code).toBe(0);
    expect(sent('POST /runs')).toEqual({ graphHash, input: { claimed: 1 }, practice: { steps: {} } });
    expect(stdout).toContain('Started run run-1 (practice: answered from a script)\nWeb UI http://127.0.0.1:8233/');
  });

  it('keeps the practice script to itself where models are real', async () => {
    const { stdout } = await talk(['run', 'document.md'], {
      'GET /health': [{ body: { status: 'alive', practice: false } }],
      'POST /runs': [{ body: { ...startedRun, practice: false } }],
    });
    expect(sent('POST /runs')).toEqual({ graphHash, input: { claimed: 1 } });
    expect(stdout).not.toMatch(/practice/i);
  });

  it('takes the files that are named instead', async () => {
    await talk(['run', '.', '--input', '-', '--practice', 'other.json'], {}, { stdin: '[1]' });
    expect(sent('POST /runs')).toEqual({ graphHash, input: [1], practice: { steps: { a: [] } } });
  });

  it('names each input that the API refuses', async () => {
    const problem = {
      type: 'urn:waymark:problem:invalid-input',
      title: "The input does not meet the document's Inputs",
      status: 400,
      errors: [{ at: '/claimed', in: 'input' as const, message: 'Unexpected text, expected a number' }],
    };
    const { code, stderr } = await talk(['run', '.'], { 'POST /runs': [{ problem }] });
    expect(code).toBe(1);
    expect(stderr).toBe(
      "The input does not meet the document's Inputs.\n  input /claimed: Unexpected text, expected a number\n",
    );
  });

  it('with --follow shows each step, what the gate asks, the result and the journal, and exits 0', async () => {
    const { code, stdout, stderr } = await talk(['run', '.', '--follow']);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain('10:00:03  Read the receipt: done (quality 1)\n');
    expect(stdout).toContain(`  Decide it with: npx waymark decide ${gateId} ACTION --comment TEXT\n`);
    expect(stdout).toContain('Result:\n{\n  "paid": {\n    "amount": 620\n  }\n}\n');
    expect(stdout).toContain('3  10:00:02  step.turn    read        1');
    expect(stdout).toMatch(/The run is completed \(practice\)\.\n$/);
  });

  it.each(['rejected', 'failed', 'cancelled'] as const)('with --follow exits 3 when the run was %s', async (status) => {
    const ended = {
      ...startedRun,
      status,
      endedAt: at(9),
      lineage: { rootRun: 'run-1', runs: [] },
      calls: [],
      steps: [],
      waiting: [],
    };
    const { code, stdout } = await talk(['run', '.', '--follow'], {
      'GET /runs/:id': [{ body: ended }],
      'GET /runs/:id/events': [
        { events: [{ seq: 1, at: at(9), type: 'run.ended', body: { status } }] },
        { events: [] },
      ],
    });
    expect(code).toBe(3);
    expect(stdout).toMatch(new RegExp(`The run has no result\\.[\\s\\S]*The run is ${status} \\(practice\\)\\.\\n$`));
  });

  it('with --follow leaves the run alone when interrupted, and says so', async () => {
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 200);
    const { code, stderr } = await talk(
      ['run', '.', '--follow'],
      { 'GET /runs/:id/events': [{ events: events.slice(0, 2) }, { raw: '', status: 503 }] },
      { interrupted: stop.signal },
    );
    expect([code, stderr]).toEqual([130, 'The run goes on. See it with: npx waymark inspect run-1\n']);
  });
});

describe('gates', () => {
  it('lists what waits for me', async () => {
    const { code, stdout } = await talk(['gates']);
    expect(code).toBe(0);
    expect(stdout).toContain(`${gateId}  Manager approves  Expense approval  ${at(4)}  approve, reject  practice\n`);
    expect(stdout).toMatch(/\nWaiting for you: 1, overdue of them: 0\. Claimed by you: 0\.\n$/);
  });

  it('says so when nothing does', async () => {
    const { stdout } = await talk(['gates'], { 'GET /gates': [{ body: { items: [], counts } }] });
    expect(stdout).toMatch(/\nNo gate waits for you\.\n$/);
  });

  it('with --json prints only JSON, and keeps what a terminal would obey as escapes', async () => {
    const { stdout } = await talk(['gates', '--json']);
    expect(stdout).toContain('Metro\\u001b[2J');
    expect(JSON.parse(stdout)).toMatchObject([{ id: gateId, subject: 'subject-1', run: { practice: true } }]);
  });
});

describe('gates of others', () => {
  it('are asked for by the filters that are given', async () => {
    const { stdout } = await talk(['gates', '--all', '--overdue', '--status', 'any', '--document', 'claim'], {
      'GET /gates': [
        { body: { items: [{ ...openGate, dueAt: at(3), overdue: true, claimed: { by: 'mai', at: at(2) } }], counts } },
      ],
    });
    expect(api?.received.at(-1)?.path).toBe('/gates?limit=100&scope=all&status=any&document=claim&overdue=true');
    expect(stdout).toContain('approve, reject  practice, overdue, claimed by mai\n');
  });

  it('of one run are asked for by its id; where there is none, what waits for me is counted all the same', async () => {
    const body = { items: [], counts: { mine: 3, claimed: 2, overdue: 1 } };
    const { stdout } = await talk(['gates', '--run', 'run-1', '--claimed', 'nobody'], { 'GET /gates': [{ body }] });
    expect(api?.received.at(-1)?.path).toBe('/gates?limit=100&claimed=nobody&run=run-1');
    expect(stdout).toMatch(
      /\nNo gate is as asked for\.\nWaiting for you: 3, overdue of them: 1\. Claimed by you: 2\.\n$/,
    );
  });
});

describe('decide', () => {
  it('shows who has said what and who is still needed, and casts a vote that was delegated', async () => {
    const vote = { id: 'd-0', subject: 'subject-1', decidedAt: at(5), counts: true } as const;
    const gate = {
      ...openGate,
      quorum: 2,
      form: { type: 'object' },
      dueAt: at(9),
      decisions: [{ ...vote, by: 'minh', for: 'ha', action: 'approve', comment: 'as agreed' }],
      messages: [{ id: 'q-1', kind: 'question' as const, by: 'minh', to: 'an', text: 'Which shop?', at: at(4) }],
    };
    const missing = [{ roles: ['manager'], people: ['bo'], more: 1 }];
    const { stdout } = await talk(['decide', gateId, 'approve', '--for', 'mai'], {
      'GET /gates/:id': [{ body: gate }],
      'POST /gates/:id/decisions': [
        { status: 201, body: { id: 'd-1', gate: gateId, run: 'run-1', action: 'approve', decidedAt: at(6), missing } },
      ],
    });
    expect(stdout).toContain('  Decides    2 of manager, not the requester\n');
    expect(stdout).toContain('  minh for ha: approve\n    as agreed\n');
    expect(stdout).toContain('  minh asks an (question q-1)\n    Which shop?\n');
    expect(stdout).toMatch(/\nVoted: approve\. The gate waits for 1 more of manager or bo\.\n$/);
    expect(sent('POST /gates/:id/decisions')).toEqual({ action: 'approve', subject: 'subject-1', for: 'mai' });
  });

  it('shows what the gate is about, and decides that subject', async () => {
    write('form.json', '{"limit": 5}');
    const { code, stdout } = await talk(['decide', '7f9c', 'approve', '--comment', 'fine', '--form', 'form.json']);
    expect(code).toBe(0);
    expect(stdout).toContain('  Asked\n    Is this within policy?\n      Gate       forged line\n');
    expect(stdout).toContain(
      '  Read the receipt\n    {\n      "amount": 620,\n      "merchant": "Metro\\u001b[2J"\n    }\n',
    );
    expect(stdout).toContain('  note\n    please\n    pay\n');
    expect(stdout).toMatch(/\nDecided: approve\n$/);
    expect(sent('POST /gates/:id/decisions')).toEqual({
      action: 'approve',
      subject: 'subject-1',
      comment: 'fine',
      form: { limit: 5 },
    });
  });

  it('takes the whole id of a gate that is not in my inbox', async () => {
    await talk(['decide', gateId, 'reject']);
    expect(api?.received.map(({ route }) => route)).toEqual([
      'GET /health',
      'GET /gates/:id',
      'POST /gates/:id/decisions',
    ]);
  });

  it('refuses the beginning of two ids, of none, and an action that is not offered, deciding nothing', async () => {
    const two = [{ body: { items: [openGate, { ...openGate, id: '7f9d', title: 'Other' }], counts } }];
    const ambiguous = await talk(['decide', '7f9', 'approve'], { 'GET /gates': two });
    expect(ambiguous.code).toBe(1);
    expect(ambiguous.stderr).toBe(
      `More than one gate begins with 7f9, expected enough of the id to tell:\n  ${gateId}  Manager approves\n  7f9d  Other\n`,
    );
    await api?.close();
    const none = await talk(['decide', 'ff', 'approve']);
    expect([none.code, none.stderr]).toEqual([
      1,
      `No gate in your inbox begins with ff, expected one of:\n  ${gateId}  Manager approves\n`,
    ]);
    await api?.close();
    const unknown = await talk(['decide', '7f9c', 'aprove']);
    expect([unknown.code, unknown.stderr]).toEqual([
      1,
      'Unexpected action aprove, expected one of: approve, reject.\n',
    ]);
    expect(sent('POST /gates/:id/decisions')).toBeUndefined();
  });

  it('gives the reason of a refusal', async () => {
    const problem = {
      type: 'urn:waymark:problem:already-decided',
      title: 'The gate has been decided',
      status: 409,
      detail: 'One decision was made and stands.',
    };
    const { code, stderr } = await talk(['decide', gateId, 'approve'], { 'POST /gates/:id/decisions': [{ problem }] });
    expect([code, stderr]).toEqual([1, 'The gate has been decided. One decision was made and stands.\n']);
  });
});

describe('inspect', () => {
  it('shows where the run stands, who it waits for, its steps and its journal', async () => {
    const { code, stdout } = await talk(['inspect', 'run-1']);
    expect(code).toBe(0);
    expect(stdout).toContain('Status    waiting (practice: answered from a script)\n');
    expect(stdout).toContain(
      `Waits for manager or bo: Manager approves, since ${at(4)} (npx waymark decide ${gateId} ACTION)\n`,
    );
    expect(stdout).toContain('Manager approves  approve  waiting\n');
    expect(stdout).toContain('In all: 100 tokens in, 20 out');
  });

  it('with --json prints the run and its journal', async () => {
    const { stdout } = await talk(['inspect', 'run-1', '--json']);
    expect(JSON.parse(stdout)).toMatchObject({
      run: { id: 'run-1', status: 'waiting' },
      journal: { totals: { tokensIn: 100 } },
    });
  });
});

it('cancel asks for it with the comment', async () => {
  const { code, stdout } = await talk(['cancel', 'run-1', '--comment', 'wrong claim']);
  expect(code).toBe(0);
  expect(stdout).toContain('Asked to cancel run run-1.');
  expect(sent('POST /runs/:id/cancel')).toEqual({ comment: 'wrong claim' });
});
