/**
 * The canonical text of a heading, a table or a list of settings. Each is written anew around the author's own text, read
 * again, and held against what was written: where it would not read the same, undefined is given and it stays as it is.
 */
import type { HeadingNode, List, ListItem, RootContent, Table } from './passes/markdown.ts';
import { markdownParser } from './passes/markdown.ts';
import { spanOf } from './passes/phrases.ts';
import { columnsOf } from './text-columns.ts';

/** Of `text`, which the offsets in the nodes' positions count in. */
export interface Written {
  text: string;
}

export function formatHeading(node: HeadingNode, { text }: Written): string | undefined {
  const first = node.children[0];
  const last = node.children.at(-1);
  const words = first && last ? text.slice(spanOf(first).start, spanOf(last).end) : '';
  const heading = `${'#'.repeat(node.depth)} ${words}`.trimEnd();
  return readsAs(heading, sourceOf([node], text), (nodes) => nodes) ? heading : undefined;
}

/** Cells wider than this stand out of their column, so that one long cell does not widen all its rows. */
const widestColumn = 120;

export function formatTable(table: Table, { text }: Written): string | undefined {
  const rows = table.children.map((row) =>
    row.children.map((cell) => {
      const first = cell.children[0];
      const last = cell.children.at(-1);
      return first && last ? text.slice(spanOf(first).start, spanOf(last).end).replace(/^[ \t]+|[ \t]+$/g, '') : '';
    }),
  );
  const widths: number[] = [];
  const measured = rows.map((row) => row.map((cell) => ({ cell, columns: columnsOf(cell) })));
  for (const row of measured) {
    for (const [index, { columns }] of row.entries()) {
      if (columns <= widestColumn) widths[index] = Math.max(widths[index] ?? 1, columns);
    }
  }
  const aligned = (index: number) => table.align?.[index] ?? null;
  const lines = measured.map((row) => {
    const cells = row.map(({ cell, columns }, index) => {
      const padding = ' '.repeat(Math.max(0, (widths[index] ?? 1) - columns));
      return aligned(index) === 'right' ? ` ${padding}${cell} ` : ` ${cell}${padding} `;
    });
    return `|${cells.join('|')}|`;
  });
  const rule = (rows[0] ?? []).map((_, index) => {
    const dashes = '-'.repeat(widths[index] ?? 1);
    const align = aligned(index);
    return (
      (align === 'left' || align === 'center' ? ':' : '-') +
      dashes +
      (align === 'right' || align === 'center' ? ':' : '-')
    );
  });
  const formatted = [lines[0], `|${rule.join('|')}|`, ...lines.slice(1)].join('\n');
  return readsAs(formatted, sourceOf([table], text), (nodes) => nodes) ? formatted : undefined;
}

/** Lists that follow each other are read as one and become one. */
export function formatSettings(lists: readonly List[], marker: '-' | '*', { text }: Written): string | undefined {
  const formatted = lists
    .flatMap((list) => list.children.flatMap((item) => printItem(item, 0, marker, text)))
    .join('\n');
  const items = (nodes: RootContent[]) =>
    nodes.flatMap((node) => (node.type === 'list' && !node.ordered ? node.children : [node]));
  return readsAs(formatted, sourceOf(lists, text), items) ? formatted : undefined;
}

function printItem(item: ListItem, indent: number, bullet: string, text: string): string[] {
  const { start } = spanOf(item);
  const number = /^\d+[.)]/.exec(text.slice(start, start + 12))?.[0];
  const marker = `${' '.repeat(indent)}${number ?? bullet}`;
  const content = marker.length + 1;
  const lines = item.children.flatMap((child) =>
    child.type === 'list'
      ? child.children.flatMap((one) => printItem(one, content, '-', text))
      : printBlock(child, content, text),
  );
  const [first = '', ...more] = lines;
  // The name of a setting or of a value, up to its colon, and then one space.
  const named = first.trimStart().replace(/^([\p{L}\p{N}][\p{L}\p{N}\p{M} _'’-]*:)[ \t]+/u, '$1 ');
  return [`${marker} ${named}`.trimEnd(), ...more];
}

/** Lines keep how far they are indented beyond the block they belong to. */
function printBlock(node: RootContent, indent: number, text: string): string[] {
  const { start, end } = spanOf(node);
  const column = expandTabs(text.slice(text.lastIndexOf('\n', start - 1) + 1, start)).length;
  return text
    .slice(start, end)
    .split('\n')
    .map((line, index) => {
      if (index === 0) return ' '.repeat(indent) + line;
      const blank = expandTabs(/^[ \t]*/.exec(line)?.[0] ?? '').length;
      const words = line.replace(/^[ \t]+/, '');
      return words === '' ? '' : ' '.repeat(indent + Math.max(0, blank - column)) + words;
    });
}

function expandTabs(start: string): string {
  let expanded = '';
  for (const character of start) expanded += character === '\t' ? ' '.repeat(4 - (expanded.length % 4)) : ' ';
  return expanded;
}

/** Where the line begins that the node begins in. */
export function lineStart(node: RootContent, text: string): number {
  // An underlined heading's place takes in the definitions directly above it, which are nodes of their own.
  const [first = node] = node.type === 'heading' ? node.children : [];
  return text.lastIndexOf('\n', spanOf(first).start - 1) + 1;
}

function sourceOf(nodes: readonly RootContent[], text: string): string {
  const [first] = nodes;
  const last = nodes.at(-1);
  return first && last ? text.slice(lineStart(first, text), spanOf(last).end) : '';
}

/** Does the new text give the same nodes as the old, but for their places and for how lines are broken? */
function readsAs(text: string, before: string, of: (nodes: RootContent[]) => readonly unknown[]): boolean {
  return signature(of(markdownParser.parse(text).children)) === signature(of(markdownParser.parse(before).children));
}

function signature(nodes: readonly unknown[]): string {
  return JSON.stringify(nodes, (key, value: unknown) => {
    if (key === 'position' || key === 'spread') return undefined;
    if (!isRecord(value)) return value;
    const collapsed = value.type === 'text' || value.type === 'html';
    return collapsed && typeof value.value === 'string'
      ? { ...value, value: value.value.replace(/[ \t\n]+/g, ' ') }
      : value;
  });
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
