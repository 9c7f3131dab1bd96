import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canonicalJson, sha256Hex } from './canonical.ts';
import { compile } from './compile.ts';
import { hasMistakes } from './diagnostics.ts';
import { graphSchema } from './graph.ts';
import { receiptSchema } from './receipt.ts';

const examplePath = join(import.meta.dirname, '..', 'examples', 'expense-approval', 'document.md');
const example = readFileSync(examplePath, 'utf8');
const steps = (text: string): string => `# Title\n\n## Steps\n\n${text}`;
const step = (title: string, more = ''): string => `### ${title}\n\n- set:\n  - n: \`1\`\n${more}\n`;

describe('compile', () => {
  test('the example of expense approval has no mistakes and keeps its step ids', () => {
    const { graph, diagnostics } = compile(example);
    expect(diagnostics).toEqual([]);
    expect(graph?.nodes.map((node) => `${node.id} ${node.kind}`)).toEqual([
      'read_the_receipt agent',
      'is_it_large choose',
      'manager_approves approve',
      'pay tool',
      'sum_up_the_claim set',
      'write_to_the_claimant agent',
    ]);
    expect(graphSchema.parse(graph)).toEqual(graph);
  });

  test('the hash is that of the canonical JSON of the graph', () => {
    const { graph, hash } = compile(example);
    expect(hash).toBe(sha256Hex(canonicalJson(graph)));
  });

  test('line ends, a byte order mark and trailing space change nothing', () => {
    const plain = compile(example);
    expect(compile(example.replaceAll('\n', '\r\n'))).toEqual(plain);
    expect(compile(example.replaceAll('\n', '\r'))).toEqual(plain);
    expect(compile(`\uFEFF${example}`)).toEqual(plain);
    expect(compile(example.replaceAll('\n', ' \t\n'))).toEqual(plain);
    expect(compile(`${example}\n\n`)).toEqual(plain);
  });

  test('comments and prose that no step sends change the receipt only', () => {
    const { graph } = compile(example);
    const noted = example.replace('## Steps', '## Why\n\nBecause.\n\n<!-- a comment -->\n\n## Steps');
    expect(compile(noted).graph).toEqual(graph);
  });

  test('a document of more than 2 MB is refused before it is parsed', () => {
    const { diagnostics } = compile(`# Title\n\n${'word '.repeat(500_000)}`);
    expect(diagnostics.map((one) => one.code)).toEqual(['too-large']);
  });

  test('20,001 headings, 200 KB under one heading and 33 levels are refused before they are parsed', () => {
    const codes = (text: string): string[] => compile(text).diagnostics.map((one) => one.code);
    expect(codes('# a\n'.repeat(20_001))).toEqual(['too-large']);
    expect(codes(`# Title\n\n${'word\n'.repeat(50_000)}`)).toEqual(['section-too-large']);
    expect(codes(`# Title\n\n${'- '.repeat(33)}x\n`)).toEqual(['too-deep']);
    expect(codes(`# Title\n\n${'*a _b '.repeat(600)}\n`)).toEqual(['too-deep']);
  });

  test('types, defaults and expressions nest as deep as an author likes and are refused, not overflowed', () => {
    const input = (type: string, rule = ''): string =>
      `# Title\n\n## Inputs\n\n| Name | Type | Rule |\n|--|--|--|\n| a | ${type} | ${rule} |\n\n## Steps\n\n${step('A')}`;
    const codes = (text: string): string[] => compile(text).diagnostics.map((one) => one.code);
    expect(codes(input(`${'list of '.repeat(10_000)}text`))).toEqual(['invalid-type']);
    expect(codes(input(`text${' or text'.repeat(10_000)}`))).toEqual(['invalid-type']);
    expect(codes(input('map of text', `default \`${'{"a":'.repeat(9_000)}1${'}'.repeat(9_000)}\``))).toEqual([
      'bad-default',
    ]);
    expect(codes(steps(`### A\n\n- set:\n  - n: \`${'('.repeat(3_000)}\`\n`))).toHaveLength(1);
    expect(codes(input(`${'list of '.repeat(10)}text`))).toEqual([]);
  });

  test('a thousand mistakes are a thousand short diagnostics', () => {
    const many = Array.from({ length: 1000 }, (_, i) => `### Step x${i}\n\n- set:\n  - n: \`nobody\`\n`).join('\n');
    const { diagnostics } = compile(steps(many));
    expect(diagnostics).toHaveLength(1000);
    expect(diagnostics[0]?.message).toMatch(
      /^Unexpected name nobody, expected one of input, step_x0, .* and 989 more$/,
    );
  });

  test('many marks in many items and rows are no nesting', () => {
    const items = '- **word**: [a](#a)\n'.repeat(300);
    const rows = `| a | b |\n|---|---|\n${'| **word** | [a](#a) |\n'.repeat(300)}`;
    expect(compile(steps(step('A', `\nProse.\n\n${items}\n${rows}`))).diagnostics).toEqual([]);
  });

  test('a thousand steps in a row compile', () => {
    const many = Array.from({ length: 1000 }, (_, index) => step(`Step x${index}`)).join('\n');
    const { graph } = compile(steps(many));
    expect(graph?.nodes).toHaveLength(1000);
    expect(graph?.edges).toHaveLength(999);
  });

  test('chooses within chooses beyond what is followed are answered, not hung upon', () => {
    const many = Array.from(
      { length: 1100 },
      (_, i) => `### Q${i}\n\n- choose:\n  - \`1 > ${i}\`: [Q${i + 1}](#q${i + 1})\n  - otherwise: [Last](#last)\n`,
    ).join('\n');
    const { diagnostics } = compile(
      steps(`${many}\n### Q1100\n\n- set:\n  - n: \`1\`\n- then: end\n\n${step('Last')}`),
    );
    expect(diagnostics).toEqual([]);
  });
});

describe('the receipt', () => {
  test('maps every node, edge, agent, type and result row to its lines', () => {
    const { graph, receipt, hash } = compile(example, { file: 'document.md' });
    expect(receiptSchema.parse(receipt)).toEqual(receipt);
    expect(receipt?.graph).toBe(hash);
    expect(receipt?.file).toBe('document.md');
    expect(receipt?.nodes.map((one) => one.id)).toEqual(graph?.nodes.map((node) => node.id));
    expect(receipt?.edges.map(({ lines: _lines, ...edge }) => edge)).toEqual(graph?.edges);
    expect(receipt?.agents.map((one) => one.id)).toEqual(graph?.agents.map((agent) => agent.id));
    expect(receipt?.types.map((one) => one.name)).toEqual(graph?.types.map((type) => type.name));
    expect(receipt?.result.map((one) => one.name)).toEqual(graph?.result.map((row) => row.name));
    const lines = example.split('\n');
    for (const node of receipt?.nodes ?? []) {
      const title = graph?.nodes.find((one) => one.id === node.id)?.title;
      expect(lines[node.lines.from - 1]).toBe(`### ${title}`);
      expect(lines[node.lines.to - 1]).not.toBe('');
    }
    const arm = receipt?.edges.find((edge) => edge.arm === 0);
    expect(lines[(arm?.lines.from ?? 0) - 1]).toBe(
      '  - `read_the_receipt.amount > 500`: [Manager approves](#manager-approves)',
    );
    const row = receipt?.result.find((one) => one.name === 'paid');
    expect(lines[(row?.lines.from ?? 0) - 1]).toContain('| paid ');
  });

  test("a section's hash changes when its text does, and no other hash does", () => {
    const before = compile(example).receipt?.sections ?? [];
    const after =
      compile(example.replace('two friendly sentences', 'three friendly sentences\n\nor more')).receipt?.sections ?? [];
    const changed = after.filter((section, index) => section.hash !== before[index]?.hash);
    expect(changed.map((section) => section.anchor)).toEqual(['write-to-the-claimant']);
  });

  test('steps of containers are sections of their own: a change in one leaves the container and its other steps', () => {
    const nested =
      '# A\n\n## Steps\n\n### Both\n\n- steps: in parallel\n\nWords.\n\n#### One\n\n- tool: a.b\n\n#### Two\n\n- tool: c.d\n';
    const { receipt } = compile(nested);
    expect(receipt?.nodes).toEqual([
      { id: 'both', lines: { from: 5, to: 9 } },
      { id: 'one', lines: { from: 11, to: 13 } },
      { id: 'two', lines: { from: 15, to: 17 } },
    ]);
    expect(receipt?.sections.map(({ anchor, depth }) => [anchor, depth])).toEqual([
      ['a', 1],
      ['steps', 2],
      ['both', 3],
      ['one', 4],
      ['two', 4],
    ]);
    const after = compile(nested.replace('a.b', 'a.e')).receipt?.sections ?? [];
    const changed = after.filter((section, index) => section.hash !== receipt?.sections[index]?.hash);
    expect(changed.map((section) => section.anchor)).toEqual(['one']);
  });
});

describe('any text', () => {
  const words = fc.constantFrom(
    ...['# ', '## Steps', '## Inputs', '## Types', '### A', '### Pay', '\n', '\n\n', '- ', '  - ', 'agent: ', 'set:'],
    ...['choose:', 'otherwise: ', '[A](#a)', '[Pay](#pay)', '`input.x`', '`a.n > 1`', 'n: `1`', 'after: ', 'when: '],
    ...['| Name | Type |\n|--|--|\n', '| x | text |', '```', '<!--', '-->', '> ', '__proto__', 'constructor', '\u200b'],
    ...['run: [Pay](pay.md)', 'check: `output.n > 1`', 'section: ', 'state: n', '## Proposal', '- state: map of text'],
    ...[
      '<b>',
      '[x]: #a',
      '[x]',
      '\\',
      '*',
      '_',
      '&amp;',
      '    ',
      '\t',
      '\r\n',
      '1. ',
      '---',
      '===',
      'approve: a',
      '💥',
      '\ud800',
    ],
  );
  const texts = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 200 }),
    fc.array(words, { maxLength: 60 }).map((parts) => parts.join('')),
    fc
      .tuple(fc.nat(example.length), fc.nat(80), fc.array(words, { maxLength: 4 }))
      .map(([at, cut, parts]) => example.slice(0, at) + parts.join('') + example.slice(at + cut)),
  );

  test('gives a graph that is valid, or diagnostics at places that exist, and never an exception', () => {
    fc.assert(
      fc.property(texts, (text) => {
        const { graph, diagnostics } = compile(text);
        expect(graph === undefined).toBe(hasMistakes(diagnostics));
        if (graph) expect(graphSchema.parse(graph)).toEqual(graph);
        const lines = text.split(/\r\n?|\n/);
        for (const one of diagnostics) {
          expect(one.line).toBeLessThanOrEqual(lines.length + 1);
          expect(one.column).toBeLessThanOrEqual((lines[one.line - 1] ?? '').length + 1);
          expect(one.endLine > one.line || (one.endLine === one.line && one.endColumn >= one.column)).toBe(true);
          expect(one.message).toMatch(/^Unexpected [\s\S]+, expected /);
        }
      }),
      { numRuns: 300 },
    );
  }, 60_000);

  test('gives the same twice', () => {
    fc.assert(
      fc.property(texts, (text) => {
        expect(compile(text)).toEqual(compile(text));
      }),
      { numRuns: 50 },
    );
  }, 60_000);
});
