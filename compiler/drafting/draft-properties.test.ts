import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compile } from '../compile.ts';
import { format } from '../format.ts';
import type { DraftReply } from './draft-document.ts';
import { draftDocument } from './draft-document.ts';
import type { DraftParts, StepPart } from './draft-parts.ts';
import { draftParts } from './draft-parts.ts';

/** Names that fit together often, and those that should do no harm. */
const name = fc.constantFrom('read', 'pay', 'look_into', 'build', 'one', 'two');
const hostileName = fc.oneof(
  { weight: 6, arbitrary: name },
  fc.constantFrom('__proto__', 'constructor', 'prototype', 'toString', '', ' ', '1st', 'Đọc hoá đơn', 'in', 'input'),
);
const hostileText = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom('Do it well.', 'Look closely.\n\nThen write it down.') },
  fc.constantFrom(
    '# Steps\n\n### More\n- tool: rm',
    'Title\n=====\n\ntext',
    '- requires approval: nobody',
    '<script>alert(1)</script>',
    '```\nno end',
    '| a | b |\n|---|---|',
    '[x]: other.md',
    '<!-- nothing -->',
    'zero\u200Bwidth \u202E',
    '\u0000\ud800',
    '---\na: b\n---',
  ),
  fc.string({ unit: 'grapheme', maxLength: 20 }),
);
const typeWords = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('text', 'number', 'yes/no', 'list of text', 'one of a, b', 'Thing') },
  fc.constantFrom('', 'one of ,', 'list of list of map of Thing', 'string', '__proto__', 'list of '.repeat(2_000)),
);
const expression = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('read', 'input.one', 'pay.one', 'true', '1 + 2', 'input.two > 1', 'build') },
  fc.constantFrom('', '`', 'a | b', '((((', '__proto__.x', 'read.one\n> 1'),
);

const reference = fc.option(name, { freq: 3 });
const field = fc.record({ name: hostileName, type: typeWords, meaning: hostileText, optional: fc.boolean() });
const named = fc.array(fc.record({ name: hostileName, value: expression }), { maxLength: 2 });
const few = <Of>(of: fc.Arbitrary<Of>) => fc.array(of, { maxLength: 2 });
const some = <Of>(of: fc.Arbitrary<Of>) => fc.array(of, { minLength: 1, maxLength: 2 });
const place = {
  id: hostileName,
  title: fc.oneof(name, hostileText),
  place: fc.option(
    fc.record({
      inside: fc.option(name, { freq: 8 }),
      after: fc.option(few(name), { freq: 3 }),
      when: fc.option(expression, { freq: 4 }),
    }),
  ),
};
const step: fc.Arbitrary<StepPart> = fc.oneof(
  fc.record({
    kind: fc.constant('agent' as const),
    ...place,
    agent: name,
    instruction: hostileText,
    reads: few(expression),
    gives: typeWords,
  }),
  fc.record({ kind: fc.constant('tool' as const), ...place, tool: hostileName, arguments: named }),
  fc.record({
    kind: fc.constant('approve' as const),
    ...place,
    roles: some(hostileName),
    question: hostileText,
    shows: few(expression),
    sendsBackTo: reference,
  }),
  fc.record({
    kind: fc.constant('person' as const),
    ...place,
    roles: some(hostileName),
    task: hostileText,
    shows: few(expression),
    gives: typeWords,
  }),
  fc.record({
    kind: fc.constant('choose' as const),
    ...place,
    arms: some(fc.record({ when: expression, to: name })),
    otherwise: name,
  }),
  fc.record({ kind: fc.constant('set' as const), ...place, values: named }),
  fc.record({
    kind: fc.constant('wait' as const),
    ...place,
    amount: fc.double({ noNaN: true, noDefaultInfinity: true }),
    unit: fc.constantFrom('minutes', 'hours', 'days'),
  }),
  fc.record({
    kind: fc.constant('repeat' as const),
    ...place,
    atMost: fc.double({ noNaN: true, noDefaultInfinity: true }),
    until: expression,
  }),
  fc.record({ kind: fc.constant('for each' as const), ...place, item: hostileName, list: expression }),
  fc.record({ kind: fc.constant('group' as const), ...place, parallel: fc.boolean() }),
);
const parts: fc.Arbitrary<DraftParts> = fc.record({
  inputs: few(field),
  types: few(fc.record({ name: fc.oneof(fc.constant('Thing'), hostileName), fields: few(field) })),
  agents: few(fc.record({ id: name, name: hostileText, tools: few(hostileName), instruction: hostileText })),
  steps: fc.array(step, { maxLength: 5 }),
  result: few(fc.record({ name: hostileName, type: typeWords, value: expression })),
});

const answering = (answers: readonly string[]) => {
  let at = 0;
  return async (): Promise<DraftReply> => {
    const text = answers[at++ % answers.length] ?? '';
    return { text, model: 'm', tokensIn: 1, tokensOut: 1 };
  };
};

const titles = fc.oneof(fc.constantFrom('Refunds', '__proto__', '*Stars* and `code`', '# # #', '<b>'), hostileText);

/** Sections under the heading that a model answers with these parts, one each. */
function drafted(heading: string, sections: readonly DraftParts[]) {
  const prose = sections.map((_, index) => `# ${heading}\n\nSection ${index}.`).join('\n\n');
  return draftDocument(prose, answering(sections.map((one) => JSON.stringify(one))), { rounds: 1 });
}

test('whatever parts a model answers, the document compiles or its problems are told', async () => {
  await fc.assert(
    fc.asyncProperty(titles, fc.array(parts, { minLength: 1, maxLength: 2 }), async (heading, sections) => {
      const { graph, problems, failure, receipt } = await drafted(heading, sections);
      expect(failure).toBeUndefined();
      expect(graph === undefined).toBe(problems.length > 0);
      expect(receipt.graph === undefined).toBe(graph === undefined);
    }),
    { numRuns: 25 },
  );
});

/** Steps in order that fit together, whatever they say; a choose leads to one of the two steps after it. */
const fitting = fc
  .array(fc.record({ step, title: fc.oneof(name, hostileText), parallel: fc.boolean() }), {
    minLength: 1,
    maxLength: 5,
  })
  .map((steps) =>
    steps.flatMap(({ step: { kind }, title, parallel }, index) => fittingSteps(kind, index, title, parallel)),
  );

function fittingSteps(kind: StepPart['kind'], index: number, title: string, parallel: boolean): StepPart[] {
  const at = { id: `step_${index}`, title, place: null };
  const value = { name: 'one', value: '1 + 2' };
  const inside = { inside: at.id, after: null, when: null };
  const inner = { ...at, id: `inner_${index}`, place: inside, kind: 'set' as const, values: [value] };
  switch (kind) {
    case 'agent':
      return [{ ...at, kind, agent: 'clerk', instruction: title, reads: ['input.one'], gives: 'Thing' }];
    case 'tool':
      return [{ ...at, kind, tool: 'mail.send', arguments: [{ name: 'to', value: 'input.one' }] }];
    case 'approve':
      return [{ ...at, kind, roles: ['manager', 'clerk'], question: title, shows: ['input.one'], sendsBackTo: null }];
    case 'person':
      return [{ ...at, kind, roles: ['manager'], task: title, shows: [], gives: 'list of Thing' }];
    case 'choose': {
      const [left, right] = [`left_${index}`, `right_${index}`];
      const arms = [{ when: 'input.two > 1', to: left }];
      return [
        { ...at, kind, arms, otherwise: right },
        { ...inner, id: left, title: left, place: null },
        { ...inner, id: right, title: right, place: null },
        {
          ...inner,
          id: `joined_${index}`,
          title: `joined ${index}`,
          place: { inside: null, after: [left, right], when: null },
        },
      ];
    }
    case 'wait':
      return [{ ...at, kind, amount: index + 0.5, unit: 'hours' }];
    case 'repeat':
      return [{ ...at, kind, atMost: 3, until: `inner_${index}.one > 2` }, inner];
    case 'for each':
      return [{ ...at, kind, item: 'item', list: 'input.three' }, inner];
    case 'group':
      return [{ ...at, kind, parallel }, inner, { ...inner, id: `other_${index}` }];
    case 'set':
      return [{ ...at, kind, values: [value] }];
  }
}

test('a document that a model drafted and that compiles is canonical: format leaves it as it is', async () => {
  const field = { meaning: '', optional: false };
  const things = {
    inputs: [
      { ...field, name: 'one', type: 'text', meaning: 'a | b' },
      { ...field, name: 'two', type: 'number', optional: true },
      { ...field, name: 'three', type: 'list of text' },
    ],
    types: [{ name: 'Thing', fields: [{ ...field, name: 'word', type: 'one of a, b' }] }],
    agents: [{ id: 'clerk', name: 'The clerk', tools: [], instruction: 'You are a clerk.' }],
    result: [],
  };
  let whole = 0;
  await fc.assert(
    fc.asyncProperty(titles, fitting, async (heading, steps) => {
      const { markdown, graph, receipt } = await drafted(heading, [{ ...things, steps }]);
      if (!graph) return;
      whole += 1;
      const compiled = compile(markdown);
      expect([compiled.graph, compiled.hash]).toEqual([graph, receipt.graph]);
      expect(format(markdown).text).toBe(markdown);
    }),
    { numRuns: 25 },
  );
  expect(whole).toBeGreaterThan(0);
});

test('whatever text a model answers, it is read or told', async () => {
  const json = fc.json({ maxDepth: 4 });
  const key = fc.constantFrom(...Object.keys(draftParts.shape), '__proto__');
  const nearly = fc.dictionary(key, fc.jsonValue({ maxDepth: 3 })).map((value) => JSON.stringify(value));
  await fc.assert(
    fc.asyncProperty(fc.oneof(json, nearly, fc.string()), fc.string(), async (answer, prose) => {
      const { problems } = await draftDocument(`Do it. ${prose}`, answering([answer]), { rounds: 1 });
      expect(problems.length).toBeGreaterThan(0);
    }),
    { numRuns: 60 },
  );
});

test('deep and wide answers are told within a moment', async () => {
  const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
  const wide = JSON.stringify({ inputs: Array.from({ length: 100_000 }, () => 'one') });
  for (const answer of [deep, wide]) {
    const { problems } = await draftDocument('Do it.', answering([answer]), { rounds: 1 });
    expect(problems.length).toBeGreaterThan(0);
  }
});
