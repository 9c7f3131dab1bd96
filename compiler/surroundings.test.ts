import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canonicalJson } from './canonical.ts';
import { compile } from './compile.ts';
import { graphSchema } from './graph.ts';
import { LinkedDocuments, linkedFiles, linkedPath } from './linked-documents.ts';
import type { OtherDocument, Surroundings, ToolFacts } from './surroundings.ts';
import { fileLinkOf } from './surroundings.ts';

const fixtures = join(import.meta.dirname, 'fixtures');
const documents = readdirSync(fixtures).map((name) => readFileSync(join(fixtures, name, 'input.md'), 'utf8'));

const house =
  '# House\n\n## Agents\n\n### Auditor\n\n- model: small\n- may delegate to: [Clerk](#clerk)\n\nYou check.\n\n### Clerk\n\n- model: small\n- may delegate to: none\n\nYou write.\n';
const audit = '# Audit\n\n## Steps\n\n### Check\n\n- agent: [Auditor](house.md#auditor)\n\nIs it right?\n';

const tool = fc.record({
  effect: fc.constantFrom('read', 'write'),
  once: fc.constantFrom(undefined, true),
  input: fc.constantFrom(
    undefined,
    { type: 'object' },
    { type: 'object', properties: { to: { type: 'string' } }, required: ['to'] },
  ),
  output: fc.constantFrom(undefined, {}, { type: 'object', properties: { amount: { type: 'number' } } }),
}) satisfies fc.Arbitrary<ToolFacts>;
const toolNames = fc.constantFrom('payments.transfer', 'policy.lookup', 'mail.send', 'mail.read');
const other = fc.constantFrom<OtherDocument>({ mistakes: 2 }, { circle: ['a.md', 'b.md', 'a.md'] }, known(house));
const files = fc.constantFrom('house.md', 'agents.md', 'house/house.md', 'payment.md', 'broken.md');
const surroundings = fc.record<Required<Surroundings>>(
  {
    documents: fc.array(fc.tuple(files, other)).map((pairs) => new Map(pairs)),
    tools: fc.array(fc.tuple(toolNames, tool)).map((pairs) => new Map(pairs)),
    roles: fc.subarray(['manager', 'finance', 'clerk']).map((roles) => new Set(roles)),
    models: fc.subarray(['small', 'large']).map((names) => new Map(names.map((name) => [name, {}]))),
  },
  { requiredKeys: [] },
);

function known(markdown: string): OtherDocument {
  const { graph, hash, receipt } = compile(markdown);
  if (!graph || hash === undefined) throw new Error('expected a document without mistakes');
  return { graph, hash, receipt };
}

describe('surroundings', () => {
  test('never give a document a graph that has none without them', () => {
    fc.assert(
      fc.property(fc.constantFrom(...documents), surroundings, (markdown, around) => {
        const alone = compile(markdown);
        const within = compile(markdown, { surroundings: around as Surroundings });
        if (!alone.graph) expect(within.graph).toBeUndefined();
        if (within.graph) expect(graphSchema.parse(within.graph)).toEqual(within.graph);
      }),
      { numRuns: 400 },
    );
  });

  test('that are the same give the same graph, byte for byte', () => {
    fc.assert(
      fc.property(fc.constantFrom(...documents), surroundings, (markdown, around) => {
        const [one, two] = [1, 2].map(() => compile(markdown, { surroundings: around as Surroundings }));
        expect(canonicalJson(one)).toBe(canonicalJson(two));
      }),
      { numRuns: 100 },
    );
  });

  test('are listed as unchecked where they are not given, sorted', () => {
    const markdown = audit.replace(
      'Is it',
      '### Pay\n\n- tool: payments.transfer\n- with:\n  - to: `check`\n\n### Agree\n\n- approve: manager\n\nIs it',
    );
    expect(compile(markdown).receipt?.unchecked).toEqual([
      { check: 'document', where: 'auditor', why: 'agent of house.md, which is not known here' },
      { check: 'roles', why: 'no roles are declared here' },
      { check: 'tool', where: 'pay', why: 'tool payments.transfer is not declared here' },
      { check: 'trust', where: 'pay', why: 'tool payments.transfer is not declared here' },
    ]);
    expect(compile('# Set\n\n## Steps\n\n### A\n\n- set:\n  - b: `1`\n').receipt?.unchecked).toEqual([]);
  });

  test('bring an agent with those it may hand work to', () => {
    const around = { documents: new Map([['house.md', known(house)]]) };
    const { graph } = compile(audit, { surroundings: around });
    expect(graph?.agents.map(({ id, mayDelegateTo }) => [id, mayDelegateTo])).toEqual([
      ['auditor', ['clerk']],
      ['clerk', []],
    ]);
  });

  test('without a receipt find things by the names they have in the graph', () => {
    const document = known(house);
    const bare = 'graph' in document ? { graph: document.graph, hash: document.hash } : document;
    const one = compile(audit, { surroundings: { documents: new Map([['house.md', document]]) } });
    const two = compile(audit, { surroundings: { documents: new Map([['house.md', bare]]) } });
    expect(two.hash).toBe(one.hash);
  });
});

describe('the Result of a document that a step runs', () => {
  const payment =
    '# Payment\n\n## Steps\n\n### Pay\n\n- set:\n  - n: `1`\n\n## Result\n\n| Name | Type | Value |\n|---|---|---|\n| n | number | `pay.n` |\n';
  const claim = (type: string, ...settings: string[]) =>
    `# Claim\n\n## Proposal\n\n| Section | Type |\n|---|---|\n| Paid | ${type} |\n\n## Steps\n\n### Pay\n\n${['run: [Payment](payment.md)', ...settings].map((one) => `- ${one}\n`).join('')}`;
  const around = { documents: new Map([['payment.md', known(payment)]]) };
  const codesOf = (markdown: string, surroundings: Surroundings) =>
    compile(markdown, { surroundings }).diagnostics.map(({ code }) => code);

  test('is held against the place that it goes to, and checks against it', () => {
    expect(codesOf(claim('map of number', 'section: Paid', 'check: `output.n > 0`'), around)).toEqual([]);
    expect(codesOf(claim('text', 'section: Paid'), around)).toEqual(['type-mismatch']);
    expect(codesOf(claim('text', 'check: `output.m > 0`'), around)).toEqual(['unknown-field']);
  });

  test('is not, where the document is not known, which the receipt lists', () => {
    const { diagnostics, receipt } = compile(claim('text', 'section: Paid', 'check: `output.m > 0`'));
    expect(diagnostics).toEqual([]);
    expect(receipt?.unchecked).toEqual([
      { check: 'document', where: 'pay', why: 'document of payment.md, which is not known here' },
    ]);
  });

  test('is of its own type, and is made once', () => {
    for (const setting of ['gives: number', 'retry: 2 times', 'timeout: 5 seconds', 'undo: payments.refund'])
      expect(codesOf(claim('text', setting), around)).toEqual(['setting-not-here']);
  });

  test('adds nothing to the graph of a step that says nothing of it', () => {
    const { graph } = compile(claim('text'), { surroundings: around });
    expect(Object.keys(graph?.nodes[0] ?? {})).toEqual(['id', 'title', 'kind', 'document', 'with', 'gives']);
  });
});

describe('links to other documents', () => {
  test.each([
    ['house.md', { file: 'house.md' }],
    ['./a/../house.md#Auditor', { file: 'house.md', anchor: 'auditor' }],
    ['../my%20house.md#%C4%91%E1%BB%8Dc', { file: '../my house.md', anchor: 'đọc' }],
    ['#auditor', undefined],
    ['https://example.com/house.md', undefined],
    ['/house.md', undefined],
    ['house.txt', undefined],
  ])('%s', (url, expected) => {
    expect(fileLinkOf(url)).toEqual(expected);
  });

  test('are those of settings and types, not of prose', () => {
    const types = '## Types\n\n### T\n\n| Field | Type |\n|---|---|\n| a | list of [B](./types/b.md#b) |\n\n';
    const runs = '### Run\n\n- run: [Pay](pay.md)\n\n';
    const markdown = audit.replace('## Steps', `${types}## Steps`).replace('Is it', 'See [the rules](rules.md). Is it');
    expect(linkedFiles(`${markdown}\n${runs}`)).toEqual(['house.md', 'pay.md', 'types/b.md']);
  });

  test('lead on from the folder of the document that has them', () => {
    expect(linkedPath('/work/audits/audit.md', '../house/house.md')).toBe('/work/house/house.md');
    expect(linkedPath('audit.md', 'house.md')).toBe('house.md');
    expect(linkedPath('a/audit.md', '../../house.md')).toBe('../house.md');
  });

  test('in a circle are told in each document of it, and in what links to one of them as a broken document', () => {
    const linking = (title: string, to: string) =>
      `# ${title}\n\n## Agents\n\n### Auditor\n\n- model: small\n\nYou check.\n\n## Steps\n\n### Check\n\n- run: [Other](${to})\n`;
    const texts = new Map([
      ['one.md', linking('One', 'sub/two.md')],
      ['sub/two.md', linking('Two', '../one.md')],
      ['three.md', linking('Three', 'one.md')],
      ['self.md', linking('Self', 'self.md')],
    ]);
    const linked = new LinkedDocuments(texts);
    const told = [...texts].map(([path, markdown]) =>
      compile(markdown, { surroundings: linked.surroundingsOf(path) }).diagnostics.map(({ code, message }) => [
        code,
        message,
      ]),
    );
    expect(told).toEqual([
      [
        [
          'document-circle',
          'Unexpected circle of documents one.md, sub/two.md, one.md, expected documents that do not link back',
        ],
      ],
      [
        [
          'document-circle',
          'Unexpected circle of documents two.md, ../one.md, two.md, expected documents that do not link back',
        ],
      ],
      [['broken-document', 'Unexpected link to one.md, which has 1 mistake, expected one without']],
      [
        [
          'document-circle',
          'Unexpected circle of documents self.md, self.md, expected documents that do not link back',
        ],
      ],
    ]);
  });
});
