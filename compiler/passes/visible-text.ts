/** What a reader can't see is not sent: comments are dropped, other HTML and invisible characters are errors. */

import type { Report } from '../diagnostics.ts';
import type { SourceText, Span } from '../source-text.ts';
import type { RootContent } from './markdown.ts';
import { walk } from './markdown.ts';
import { spanOf } from './phrases.ts';

const comment = /<!--[\s\S]*?-->/g;

/** White space apart, is this HTML nothing but comments? */
export function isComment(html: string): boolean {
  return html.replace(comment, '').trim() === '';
}

export function reportHtml(nodes: readonly RootContent[], source: SourceText, report: Report): void {
  const opened = new Set<string>();
  for (const root of nodes) {
    for (const node of walk(root)) {
      if (node.type !== 'html' || isComment(source.slice(spanOf(node)))) continue;
      const span = spanOf(node);
      const [, slash, name = ''] = /^<(\/?)([A-Za-z][\w-]*)/.exec(source.slice(span)) ?? [];
      // A tag and the tag that closes it are one mistake.
      if (slash === '/' && opened.delete(name)) continue;
      if (slash === '') opened.add(name);
      const line = source.slice(span).split('\n')[0] ?? '';
      const shown = line.length > 40 ? `${line.slice(0, 40)}...` : line;
      const what = line.startsWith('<!--') ? 'text beside a comment' : `HTML ${shown}`;
      report.error(
        'html',
        { start: span.start, end: span.start + line.length },
        `Unexpected ${what}, expected Markdown`,
      );
    }
  }
}

/** Letters of scripts whose spelling needs joiners between them. */
const joining =
  /[\p{Script=Arabic}\p{Script=Syriac}\p{Script=Mongolian}\p{Script=Devanagari}\p{Script=Bengali}\p{Script=Gurmukhi}\p{Script=Gujarati}\p{Script=Oriya}\p{Script=Tamil}\p{Script=Telugu}\p{Script=Kannada}\p{Script=Malayalam}\p{Script=Sinhala}\p{Script=Khmer}\p{M}]$/u;
const pictograph = /(?:\p{Extended_Pictographic}|\p{Emoji_Modifier}|\uFE0F)$/u;
const beforeVariation = /[\p{Extended_Pictographic}0-9#*]$/u;

/** Controls, half characters, zero width, direction, tags, fillers, and variation selectors, which can carry text that nobody sees. */
const invisible = /[[\p{Cc}\p{Cs}\p{Default_Ignorable_Code_Point}\u2028\u2029\u2800\uFFF9-\uFFFB]--[\t\n]]+/gv;

export function reportInvisible(source: SourceText, report: Report): void {
  let told = 0;
  for (const match of source.text.matchAll(invisible)) {
    // An override and its end, or letters with gaps between them, are one mistake of their line.
    if (source.point(match.index).line === told) continue;
    if (isVisibleUse(source.text.slice(Math.max(0, match.index - 4), match.index), match[0])) continue;
    told = source.point(match.index).line;
    const code = (match[0].codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
    const span: Span = { start: match.index, end: match.index + match[0].length };
    report.error('invisible-character', span, `Unexpected invisible character U+${code}, expected visible text`);
  }
}

/** The same of text that is not part of the document's own: what escapes in it stand for. */
export function holdsInvisible(text: string): boolean {
  return [...text.matchAll(invisible)].some(
    ({ index, 0: run }) => !isVisibleUse(text.slice(Math.max(0, index - 4), index), run),
  );
}

function isVisibleUse(before: string, run: string): boolean {
  if (run === '\u200D' || run === '\u200C')
    return joining.test(before) || (run === '\u200D' && pictograph.test(before));
  if (run === '\uFE0F\u200D') return beforeVariation.test(before);
  return (run === '\uFE0F' || run === '\uFE0E') && beforeVariation.test(before);
}
