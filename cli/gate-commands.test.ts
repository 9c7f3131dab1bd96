import { afterEach, describe, expect, it } from 'vitest';
import { at, counts, gateId, openGate, wholeRun } from './testing/expense-run.ts';
import type { ApiScript, ScriptedApi } from './testing/scripted-api.ts';
import { startScriptedApi } from './testing/scripted-api.ts';
import type { Outcome } from './testing/scripted-world.ts';
import { runInProcess } from './testing/scripted-world.ts';

let api: ScriptedApi | undefined;
afterEach(async () => {
  await api?.close();
  api = undefined;
});

const place = `Manager approves (gate ${gateId})`;
const asked = (id: string, text: string) => ({ id, kind: 'question' as const, by: 'mai', to: 'an', text, at: at(5) });
const bo = { id: 'u-1', displayName: 'Bo Berg', roles: ['clerk'] };
const boris = { id: 'u-2', displayName: 'Boris Bo', roles: ['clerk', 'manager'] };

const script: ApiScript = {
  'GET /health': [{ body: { status: 'alive', practice: false } }],
  'GET /people': [{ body: { items: [bo, boris] } }],
  'POST /gates/:id/claim': [{ body: { gate: gateId, claimed: { by: 'mai', at: at(5) } } }],
  'POST /gates/:id/release': [{ body: { gate: gateId } }],
  'POST /gates/:id/delegate': [{ body: { gate: gateId, from: 'mai', to: 'u-1' } }],
  'POST /gates/:id/withdraw-delegation': [{ body: { gate: gateId, from: 'mai', to: 'u-1' } }],
  'POST /gates/:id/questions': [{ status: 201, body: asked('q-9', 'Which shop?') }],
  'POST /gates/:id/answers': [
    { status: 201, body: { id: 'm-2', kind: 'answer', by: 'an', answers: 'q-1', text: 'Metro.', at: at(6) } },
  ],
};

async function talk(args: string[], more: ApiScript = {}): Promise<Outcome> {
  await api?.close();
  api = await startScriptedApi({ ...wholeRun, ...script, ...more });
  return runInProcess(args, { env: { WAYMARK_API_URL: api.url, WAYMARK_TOKEN: 'tok' } });
}
const sent = (what: string) => api?.received.find(({ route }) => route === `POST /gates/:id/${what}`)?.body;
const withMessages = (...messages: (typeof openGate)['messages']): ApiScript => ({
  'GET /gates/:id': [{ body: { ...openGate, messages } }],
});

describe('waymark gates', () => {
  it.each([
    [['claim', '7f9c'], 'claim', {}, `Claimed ${place}.`],
    [['release', '7f9c'], 'release', {}, `Released ${place}.`],
    [['delegate', '7f9c', 'bo'], 'delegate', { to: 'u-1' }, `Bo Berg may cast your vote at ${place}.`],
    [['withdraw', '7f9c'], 'withdraw-delegation', {}, `u-1 may no longer cast your vote at ${place}.`],
    [
      ['ask', '7f9c', 'Which shop?'],
      'questions',
      { text: 'Which shop?' },
      `Asked an about ${place} (question q-9). The gate stays open.`,
    ],
    [
      ['ask', '7f9c', 'Which shop?', '--to', 'Boris Bo'],
      'questions',
      { text: 'Which shop?', to: 'u-2' },
      `Asked an about ${place} (question q-9). The gate stays open.`,
    ],
  ])('%j does it at the gate and says so', async (args, route, body, said) => {
    expect(await talk(['gates', ...args])).toEqual({ code: 0, stdout: `${said}\n`, stderr: '' });
    expect(sent(route)).toEqual(body);
  });

  it('withdraw says so when nobody had the vote', async () => {
    const nobody = [{ body: { gate: gateId, from: 'mai' } }];
    const { stdout } = await talk(['gates', 'withdraw', gateId], { 'POST /gates/:id/withdraw-delegation': nobody });
    expect(stdout).toBe(`Nobody had your vote at ${place}.\n`);
  });

  it('looks for what only approvers do in the inbox, and for the rest among all that is open', async () => {
    const looked = async (...args: string[]) => {
      await talk(['gates', ...args]);
      return api?.received.find(({ route }) => route === 'GET /gates')?.path;
    };
    for (const args of [
      ['claim', '7f'],
      ['delegate', '7f', 'bo'],
      ['ask', '7f', 'Why?'],
    ])
      expect(await looked(...args)).toBe('/gates?limit=100');
    for (const args of [
      ['show', '7f'],
      ['release', '7f'],
      ['withdraw', '7f'],
      ['answer', '7f', 'So.'],
    ])
      expect(await looked(...args)).toBe('/gates?limit=100&scope=all');
  });

  it('show prints what a decision would be about, who votes for whom and what was asked', async () => {
    const gate = {
      ...openGate,
      delegations: [
        { from: 'mai', to: 'bo', madeAt: at(4), withdrawnAt: at(5) },
        { from: 'mai', to: 'minh', madeAt: at(5) },
      ],
      messages: [asked('q-1', 'Which shop?')],
    };
    const { code, stdout } = await talk(['gates', 'show', gateId], { 'GET /gates/:id': [{ body: gate }] });
    expect(code).toBe(0);
    expect(stdout).toContain('  Decides    manager, not the requester\n');
    expect(stdout).toContain('  minh may cast the vote of mai\n  mai asks an (question q-1)\n    Which shop?\n');
    expect(stdout).not.toContain('bo may cast');
  });

  it('takes the person and the address of the API before or after the name of the command', async () => {
    api = await startScriptedApi({ ...wholeRun, ...script });
    const address = ['--api', api.url, '--token', 'other'];
    for (const args of [
      ['gates', ...address, 'claim', gateId],
      ['gates', 'claim', gateId, ...address],
    ])
      expect((await runInProcess(args)).stdout).toBe(`Claimed ${place}.\n`);
    expect(api.received.map(({ headers }) => headers.authorization)).not.toContain('Bearer tok');
  });
});

describe('a question', () => {
  it('is answered without being named where it is the only one without an answer', async () => {
    const messages = withMessages(
      { ...asked('q-0', 'When?'), by: 'minh' },
      { id: 'm-1', kind: 'answer', by: 'an', answers: 'q-0', text: 'In May.', at: at(5) },
      asked('q-1', 'Which shop?'),
    );
    const { stdout } = await talk(['gates', 'answer', gateId, 'Metro.'], messages);
    expect(stdout).toBe(`Answered mai at ${place}.\n`);
    expect(sent('answers')).toEqual({ question: 'q-1', text: 'Metro.' });
    await talk(['gates', 'answer', gateId, 'In June.', '--question', 'q-0'], messages);
    expect(sent('answers')).toEqual({ question: 'q-0', text: 'In June.' });
  });

  const two = withMessages(asked('q-1', 'Which shop?'), asked('q-2', 'Who\u001b[2J ate?'));
  const listed = '  q-1  mai: Which shop?\n  q-2  mai: Who ate?\n';
  const answered = { id: 'm-1', kind: 'answer' as const, by: 'an', answers: 'q-1', text: 'Metro.', at: at(6) };
  it.each([
    [[], two, `Several questions at ${place} have no answer, expected --question with one of:\n${listed}`],
    [['--question', 'q'], two, `Several questions begin with q, expected enough of the id to tell:\n${listed}`],
    [['--question', 'x'], two, `No question at ${place} begins with x, expected one of:\n${listed}`],
    [[], withMessages(), `Nobody has asked anything at ${place}.\n`],
    [
      [],
      withMessages(asked('q-1', 'Which shop?'), answered),
      `Every question at ${place} has an answer; to answer one again, name it by --question:\n  q-1  mai: Which shop?\n`,
    ],
  ])('that %j does not tell is asked for, and nothing is answered', async (args, messages, why) => {
    const { code, stderr } = await talk(['gates', 'answer', gateId, 'Metro.', ...args], messages);
    expect([code, stderr, sent('answers')]).toEqual([1, why, undefined]);
  });
});

describe('wrong arguments', () => {
  it.each([
    [['claim'], /missing required argument 'gate'/],
    [['delegate', gateId], /missing required argument 'person'/],
    [['ask', gateId], /missing required argument 'text'/],
    [['clame', gateId], /too many arguments for 'gates'/],
    [['claim', gateId, '--overdue'], /unknown option '--overdue'/],
    [['ask', gateId, ' '], /^Unexpected empty question, expected a text\.\n$/],
    [['answer', gateId, ''], /^Unexpected empty answer, expected a text\.\n$/],
    [['delegate', gateId, ' '], /^Unexpected empty person, expected an id, a name or an e-mail address\.\n$/],
  ])('gates %j exits 2 and changes nothing', async (args, why) => {
    const { code, stderr } = await talk(['gates', ...args]);
    expect([code, stderr]).toEqual([2, expect.stringMatching(why)]);
    expect(api?.received.filter(({ route }) => route.startsWith('POST'))).toEqual([]);
  });

  it('a person who may be several is refused with who is meant', async () => {
    const { code, stderr } = await talk(['gates', 'delegate', gateId, 'b']);
    expect([code, stderr, sent('delegate')]).toEqual([
      1,
      'Unexpected person b, expected the id, the name or the e-mail address of one:\n  u-1  Bo Berg, clerk\n  u-2  Boris Bo, clerk, manager\n',
      undefined,
    ]);
  });

  it('a person whom no name tells is left to the API, whose refusal is shown', async () => {
    const problem = {
      type: 'urn:waymark:problem:unknown-person',
      title: 'There is no such person',
      status: 422,
      detail: 'Name another active person of your tenant.',
    };
    const { code, stderr } = await talk(['gates', 'delegate', gateId, 'nobody'], {
      'GET /people': [{ body: { items: [] } }],
      'POST /gates/:id/delegate': [{ problem }],
    });
    expect([code, stderr]).toEqual([1, 'There is no such person. Name another active person of your tenant.\n']);
    expect(sent('delegate')).toEqual({ to: 'nobody' });
  });

  it('a gate that is not open is said to be none', async () => {
    const { stderr } = await talk(['gates', 'release', 'ff'], { 'GET /gates': [{ body: { items: [], counts } }] });
    expect(stderr).toBe('No gate begins with ff: none is open. A gate that is not open is named by its whole id.\n');
  });
});
