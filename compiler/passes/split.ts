/**
 * Pass 1: text to Markdown nodes. Parsing is superlinear in the length of what is parsed at once, so the text is split
 * at its headings and the parts are parsed one by one; the nodes are the same as of the whole.
 */

import type { Report } from '../diagnostics.ts';
import type { SourceText } from '../source-text.ts';
import type { Definition, FootnoteDefinition, Nodes, RootContent } from './markdown.ts';
import { markdownParser, walk } from './markdown.ts';

export const maxDocumentBytes = 2 * 1024 * 1024;
export const maxSectionLength = 200 * 1024;
export const maxNesting = 32;
/** Brackets and emphasis marks of one paragraph: Markdown matches them pairwise, which takes the square of their number. */
const maxMarks = 1000;

/** Line starts of headings that begin in the first column: nothing but an open fence or HTML block can contain them. */
function headingStarts(text: string): number[] {
  return [...text.matchAll(/^#{1,6}(?=[ \t]|$)/gm)].map((match) => match.index);
}

/** Offsets in the nodes' positions are offsets into the whole text. Reports and returns undefined where it must not parse. */
export function parseMarkdown(source: SourceText, report: Report): RootContent[] | undefined {
  if (refuse(source, report)) return undefined;
  const parts = splitAtHeadings(source.text);
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
}

function splitAtHeadings(text: string): Part[] {
  const cuts = [...new Set([0, ...headingStarts(text), text.length])];
  const parts: Part[] = [];
  let index = 0;
  while (index < cuts.length - 1) {
    const start = cuts[index] ?? 0;
    let step = 1;
    for (;;) {
      const next = Math.min(index + step, cuts.length - 1);
      const end = cuts[next] ?? text.length;
      const nodes = parsePart(text.slice(start, end), start);
      if (next === cuts.length - 1 || !isOpenAtEnd(nodes.at(-1), text, end)) {
        parts.push({ start, end, nodes });
        index = next;
        break;
      }
      // Twice as much each time, so that a fence around many headings is parsed a bounded number of times.
      step *= 2;
    }
  }
  return parts;
}

/** A fence without its closing line, or an HTML block that touches the next heading: the heading may be part of it. */
function isOpenAtEnd(node: RootContent | undefined, text: string, end: number): boolean {
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
  const own = text.slice(part.start, part.end);
  const used = new Set<string>();
  for (const match of own.matchAll(/\[((?:\\[\s\S]|[^[\]\\]){1,1000})\]/g)) {
    const identifier = (match[1] ?? '').replace(/\s+/g, ' ').trim().toLowerCase().toUpperCase().toLowerCase();
    if (definitions.has(identifier)) used.add(identifier);
  }
  if (used.size === 0) return part.nodes;
  const preface = `${[...used].map((one) => definitions.get(one)).join('\n\n')}\n\n`;
  const nodes = parsePart(preface + own, part.start - preface.length);
  return nodes.filter((node) => (node.position?.end.offset ?? 0) > part.start);
}

function refuse(source: SourceText, report: Report): boolean {
  const { text } = source;
  const start = { start: 0, end: 0 };
  if (text.length > maxDocumentBytes || new TextEncoder().encode(text).length > maxDocumentBytes) {
    report.error('too-large', start, 'Unexpected document of more than 2 MB, expected a smaller one');
    return true;
  }
  let refused = false;
  const cuts = [...headingStarts(text), text.length];
  let from = 0;
  for (const to of cuts) {
    if (to - from > maxSectionLength) {
      const at = { start: from, end: text.indexOf('\n', from) };
      report.error('section-too-large', at, 'Unexpected text of more than 200 KB under one heading, expected less');
      refused = true;
    }
    from = to;
  }
  return refuseNesting(text, report) || refused;
}

/** An upper bound of the nesting, from the markers at the beginning of lines and the marks within paragraphs. */
function refuseNesting(text: string, report: Report): boolean {
  const open: number[] = [];
  let marks = 0;
  let offset = 0;
  for (const line of text.split('\n')) {
    const at = { start: offset, end: offset + line.length };
    const depth = blockDepth(line, open);
    marks = line === '' ? 0 : marks + (line.match(/[[*_~]/g)?.length ?? 0);
    if (depth > maxNesting || marks > maxMarks) {
      const what = depth > maxNesting ? 'lists or quotes' : 'brackets and emphasis marks in one paragraph';
      const limit = depth > maxNesting ? `${maxNesting} levels` : `${maxMarks}`;
      report.error('too-deep', at, `Unexpected nesting of ${what}, expected at most ${limit}`);
      return true;
    }
    offset += line.length + 1;
  }
  return false;
}

const marker = /^([ \t]*)(>|[-*+](?=[ \t]|$)|\d{1,9}[.)](?=[ \t]|$))/;

/** `open` holds the columns of the list items that the line may be inside of; it is brought up to date. */
function blockDepth(line: string, open: number[]): number {
  let quotes = 0;
  let column = 0;
  let rest = line;
  for (let match = marker.exec(rest); match; match = marker.exec(rest)) {
    const start = column + (match[1] ?? '').replaceAll('\t', '    ').length;
    const mark = match[2] ?? '';
    while (open.length > 0 && (open.at(-1) ?? 0) >= start) open.pop();
    if (mark === '>') quotes += 1;
    else open.push(start);
    column = start + mark.length;
    rest = rest.slice(match[0].length);
    if (open.length + quotes > maxNesting) break;
  }
  if (column === 0 && /^\S/.test(line)) open.length = 0;
  return open.length + quotes;
}
