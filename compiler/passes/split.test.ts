import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Report } from '../diagnostics.ts';
import { normalizeText, SourceText } from '../source-text.ts';
import type { Nodes } from './markdown.ts';
import { markdownParser, walk } from './markdown.ts';
import { parseMarkdown } from './split.ts';

/** Types, values and offsets of all nodes, in document order. */
function outline(nodes: readonly Nodes[]): string[] {
  return nodes.flatMap((root) =>
    [...walk(root)].map((node) => {
      const value = 'value' in node ? node.value : 'url' in node ? node.url : '';
      return `${node.type} ${node.position?.start.offset}-${node.position?.end.offset} ${value}`;
    }),
  );
}

/** Split at every heading, and whole. */
function both(text: string): { split: string[]; whole: string[] } {
  const source = new SourceText(normalizeText(text));
  const split = outline(parseMarkdown(source, new Report(source), 0) ?? []);
  return { split, whole: outline(markdownParser.parse(source.text).children) };
}

test('fences, comments and HTML that contain headings are not cut', () => {
  for (const text of [
    '```\n# a\n```\n\n# b\n',
    '~~~~\n# a\n~~~\n# b\n~~~~\n# c\n',
    '<!--\n# a\n\n# b\n-->\n# c\n',
    '<pre>\n\n# a\n</pre>\n# b\n',
    '<div>\n# a\n\n# b\n',
    '- ```\n# a\n  ```\n# b\n',
    '```\n# never closed\n# at all\n',
  ]) {
    const { split, whole } = both(text);
    expect(split).toEqual(whole);
  }
});

test('reference definitions reach across headings, the first of a label', () => {
  const { split, whole } = both(
    '[a] and [B c][]\n\n# x\n\n[a]: #one\n\n# y\n\n[a]: #two\n[b C]: <#three> "title"\n\n# z\n\n[a]\n',
  );
  expect(split).toEqual(whole);
  expect(split.filter((line) => line.startsWith('linkReference'))).toHaveLength(3);
});

test('whatever is split at headings gives the nodes of the whole', () => {
  const lines = fc.constantFrom(
    ...['# a', '## b', '### c d', 'text', '', '', '```', '~~~', '    code', '- item', '  more', '> quote', '1. one'],
    ...[
      '<!--',
      '-->',
      '<!-- c -->',
      '<div>',
      '</div>',
      '<pre>',
      '</pre>',
      '[x]: #a',
      '[x]',
      '[y]',
      '[y]: #b',
      '[^n]',
      '[^n]: note',
    ],
    ...[
      '| a | b |',
      '|---|---|',
      '| `c` | d |',
      '===',
      ' ===',
      '  ---',
      '---',
      '# ',
      '#x',
      ' # e',
      '- # f',
      '> # g',
      '```js',
      '````',
      '*e',
      'm*',
    ],
    ...[
      'a *b* `c`',
      '[x](#y) z',
      '- a: `b`',
      '- [x](#y)',
      '  - c',
      '> q',
      '| e | *f* |',
      '#### g',
      'a - b',
      '2. c',
      ':-',
    ],
  );
  fc.assert(
    fc.property(fc.array(lines, { maxLength: 25 }), (parts) => {
      const { split, whole } = both(parts.join('\n'));
      expect(split).toEqual(whole);
    }),
    { numRuns: 500 },
  );
}, 60_000);
