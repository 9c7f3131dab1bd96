import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compile } from '../compile.ts';
import { Report } from '../diagnostics.ts';
import { parseMarkdown } from '../passes/split.ts';
import { normalizeText, SourceText } from '../source-text.ts';
import { analyze, isDocument } from './analyze.ts';
import { parseAgain } from './parse-again.ts';

const checkout = join(import.meta.dirname, '../..');
const fixtures = join(checkout, 'compiler/fixtures');
const names = readdirSync(fixtures, { withFileTypes: true }).filter((one) => one.isDirectory());
const documents = names.map(({ name }) => readFileSync(join(fixtures, name, 'input.md'), 'utf8'));
const expense = readFileSync(join(checkout, 'examples/expense-approval/document.md'), 'utf8');

describe('an analysis', () => {
  it.each(names.map(({ name }, index) => [name, documents[index] ?? '']))(
    'has the diagnostics of compile: %s',
    (_name, markdown) => {
      expect(analyze(markdown).diagnostics).toEqual(compile(markdown).diagnostics);
    },
  );

  it('has no findings of a text that is refused before it is parsed', () => {
    const { findings, diagnostics } = analyze(`# Deep\n\n${'> '.repeat(40)}x\n`);
    expect([findings, diagnostics.map((one) => one.code)]).toEqual([undefined, ['too-deep']]);
  });

  it.each([
    ['# Notes\n\n## Steps\n1. Install\n', false],
    ['# Notes\n- budget: 3\n', false],
    ['# Greet\n\n## Steps\n### Say it\n- agnt: x\n', true],
    [expense, true],
    [`# Deep\n${'> '.repeat(40)}x\n`, false],
    [`# Deep\n\n## Steps\n${'> '.repeat(40)}x\n`, true],
  ])('knows a document from other Markdown: %j', (markdown, expected) => {
    expect(isDocument(analyze(markdown))).toBe(expected);
  });
});

/** What typing does to the structure of Markdown, fences, comments, lists and seams above all. */
const typed = fc.constantFrom(
  ...[
    '#',
    '## ',
    '### A\n',
    '\n### Pay\n',
    '\n',
    '\n\n',
    '```',
    '\n```\n',
    '~~~\n',
    '<!--',
    '-->',
    '<div>\n',
    '</div>',
  ],
  ...[
    '- ',
    '\n- agent: x\n',
    '  ',
    '\t',
    '    ',
    '> ',
    '1. ',
    '| a | b |\n|---|---|\n',
    '|',
    '`',
    '[a](#b)',
    '[a]: #b\n',
  ],
  ...['---\n', '===\n', '* * *\n', 'x', ' ', 'é', '\\', '[^1]', '\n[^1]: n\n', '```json schema\n'],
);
const edit = fc.record({ at: fc.double({ min: 0, max: 1, noNaN: true }), drop: fc.nat(30), insert: typed });
const edits = fc.array(edit, { minLength: 1, maxLength: 6 });

function applied(text: string, { at, drop, insert }: { at: number; drop: number; insert: string }): string {
  const start = Math.floor(at * text.length);
  return text.slice(0, start) + insert + text.slice(start + drop);
}

/** Types and the offsets of all nodes: lines and columns are not read by any pass. */
function tree(nodes: readonly unknown[] | undefined): unknown {
  return JSON.parse(
    JSON.stringify(nodes ?? null, (key, value: unknown) => (key === 'line' || key === 'column' ? undefined : value)),
  );
}

describe('parsing again', () => {
  it('gives the nodes of parsing the whole, after any edits', () => {
    fc.assert(
      fc.property(fc.constantFrom(expense, ...documents), edits, (document, changes) => {
        let text = normalizeText(document);
        let before = parseAgain(new SourceText(text), new Report(new SourceText(text)));
        for (const change of changes) {
          text = normalizeText(applied(text, change));
          const source = new SourceText(text);
          before = parseAgain(source, new Report(source), before);
          expect(tree(before?.nodes)).toEqual(tree(parseMarkdown(source, new Report(source))));
        }
      }),
      { numRuns: 100 },
    );
  }, 120_000);

  it('keeps the nodes of what did not change', () => {
    const parse = (text: string, before?: ReturnType<typeof parseAgain>) =>
      parseAgain(new SourceText(text), new Report(new SourceText(text)), before);
    const first = parse('# A\n\none\n\n## B\n\ntwo\n\n## C\n\nthree\n\n## D\n\nfour\n');
    const second = parse('# A\n\none\n\n## B\n\ntwx\n\n## C\n\nthree\n\n## D\n\nfour\n', first);
    expect(second?.nodes.map((node, index) => node === first?.nodes[index])).toEqual([
      ...[true, true],
      ...[false, false],
      ...[true, true, true, true],
    ]);
  });
});
