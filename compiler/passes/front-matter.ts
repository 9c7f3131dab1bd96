/** Front matter is not part of Markdown: it would be read as a rule and a heading. */
import type { Span } from '../source-text.ts';

/** The text with front matter blanked out, so that the rest keeps its places, and where it was. */
export function findFrontMatter(text: string): { text: string; span?: Span } {
  const match = /^(---|\+\+\+)\n(?:[^\n]*\n)*?\1(?=\n|$)/.exec(text);
  if (!match || !/^[\w"'-]+\s*[:=]/m.test(match[0])) return { text };
  const [found] = match;
  return { text: found.replace(/[^\n]/g, ' ') + text.slice(found.length), span: { start: 0, end: 3 } };
}
