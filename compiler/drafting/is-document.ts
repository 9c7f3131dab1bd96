/** Is a page a document, with mistakes or without, or is it prose that one could be drafted from? */
import { readSections } from '../passes/read-sections.ts';
import { openText } from '../passes/run-passes.ts';
import { parseMarkdown } from '../passes/split.ts';

/** It is one when it has a section of the dialect, such as `## Steps`. Never throws. */
export function isDocument(markdown: string): boolean {
  const { source, report } = openText(markdown);
  return readSections(parseMarkdown(source, report) ?? [], source, report).sections.size > 0;
}
