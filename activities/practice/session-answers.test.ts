import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import type { Json } from '../../compiler/types.ts';
import { completionChunks } from './completions.ts';
import { practiceWords, sessionTurn, wordsKnown } from './session-answers.ts';

const system = { role: 'system', content: 'You help one person.' };
const says = (content: string): Json => ({ role: 'user', content });
const called = (id: string, name: string): Json => ({
  role: 'assistant',
  content: null,
  tool_calls: [{ id, type: 'function', function: { name, arguments: '{}' } }],
});
const answered = (id: string, content: string): Json => ({ role: 'tool', tool_call_id: id, content });
const reading = (index: Json): Json[] => [
  called('1', 'read_proposal'),
  answered('1', `${JSON.stringify(index)}\n\nAll`),
];
const turnAfter = (...messages: Json[]) => sessionTurn({ messages: [system, ...messages] });
const calls = (name: string, args: { [name: string]: Json }) => ({ toolCalls: [{ name, arguments: args }] });

describe('the practice model in a session', () => {
  test.each([
    ['Read', 'read_proposal', {}],
    ['read the transcript of bo', 'read_transcript', { person: 'bo' }],
    ['Share with bo', 'share', { person: 'bo' }],
    ['hand over to bo', 'hand_over', { person: 'bo', sections: null }],
    ['call mail.send with {"to": "bo"}', 'mail.send', { to: 'bo' }],
  ])('%s is one call, whose answer it then tells', (text, tool, args) => {
    expect(turnAfter(says(text))).toEqual(calls(tool, args));
    const done = [called('1', tool.replace('.', '__')), answered('1', 'It is so.')];
    expect(turnAfter(says(text), ...done)).toEqual({ text: `PRACTICE: ${tool} answered It is so.` });
  });

  test.each([
    ['Write The work: {"days": 2}', 'edit_section', { section: 'The work', content: { days: 2 } }, 'd1'],
    ['suggest Summary: Two\nlines', 'suggest', { section: 'Summary', content: 'Two\nlines' }, null],
    ['write state: {"phase": "ready"}', 'change_state', { content: { phase: 'ready' } }, 'd0'],
    [
      'patch state: [{"op": "remove", "path": "/phase"}]',
      'patch_state',
      { patch: [{ op: 'remove', path: '/phase' }] },
      'd0',
    ],
  ])('%s reads first, and writes over what it read', (text, tool, args, base) => {
    expect(turnAfter(says(text))).toEqual(calls('read_proposal', {}));
    const read = reading([
      { section: 'The work', digest: 'd1' },
      { state: true, digest: 'd0' },
    ]);
    expect(turnAfter(says(text), ...read)).toEqual(calls(tool, { ...args, base }));
    const done = [called('2', tool), answered('2', '{"did":"wrote"}')];
    expect(turnAfter(says(text), ...read, ...done)).toEqual({ text: `PRACTICE: ${tool} answered {"did":"wrote"}` });
  });

  test('what was said and done before the last message is not answered again', () => {
    const before = [says('read'), ...reading([]), { role: 'assistant', content: 'Read.' }];
    expect(turnAfter(...before, says('read'))).toEqual(calls('read_proposal', {}));
  });

  test('other words are answered by those that it knows, and a call that its owner said yes to by what came of it', () => {
    expect(turnAfter(says('Write a summary.'))).toEqual({ text: practiceWords });
    expect(turnAfter(says('call mail.send with nothing'))).toEqual({ text: practiceWords });
    expect(turnAfter(says('[answer] yes'), called('1', 'mail__send'), answered('1', 'Sent.'))).toEqual({
      text: 'PRACTICE: it was done and answered Sent.',
    });
    expect(sessionTurn(null)).toEqual({ text: practiceWords });
  });
});

test('the words that it knows stand in the documents, and those there are known', async () => {
  const page = await readFile(new URL('../../docs/sessions.md', import.meta.url), 'utf8');
  const told = [...page.matchAll(/`((?:read|write|patch|suggest|share|hand|call)(?: [^`]*)?)`/g)].map(
    ([, words]) => words,
  );
  expect(told).toEqual([...wordsKnown, 'write What may change: The date of the first day.']);
});

test('a stream brings the words, the calls, why it ended and what it used', () => {
  const chunks = [...completionChunks({ text: 'So it  is.\n' }, 8)] as { choices: { delta: { content?: string } }[] }[];
  expect(chunks.map(({ choices: [choice] }) => choice?.delta.content).filter((word) => word !== undefined)).toEqual([
    'So ',
    'it  ',
    'is.\n',
  ]);
  expect(chunks.at(-2)).toMatchObject({ choices: [{ delta: {}, finish_reason: 'stop' }] });
  expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { prompt_tokens: 2, completion_tokens: 3 } });
  const [calling] = [...completionChunks({ toolCalls: [{ name: 'mail.send', arguments: { to: 'bo' } }] }, 0)];
  expect(calling).toMatchObject({
    choices: [{ delta: { tool_calls: [{ index: 0, function: { name: 'mail__send', arguments: '{"to":"bo"}' } }] } }],
  });
});
