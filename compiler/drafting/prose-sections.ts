/** Free prose in sections: what a model is asked about at once, and told apart by its hash. */
import { sha256Hex } from '../canonical.ts';
import type { Diagnostic } from '../diagnostics.ts';
import { spanOf } from '../passes/phrases.ts';
import { openText } from '../passes/run-passes.ts';
import { parseMarkdown } from '../passes/split.ts';

export interface ProseSection {
  /** Of its heading; empty for what stands before the first. */
  title: string;
  /** With its heading. */
  text: string;
  /** SHA-256 of the text. */
  hash: string;
  /** Is there anything under its heading? */
  saysSomething: boolean;
}

/**
 * Cut at headings of one or two #. A section that is there word for word before says nothing new and is left out.
 * @returns the one mistake of a text that is too large to be read
 */
export function proseSections(prose: string): { sections: ProseSection[] } | { mistakes: Diagnostic[] } {
  const { source, report } = openText(prose);
  const nodes = parseMarkdown(source, report);
  if (!nodes) return { mistakes: report.diagnostics() };
  const headings = nodes.flatMap((node) => (node.type === 'heading' && node.depth <= 2 ? [spanOf(node)] : []));
  const cuts = [0, ...headings.map((one) => one.start), source.text.length];
  const sections = new Map<string, ProseSection>();
  for (const [index, start] of cuts.slice(0, -1).entries()) {
    const end = cuts[index + 1];
    const text = source.text.slice(start, end).trim();
    if (text === '') continue;
    const heading = headings.find((one) => one.start === start);
    const title = heading ? titleIn(source.slice(heading)) : '';
    const rest = source.text.slice(heading?.end ?? start, end);
    const section = { title, text, hash: sha256Hex(text), saysSomething: rest.trim() !== '' };
    if (!sections.has(section.hash)) sections.set(section.hash, section);
  }
  return { sections: [...sections.values()] };
}

/** Without the marks of the heading, in one line. */
function titleIn(heading: string): string {
  const words = heading.replace(/\n\s*[=-]+\s*$/, '').replace(/^\s*#+\s*|\s+#+\s*$/g, '');
  return words.replace(/\s+/g, ' ').trim().normalize('NFC');
}
