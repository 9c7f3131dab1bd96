/**
 * Markdown nodes of a text that differs little from one parsed before: only what stands between the headings around the
 * change is parsed again. Parsing is nearly all of what a compile costs, so this is what lets an editor ask on every key.
 */
import { Report } from '../diagnostics.ts';
import type { Nodes, RootContent } from '../passes/markdown.ts';
import { spanOf } from '../passes/phrases.ts';
import { refuseSize } from '../passes/size-limits.ts';
import { parseMarkdown } from '../passes/split.ts';
import { SourceText } from '../source-text.ts';

export interface Parsed {
  text: string;
  /** Read only: a later text shares those that did not move. */
  nodes: readonly RootContent[];
}

/**
 * The same nodes as `parseMarkdown` gives, with or without `before`. Reports and returns undefined where the text must
 * not be parsed.
 */
export function parseAgain(source: SourceText, report: Report, before?: Parsed): Parsed | undefined {
  const { text } = source;
  if (before && !mayDefine(before.text) && !mayDefine(text)) {
    if (refuseSize(source, report)) return undefined;
    const nodes = patched(before, text);
    if (nodes) return { text, nodes };
  }
  const nodes = parseMarkdown(source, report);
  return nodes && { text, nodes };
}

/** A definition counts for the whole document, so a change anywhere may change every part. */
function mayDefine(text: string): boolean {
  return text.includes(']:');
}

/**
 * A heading at the start of a line that is a node of its own is a seam: what follows it is read without regard to what
 * stands before. Undefined where a seam that was there is gone.
 */
function patched({ text: old, nodes }: Parsed, text: string): RootContent[] | undefined {
  const same = commonEnds(old, text);
  const shift = text.length - old.length;
  const seams = nodes.flatMap((node, index) => (isSeam(node, old) ? [{ index, at: spanOf(node).start }] : []));
  const first = seams.findLast((seam) => seam.at < same.start) ?? { index: 0, at: 0 };
  const after = seams.find((seam) => seam.at > old.length - same.end && seam.at > first.at);
  const end = after ? lineEnd(text, after.at + shift) : text.length;
  const middle = parseMarkdown(new SourceText(text.slice(first.at, end)), new Report(new SourceText('')));
  if (!middle) return undefined;
  const [opening] = middle;
  if (first.at > 0 && !(opening && isHeadingAt(opening, 0))) return undefined;
  if (!after) return [...nodes.slice(0, first.index), ...middle.map((node) => moved(node, first.at))];
  const closing = middle.at(-1);
  if (!closing || !isHeadingAt(closing, after.at + shift - first.at)) return undefined;
  return [
    ...nodes.slice(0, first.index),
    ...middle.slice(0, -1).map((node) => moved(node, first.at)),
    ...nodes.slice(after.index).map((node) => moved(node, shift)),
  ];
}

/** How much of both texts is the same at the start and, of what is left, at the end. */
function commonEnds(old: string, text: string): { start: number; end: number } {
  const shorter = Math.min(old.length, text.length);
  let start = 0;
  while (start < shorter && old.charCodeAt(start) === text.charCodeAt(start)) start += 1;
  let end = 0;
  while (end < shorter - start && old.charCodeAt(old.length - 1 - end) === text.charCodeAt(text.length - 1 - end)) {
    end += 1;
  }
  return { start, end };
}

function isSeam(node: RootContent, text: string): boolean {
  const { start } = spanOf(node);
  return node.type === 'heading' && text[start] === '#' && (start === 0 || text[start - 1] === '\n');
}

function isHeadingAt(node: RootContent, offset: number): boolean {
  return node.type === 'heading' && spanOf(node).start === offset;
}

function lineEnd(text: string, from: number): number {
  const end = text.indexOf('\n', from);
  return end === -1 ? text.length : end + 1;
}

/** A copy whose offsets lie further on; nesting was bounded before parsing. */
function moved<Node extends Nodes>(node: Node, shift: number): Node {
  if (shift === 0) return node;
  const copy = { ...node };
  if (node.position) {
    const { start, end } = node.position;
    copy.position = {
      start: { ...start, offset: (start.offset ?? 0) + shift },
      end: { ...end, offset: (end.offset ?? 0) + shift },
    };
  }
  if ('children' in copy) copy.children = (copy.children as Nodes[]).map((child) => moved(child, shift)) as never;
  return copy;
}
