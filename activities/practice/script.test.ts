import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parsePracticeScript, practiceJsonSchema, scriptedToolAnswer, scriptedTurn } from './script.ts';

const parse = (value: unknown) => {
  const parsed = parsePracticeScript(JSON.stringify(value));
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.script;
};
const at = (step: string, pass = 1, attempt = 1) => ({ step, pass, attempt });

test('the published schema is the one in force', async () => {
  const published = JSON.parse(await readFile(join(import.meta.dirname, 'practice.schema.json'), 'utf8'));
  expect(published).toEqual(JSON.parse(JSON.stringify(practiceJsonSchema())));
});

test("the example's script is valid", async () => {
  const text = await readFile(join(import.meta.dirname, '../../examples/expense-approval/practice.json'), 'utf8');
  expect(parsePracticeScript(text)).toMatchObject({ ok: true });
});

describe('mistakes in a script', () => {
  test('each is told with its place', () => {
    const script = {
      tools: { 'policy.lookup': { effect: 'look' } },
      steps: {
        read: [{ turns: [{ content: 1, text: 'x' }, { usage: { tokensIn: 1, tokensOut: 1 } }, { contents: 1 }] }],
        pay: [],
      },
    };
    const parsed = parsePracticeScript(JSON.stringify(script));
    expect(parsed.ok ? [] : parsed.problems.map(({ path }) => path)).toEqual([
      'tools.policy.lookup.effect',
      'steps.read[0].turns[0]',
      'steps.read[0].turns[1]',
      'steps.read[0].turns[2]',
      'steps.pay',
    ]);
    expect(parsed).toMatchObject({
      problems: { 1: { message: 'Unexpected content and text together, expected one of them' } },
    });
  });

  test('text that is not JSON is told as that', () => {
    expect(parsePracticeScript('{')).toMatchObject({
      ok: false,
      problems: [{ path: '', message: expect.stringContaining('not JSON') }],
    });
  });
});

describe('what is scripted', () => {
  const script = parse({
    tools: {
      lookup: {
        effect: 'read',
        answers: [{ when: { category: 'meals', at: { x: 1 } }, output: 'm' }, { output: 'any' }],
      },
    },
    steps: {
      read: [
        {
          turns: [{ content: 1 }, { attempts: [{ status: 429 }, { content: 2 }] }],
          answers: [{ when: { category: 'fuel' }, output: 'own' }],
        },
        { turns: [{ text: 'second pass' }] },
      ],
      pay: [{ tool: { reference: 'r' } }],
    },
  });

  test('a turn is found by pass, by answers before it, and by attempt', () => {
    expect(scriptedTurn(script, at('read'), 0)).toEqual({ ok: true, answer: { content: 1 } });
    expect(scriptedTurn(script, at('read'), 1)).toEqual({ ok: true, answer: { status: 429 } });
    expect(scriptedTurn(script, at('read', 1, 2), 1)).toEqual({ ok: true, answer: { content: 2 } });
    expect(scriptedTurn(script, at('read', 1, 9), 1)).toEqual({ ok: true, answer: { content: 2 } });
    expect(scriptedTurn(script, at('read', 2), 0)).toEqual({ ok: true, answer: { text: 'second pass' } });
  });

  test('what is not scripted is told with the place where it is missing', () => {
    expect(scriptedTurn(script, at('write'), 0)).toEqual({
      ok: false,
      problem: 'The practice script answers nothing for step write, pass 1: expected turns at steps.write[0].turns',
    });
    expect(scriptedTurn(script, at('read', 2), 1)).toEqual({
      ok: false,
      problem: 'The practice script has 1 turns for step read, pass 2: expected one more at steps.read[1].turns[1]',
    });
    expect(scriptedToolAnswer(script, at('other'), 'bank', {})).toMatchObject({ ok: false });
  });

  test("a tool answers by its arguments, the step's own answers first", () => {
    const answer = (args: { [key: string]: string | { x: number } }) =>
      scriptedToolAnswer(script, at('read'), 'lookup', args);
    expect(answer({ category: 'meals', at: { x: 1 } })).toEqual({
      ok: true,
      answer: { when: { category: 'meals', at: { x: 1 } }, output: 'm' },
    });
    expect(answer({ category: 'meals', at: { x: 2 } })).toEqual({ ok: true, answer: { output: 'any' } });
    expect(answer({ category: 'fuel' })).toEqual({ ok: true, answer: { when: { category: 'fuel' }, output: 'own' } });
    expect(scriptedToolAnswer(script, at('pay'), 'bank', {})).toEqual({
      ok: true,
      answer: { output: { reference: 'r' } },
    });
  });
});
