import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compile } from './compile.ts';
import { format } from './format.ts';

/** The document with this text under its title and the least that makes it compile after it. */
const document = (text: string) => `# T\n\n${text}\n\n## Steps\n\n### S\n\n- tool: t\n`;
const formatted = (text: string) => {
  const { text: whole, diagnostics } = format(document(text));
  expect(diagnostics).toEqual([]);
  return whole.replace(/^# T\n\n/, '').replace(/\n\n## Steps\n\n### S\n\n- tool: t\n$/, '');
};
/** The same of what stands under a step's heading. */
const step = (text: string) => {
  const before = '# T\n\n## Steps\n\n### S\n\n';
  const { text: whole, diagnostics } = format(before + text);
  expect(diagnostics).toEqual([]);
  expect(whole.startsWith(before)).toBe(true);
  return whole.slice(before.length);
};

describe('headings', () => {
  test('get # instead of an underline, lose a closing #, and have one blank line around them', () => {
    const text = 'T\n===\n\n\nSteps\n---\n  ### S ###\n- tool: t\n';
    expect(format(text).text).toBe('# T\n\n## Steps\n\n### S\n\n- tool: t\n');
  });

  test('that no line with # can hold stay as they are', () => {
    expect(formatted('Two\nlines\n---\n')).toBe('Two\nlines\n---');
    expect(formatted('Note #\n---\n')).toBe('Note #\n---');
  });

  test('are told apart from the definitions directly above them', () => {
    expect(formatted('[a]: #b\nNotes [a]\n---\n')).toBe('[a]: #b\n\n## Notes [a]');
    expect(formatted('[a]: #b\n-\n-\n')).toBe('[a]: #b\n-\n-');
  });
});

describe('steps of containers', () => {
  test('are laid out as other steps are', () => {
    const inner = '#### One ####\n* tool: a.b\n\nOne,\n\n\ntwo.\n#### Two\n+ tool: c.d\n';
    expect(step(`* steps: in parallel\n\nWords.\n${inner}`)).toBe(
      '- steps: in parallel\n\nWords.\n\n#### One\n\n- tool: a.b\n\nOne,\n\n\ntwo.\n\n#### Two\n\n- tool: c.d\n',
    );
  });
});

describe('settings', () => {
  test('become a tight list with -, each value two spaces further in, in the order they have', () => {
    const text = '*   tool:   t\n\n*   with:\n    + b: `1`\n\n    + a:  `2`\n*   retry: 3 times,\n    doubling\n';
    expect(step(text)).toBe(
      '- tool: t\n- with:\n  - b: `1`\n  - a:  `2`\n- retry: 3 times,\n  doubling\n'.replace('a:  ', 'a: '),
    );
  });

  test('keep the numbers of a numbered list, and comments where they are', () => {
    const text =
      '+ choose:\n    1. `true`: [S](#s-1)\n    2. otherwise: [S](#s-1)\n  <!-- why\n       so -->\n<!-- and -->\n+ id: x\n\n### S\n- tool: t\n';
    expect(step(text)).toBe(
      '- choose:\n  1. `true`: [S](#s-1)\n  2. otherwise: [S](#s-1)\n  <!-- why\n       so -->\n<!-- and -->\n- id: x\n\n### S\n\n- tool: t\n',
    );
  });

  test('with different markers become one list', () => {
    expect(step('- tool: t\n* timeout: 1 minute\n\n\n+ id: x\n')).toBe('- tool: t\n- timeout: 1 minute\n- id: x\n');
  });

  test('do not take in a list of prose that follows with -, or prose that is indented', () => {
    expect(step('* tool: t\n\n- Just prose\n')).toBe('* tool: t\n\n- Just prose\n');
    expect(step('+ tool: t\n\n* Just prose\n')).toBe('- tool: t\n\n* Just prose\n');
    expect(step('-   tool: t\n\n  Just prose\n')).toBe('-   tool: t\n\n  Just prose\n');
  });

  test('keep how far a line stands beyond its setting', () => {
    expect(step('*   tool: t\n*   check: `output\n          + 1 == 2`\n')).toBe(
      '- tool: t\n- check: `output\n        + 1 == 2`\n',
    );
  });

  test('with a line that would be an underline once it is indented stay as they are', () => {
    const text = '- tool: t\n\n### Two\n\n*   tool: t\n*   after: [S\n===\nfirst](#s)\n';
    expect(step(text)).toBe(text);
    expect(step(text.replace('===', '=== ='))).toBe(
      '- tool: t\n\n### Two\n\n- tool: t\n- after: [S\n  === =\n  first](#s)\n',
    );
  });
});

describe('tables', () => {
  test('get columns as wide as their widest cell, and keep how these are aligned', () => {
    expect(formatted('a|bb\n:-|-:\nlong cell|`x\\|y`\n|審査|\n')).toBe(
      '| a         |     bb |\n|:----------|-------:|\n| long cell | `x\\|y` |\n| 審査      |',
    );
  });

  test('let a cell of more than 120 letters stand out', () => {
    const long = 'x'.repeat(121);
    expect(formatted(`|a|\n|-|\n|${long}|\n|abc|\n`)).toBe(`| a   |\n|-----|\n| ${long} |\n| abc |`);
  });

  test('in what a step is told stay as they are', () => {
    expect(step('- tool: t\n\nUse\n\n\n\n|a|\n|-|\n* this\n* that\n#### Deep ####\nend\n')).toBe(
      '- tool: t\n\nUse\n\n\n\n|a|\n|-|\n* this\n* that\n#### Deep ####\nend\n',
    );
  });
});

describe('prose', () => {
  test('of notes keeps its lists, also those that look like settings', () => {
    const text = '# T\n\n## Steps\n\n### S\n\n- tool: t\n\n## Notes\n\n*   id: x\n\n*   tool:  y\n';
    expect(format(text)).toMatchObject({ text, diagnostics: [{ code: 'step-in-notes' }] });
  });

  test('stays as it is but for blank lines between blocks, and trailing space', () => {
    expect(formatted('One \ntwo:\n* a\n    + b\n\n\n\n Three\\\n_four_\n***\n[a]: b\n[c]: d')).toBe(
      'One\ntwo:\n* a\n    + b\n\n Three\\\n_four_\n***\n[a]: b\n[c]: d',
    );
  });

  test('loses a byte order mark and carriage returns, and ends with one line end', () => {
    const text = '\uFEFF# T\r\n\r\nWords  \r\n## Steps\r\n### S\r\n- tool: t\r\n\r\n\r\n';
    expect(format(text).text).toBe('# T\n\nWords\n\n## Steps\n\n### S\n\n- tool: t\n');
  });

  test('has its comments beside what they stand beside', () => {
    expect(step('<!-- one -->\n* tool: t\n<!-- two -->\n\nprose\n<!-- three -->\n')).toBe(
      '<!-- one -->\n- tool: t\n<!-- two -->\n\nprose\n<!-- three -->\n',
    );
  });
});

test('a document with mistakes is left as it is, with its mistakes', () => {
  const text = '# T\r\n## Steps\n### S\n* tol: t  \n';
  const { text: same, diagnostics } = format(text);
  expect(same).toBe(text);
  expect(diagnostics.map((one) => one.code)).toEqual(['unknown-setting']);
});

describe('of every fixture, example and example of the reference that compiles', () => {
  const read = (path: string) => readFileSync(join(import.meta.dirname, path), 'utf8');
  const files = [
    ...readdirSync(join(import.meta.dirname, 'fixtures')).map((name) => `fixtures/${name}/input.md`),
    ...readdirSync(join(import.meta.dirname, '../examples'), { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('document.md'))
      .map((path) => `../examples/${path}`),
  ];
  const fences = [...read('spec.md').matchAll(/^```markdown\n([\s\S]*?)^```$/gm)];
  const texts: [string, string][] = [
    ...files.map((path): [string, string] => [path, read(path)]),
    ...fences.map(([, text = ''], index): [string, string] => [`spec.md ${index + 1}`, text]),
  ];
  const documents = texts.filter(([, text]) => compile(text).graph !== undefined);

  test('there are many', () => {
    expect(documents.length).toBeGreaterThan(35);
  });

  test.each(documents)('%s: formatting keeps the graph, and again changes nothing', (_, text) => {
    expectKept(text);
  });
});

/** Everything an author wrote but layout: markers, the lines of tables and headings, white space. */
const words = (text: string) => text.replace(/[\s|:=#*+-]/g, '');

function expectKept(text: string): void {
  const { text: once, wouldChange } = format(text);
  expect(wouldChange).toBeUndefined();
  expect(compile(once).hash).toBe(compile(text).hash);
  expect(words(once)).toBe(words(text));
  expect(format(once).text).toBe(once);
}

describe('of any document', () => {
  const few = <T>(one: fc.Arbitrary<T>, maxLength: number) => fc.array(one, { maxLength });
  const lines = [
    ...[
      '',
      '',
      '',
      'words',
      '  more words',
      '   three',
      '\ttabbed',
      '    code',
      'hard\\',
      'a | b',
      '---|---',
      '***',
      '- - -',
    ],
    ...[
      '- item',
      '* star',
      '+ plus',
      '-   far',
      '  * deeper',
      '      1. deepest',
      '1. one',
      '2) two',
      '- [ ] task',
      '-',
    ],
    ...[
      '> quote',
      '> - in it',
      '| a | b |',
      '|---|:-:|',
      '|a long cell|`x\\|y`|c|',
      '|',
      '|:-',
      '審査',
      '&nbsp;',
      '\\| x',
    ],
    ...['<!-- note -->', '[a]: #b', '[^1]: foot', 'Of [a] and [^1], `code`', 'x <!-- y -->', '_a', 'b_', '`open'],
    ...['#### Deep', '#### Deep ####', '##### a  b #', '審査 | 審', '**a', '![x](y)', '```\n- fenced\n\n\n#  x #\n```'],
  ];
  const prose = fc
    .tuple(fc.constantFrom('', 'Told.\n\n', 'Told.\n\n', 'Told.\n'), few(fc.constantFrom(...lines), 8))
    .map(([start, more]) => start + more.join('\n'));
  const heading = fc.constantFrom(
    '## Notes',
    ' ##  Notes ##',
    'Notes\n-----',
    'Two\nlines\n---',
    'No #\n---',
    '  In\n  it\n  --',
  );
  const unclosed = fc.constantFrom('```', '~~~', '<!-- long\n\n- x\n-->', '  <!-- far -->', '- ~~~');
  const notes = few(fc.oneof(prose, heading, unclosed), 4).map((parts) => parts.join('\n\n'));

  const comments = few(fc.constantFrom('<!-- why -->', '<!-- a\n   b -->'), 1);
  const item = (texts: string[]) =>
    fc
      .tuple(fc.constantFrom(...texts), comments, fc.constantFrom('\n', '\n', '\n\n', '\n\n\n', '  \n'))
      .map(([text, more, end]) => [text, ...more].join('\n') + end);
  const items = fc.tuple(
    item(['tool: t', 'tool:  t', 'tool:\nt']),
    few(item(['timeout: 5 seconds', 'timeout:   5\n  seconds']), 1),
    few(
      item(['retry: 3 times,\ndoubling', 'retry:\n- 3 times', 'retry:\n*  3 times\n*  doubling', 'retry:\n1. 3 times']),
      1,
    ),
  );
  const settings = fc
    .tuple(fc.constantFrom('-', '*', '+'), fc.integer({ min: 1, max: 4 }), fc.constantFrom('', ' ', '  '), items)
    .map(([marker, gap, indent, [first, ...more]]) => {
      const start = indent + marker + ' '.repeat(gap);
      return [first, ...more.flat()]
        .map((one) => start + one.replace(/\n(?=\S)/g, `\n${' '.repeat(start.length)}`))
        .join('');
    });
  const table = fc
    .tuple(
      few(fc.tuple(fc.constantFrom('text', 'number', 'list of text'), fc.constantFrom('', 'optional', 'untrusted')), 4),
      fc.boolean(),
    )
    .map(([rows, edges]) => {
      const all = [['Name', 'Type', 'Rule'], ['---', ':-:', '-'], ...rows.map((row, index) => [`x${index}`, ...row])];
      return all.map((row) => (edges ? `|${row.join('|')}|` : row.join(' | '))).join('\n');
    });
  const documents = fc
    .tuple(prose, table, settings, prose, settings, prose, notes, fc.constantFrom('\n', '\r\n'))
    .map(([title, inputs, one, told, two, alsoTold, more, lineEnd]) => {
      const steps = `## Steps\n### A\n${one}\n${told}\n\n### B ##\n\n\n${two}\n${alsoTold}`;
      return `# T\n${title}\n\n## Inputs\n${inputs}\n\n${steps}\n\n## More\n${more}\n`.replaceAll('\n', lineEnd);
    });

  test('formatting keeps the graph and the words, and again changes nothing', () => {
    const numRuns = 150;
    let compiled = 0;
    const property = fc.property(documents, (text) => {
      if (compile(text).graph) compiled += 1;
      expectKept(text);
    });
    fc.assert(property, { numRuns });
    expect(compiled).toBeGreaterThan(numRuns / 4);
  });
});

describe('fields', () => {
  test('in a list become a tight list with -, and keep their rules, meanings and nested fields', () => {
    const text =
      '## Types\n\n### A\n*   name:   text — as it is\n\n*   address:   optional\n    + street: text,\n      optional\n\nProse.\n';
    expect(formatted(text)).toBe(
      '## Types\n\n### A\n\n- name: text — as it is\n- address: optional\n  - street: text,\n    optional\n\nProse.',
    );
  });

  test('after prose, and in JSON Schema, stay as they are', () => {
    const text =
      '## Types\n\n### A\n\nThese:\n\n*   name:   text\n\n### B\n\n```json schema\n{  "type":"string" }\n```';
    expect(formatted(text)).toBe(text);
  });
});
