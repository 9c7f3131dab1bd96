/**
 * Pass 1: text to Markdown nodes. Parsing is superlinear in the length of what is parsed at once, so the text is split
 * at its headings and the parts are read one by one, plain ones without the parser; the nodes are the same as of the whole.
 */

import type { Report } from '../diagnostics.ts';
import type { SourceText } from '../source-text.ts';
import type { Definition, FootnoteDefinition, Nodes, RootContent } from './markdown.ts';
import { markdownParser, walk } from './markdown.ts';
import { spanOf } from './phrases.ts';
import { plainBlocks } from './plain-blocks.ts';
import { headingStarts, refuseSize } from './size-limits.ts';

/**
 * Headings are taken together up to this length: a call of the parser costs as much as some hundred characters, and by some
 * ten thousand it is markedly slower for each.
 */
const usualLength = 4000;

/**
 * Offsets in the nodes' positions are offsets into the whole text. Reports and returns undefined where it must not parse.
 * The nodes do not depend on `partLength`: up to this length, what stands under several headings is parsed at once.
 */
export function parseMarkdown(
  source: SourceText,
  report: Report,
  partLength: number = usualLength,
): RootContent[] | undefined {
  if (refuseSize(source, report)) return undefined;
  const parts = splitAtHeadings(source.text, partLength);
  const definitions = collectDefinitions(parts.flatMap((part) => part.nodes));
  if (definitions.size === 0) return parts.flatMap((part) => part.nodes);
  return parts.flatMap((part) => withDefinitions(part, source.text, definitions));
}

/** Where reference links lead, by the identifier that Markdown gives their label. */
export function linkTargets(nodes: readonly RootContent[]): Map<string, string> {
  const targets = new Map<string, string>();
  for (const node of nodes.flatMap((one) => [...walk(one)])) {
    if (node.type === 'definition' && !targets.has(node.identifier)) targets.set(node.identifier, node.url);
  }
  return targets;
}

interface Part {
  start: number;
  end: number;
  nodes: RootContent[];
  isPlain?: true;
}

function splitAtHeadings(text: string, partLength: number): Part[] {
  const cuts = [...new Set([0, ...headingStarts(text), ...underlineEnds(text), text.length])].sort((a, b) => a - b);
  const parts: Part[] = [];
  const lastCut = cuts.length - 1;
  const at = (cut: number): number => cuts[cut] ?? text.length;
  /** What stands between a cut and the next, where it is plain. */
  const plainAt = memoized((cut: number): RootContent[] | undefined => plainBlocks(text.slice(at(cut), at(cut + 1))));
  let index = 0;
  while (index < lastCut) {
    const start = at(index);
    const plain = plainAt(index);
    if (plain) {
      for (const node of plain) shiftOffsets(node, start);
      index += 1;
      parts.push({ start, end: at(index), nodes: plain, isPlain: true });
      continue;
    }
    let wanted = partLength;
    let isOpen = false;
    let next = index;
    for (;;) {
      next += 1;
      // What is plain is not parsed, unless something that began before it may still be open.
      while (next < lastCut && at(next + 1) - start <= wanted && (isOpen || !plainAt(next))) next += 1;
      const end = at(next);
      // Without its last line end: a list would take it in, which in the whole text it leaves to the heading.
      const nodes = parsePart(text.slice(start, next === lastCut ? end : end - 1), start);
      if (next === lastCut || !isOpenAtEnd(nodes.at(-1), text, end)) {
        parts.push({ start, end, nodes });
        index = next;
        break;
      }
      // Twice as much each time, so that a fence around many headings is parsed a bounded number of times.
      wanted = 2 * (end - start);
      isOpen = true;
    }
  }
  return parts;
}

function memoized<Result>(compute: (cut: number) => Result): (cut: number) => Result {
  const known = new Map<number, Result>();
  return (cut) => {
    if (!known.has(cut)) known.set(cut, compute(cut));
    return known.get(cut) as Result;
  };
}

/** Starts of lines after what may underline a heading: documents may have thousands of these headings and no other. */
function underlineEnds(text: string): number[] {
  return [...text.matchAll(/^ {0,3}(?:=+|-+)\n/gm)].map((match) => match.index + match[0].length);
}

/**
 * May what stands before the cut go on after it? A fence without its closing line does, and an HTML block that touches the
 * next heading; where no heading begins, all but a heading or a rule that ends there may.
 */
function isOpenAtEnd(node: RootContent | undefined, text: string, end: number): boolean {
  if (!/^#{1,6}[ \t\n]/.test(text.slice(end, end + 7))) {
    return !(node?.type === 'heading' || node?.type === 'thematicBreak') || spanOf(node).end !== end - 1;
  }
  if (node?.type === 'html') return text.slice(node.position?.end.offset ?? end, end).trim() === '';
  if (node?.type !== 'code') return false;
  const lines = text.slice(node.position?.start.offset ?? 0, node.position?.end.offset ?? 0).split('\n');
  const fence = /^ {0,3}(`{3,}|~{3,})/.exec(lines[0] ?? '')?.[1];
  if (fence === undefined) return false;
  const closing = /^ {0,3}(`{3,}|~{3,})[ \t]*$/.exec(lines.at(-1) ?? '')?.[1];
  return lines.length === 1 || !closing || closing[0] !== fence[0] || closing.length < fence.length;
}

function parsePart(text: string, shift: number): RootContent[] {
  const { children } = markdownParser.parse(text);
  if (shift !== 0) for (const child of children) shiftOffsets(child, shift);
  return children;
}

function shiftOffsets(root: Nodes, shift: number): void {
  for (const node of walk(root)) {
    if (node.position?.start.offset !== undefined) node.position.start.offset += shift;
    if (node.position?.end.offset !== undefined) node.position.end.offset += shift;
  }
}

/** Reference definitions count for the whole document, wherever they stand; the first of a label counts. */
function collectDefinitions(nodes: RootContent[]): Map<string, string> {
  const found = new Map<string, string>();
  const keep = (key: string, text: string): void => {
    if (!found.has(key)) found.set(key, text);
  };
  for (const node of nodes.flatMap((one) => [...walk(one)])) {
    if (node.type === 'definition') keep(node.identifier, definitionText(node));
    if (node.type === 'footnoteDefinition') keep(`^${node.identifier}`, `[^${label(node)}]: note`);
  }
  return found;
}

function definitionText(node: Definition): string {
  return `[${label(node)}]: <${node.url.replace(/[<>\\]/g, '\\$&').replaceAll('\n', '%0A')}>`;
}

function label(node: Definition | FootnoteDefinition): string {
  return (node.label ?? node.identifier).replaceAll('\n', ' ');
}

/** Parses a part again behind those definitions of other parts that it may refer to. */
function withDefinitions(part: Part, text: string, definitions: Map<string, string>): RootContent[] {
  // In it nothing refers to a definition.
  if (part.isPlain) return part.nodes;
  const own = text.slice(part.start, part.end);
  const used = new Set<string>();
  for (const match of own.matchAll(/\[((?:\\[\s\S]|[^[\]\\]){1,1000})\]/g)) {
    const identifier = (match[1] ?? '').replace(/\s+/g, ' ').trim().toLowerCase().toUpperCase().toLowerCase();
    if (definitions.has(identifier)) used.add(identifier);
  }
  if (used.size === 0) return part.nodes;
  // The comment ends the last definition, which would take in indented text.
  const preface = `${[...used].map((one) => definitions.get(one)).join('\n\n')}\n\n<!---->\n\n`;
  const nodes = parsePart(preface + own, part.start - preface.length);
  return nodes.filter((node) => (node.position?.end.offset ?? 0) > part.start);
}
