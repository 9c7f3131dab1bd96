import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { compile } from './compile.ts';
import { declaredIn } from './declared-tools.ts';
import type { DiagnosticCode } from './diagnostic-codes.ts';
import { diagnosticCodes } from './diagnostic-codes.ts';
import { formatDiagnostic } from './diagnostics.ts';
import { LinkedDocuments } from './linked-documents.ts';
import type { Surroundings } from './surroundings.ts';

interface Example {
  markdown: string;
}

const page = readFileSync(join(import.meta.dirname, '..', 'docs', 'diagnostics.md'), 'utf8');

interface Entry {
  code: string;
  text: string;
  /** What its examples are compiled with: the files of its section of the page. */
  surroundings: Surroundings | undefined;
  wrong: Example[];
  right: Example[];
}

/** Entries are third-level headings; an example says before its fence how often its last line is to be repeated, if at all. */
function readEntries(): Entry[] {
  const parts = page.split(/^### (?=[a-z-]+\n\n)/m);
  return parts.slice(1).map((part) => {
    const code = part.slice(0, part.indexOf('\n'));
    const known = page.indexOf(`\n### ${code}\n`) > page.indexOf('\n## Other documents, and what');
    const surroundings = known ? surroundingsOfPage() : undefined;
    return { code, text: part, surroundings, wrong: examples(part, 'Wrong'), right: examples(part, 'Right') };
  });
}

/** Fences that name a file: the configuration, and other documents. The examples are in `document.md`. */
function surroundingsOfPage(): Surroundings {
  const files = new Map(
    [...page.matchAll(/^```(?:json|markdown) (\S+)\n([\s\S]*?)^```$/gm)].map(([, name = '', text = '']) => [
      name,
      text,
    ]),
  );
  const read = declaredIn(JSON.parse(files.get('waymark.config.json') ?? ''));
  if ('problems' in read) throw new Error(read.problems.join('; '));
  const linked = [...files.keys()].filter((name) => name.endsWith('.md')).map((name) => `[${name}](${name}#auditor)`);
  const all = `# All\n\n## Steps\n\n${linked.map((link, n) => `### S${n}\n\n- agent: ${link}\n`).join('\n')}`;
  return new LinkedDocuments(files.set('document.md', all), read.declared).surroundingsOf('document.md');
}

function examples(part: string, word: 'Wrong' | 'Right'): Example[] {
  const pattern = new RegExp(
    `^${word}(?:, with its last line (\\d+) times)?:\\n\\n\`\`\`markdown\\n([\\s\\S]*?)\`\`\`$`,
    'gm',
  );
  return [...part.matchAll(pattern)].map(([, times, text = '']) => {
    const lines = text.trimEnd().split('\n');
    const more = Array.from({ length: Number(times ?? 1) - 1 }, () => lines.at(-1));
    return { markdown: [...lines, ...more, ''].join('\n') };
  });
}

describe('docs/diagnostics.md', () => {
  // The page holds second-level headings and, inside examples, third-level ones: an entry is one whose title is a code.
  const entries = readEntries().filter((entry) => Object.hasOwn(diagnosticCodes, entry.code));

  test('has an entry for every code, in the order of the table, and for nothing else', () => {
    expect(entries.map((entry) => entry.code)).toEqual(Object.keys(diagnosticCodes));
    const outside = page.replace(/^```[\s\S]*?^```$/gm, '');
    expect([...outside.matchAll(/^### (.*)$/gm)].map(([, title]) => title)).toEqual(Object.keys(diagnosticCodes));
  });

  for (const { code, text, surroundings, wrong, right } of entries) {
    const codesOf = ({ markdown }: Example) =>
      compile(markdown, surroundings ? { surroundings } : {}).diagnostics.map((one) => one.code);

    test(`${code}: says the sentence of the table, its wrong example gives that code alone, its right one nothing`, () => {
      expect(text).toContain(`\n${diagnosticCodes[code as DiagnosticCode]}`);
      expect(wrong).toHaveLength(1);
      expect(right).toHaveLength(1);
      for (const example of wrong) expect(codesOf(example)).toEqual([code]);
      for (const example of right) expect(codesOf(example)).toEqual([]);
    });
  }
});

describe('formatDiagnostic', () => {
  const format = (markdown: string): string[] =>
    compile(markdown).diagnostics.map((one) => formatDiagnostic(one, 'document.md', markdown));

  test('shows the place, the line with carets under the mistake, the nearest word and the related places', () => {
    const markdown = '# T\n\n## Steps\n\n### Pay\n\n- tool: pay.out\n- retri: 3 times\n\n### Pay\n\n- tool: pay.out\n';
    expect(format(markdown)).toEqual([
      [
        'document.md:8:3: error[unknown-setting]: Unexpected setting retri on a tool step, expected one of tool, with, uses, gives, check, retry, timeout, breaker, requires approval, if it fails, for each, key, section, state, accepts untrusted, undo, id, after, when, then (did you mean retry?)',
        '8 | - retri: 3 times',
        '  |   ^^^^^',
      ].join('\n'),
      [
        'document.md:10:1: error[taken-name]: Unexpected second step with the id pay, expected another heading or an id: setting',
        '10 | ### Pay',
        '   | ^^^^^^^',
        'document.md:5:1: note: pay is taken here',
        '5 | ### Pay',
        '  | ^',
      ].join('\n'),
    ]);
  });

  test('keeps places and excerpts where line ends are those of another system', () => {
    const markdown = '\uFEFF# T\r\n\r\n## Steps\r\n\r\n### Pay\r\n\r\n- tool: pay.out\r\n- timeout: soon\r\n';
    expect(format(markdown)).toEqual([
      'document.md:8:12: error[invalid-value]: Unexpected soon, expected a duration such as 30 seconds or 5 minutes\n8 | - timeout: soon\n  |            ^^^^',
    ]);
  });

  test('cuts an endless line around the mistake', () => {
    const markdown = `# T\n\n## Steps\n\n### Pay\n\n- tool: pay.out\n\n${'word '.repeat(100)}<b>${' word'.repeat(100)}\n`;
    const [first = ''] = format(markdown);
    const [, line = '', carets = ''] = first.split('\n');
    expect(line.length).toBeLessThan(200);
    expect(line.slice(carets.indexOf('^'), carets.lastIndexOf('^') + 1)).toBe('<b>');
  });
});
