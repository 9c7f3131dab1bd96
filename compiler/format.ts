/**
 * The canonical layout of a document, so that differences are small: headings with #, settings as tight lists with `-`,
 * tables in columns, and one blank line between these. The order of things, all prose, lists in it and comments stay as
 * their authors wrote them. What the agents and steps are told is prose to the letter, blank lines and tables included.
 */
import { canonicalJson, sha256Hex } from './canonical.ts';
import { compile } from './compile.ts';
import type { Diagnostic } from './diagnostics.ts';
import { hasMistakes } from './diagnostics.ts';
import { formatHeading, formatSettings, formatTable, lineStart } from './format-blocks.ts';
import { emitGraph } from './passes/emit-graph.ts';
import type { List, RootContent } from './passes/markdown.ts';
import { spanOf } from './passes/phrases.ts';
import type { Block } from './passes/read-sections.ts';
import type { Body } from './passes/read-settings.ts';
import type { Passed } from './passes/run-passes.ts';
import { openText, runPasses } from './passes/run-passes.ts';
import { parseMarkdown } from './passes/split.ts';

export interface Formatted {
  /** The text as it was given, to the byte, where it is left as it is. */
  text: string;
  /** Of the text as it was given. A document with mistakes is left as it is. */
  diagnostics: Diagnostic[];
  /** Laid out, it would not give the same graph, so it is left as it is: its tables would become too large, say. */
  wouldChange?: true;
}

/** Never throws. Formatting what was formatted changes nothing, and the graph stays the same to the byte. */
export function format(markdown: string): Formatted {
  const { source, report } = openText(markdown);
  const nodes = parseMarkdown(source, report);
  const passed = nodes && runPasses(nodes, source, report);
  const diagnostics = report.diagnostics();
  if (!nodes || !passed || hasMistakes(diagnostics)) return { text: markdown, diagnostics };
  const text = layOut(nodes, source.text, passed);
  const before = emitGraph(passed.draft, passed.order.edges, passed.outputs);
  // What was only normalized reads the same: the compiler normalizes it too.
  if (text === source.text || compile(text).hash === sha256Hex(canonicalJson(before))) return { text, diagnostics };
  return { text: markdown, diagnostics, wouldChange: true };
}

type Kind = 'heading' | 'settings' | 'table' | 'comment' | 'prose';

/** Text that stands on its own lines. Spans begin at the start of a line. */
interface Piece {
  text: string;
  first: Kind;
  last: Kind;
  start: number;
  end: number;
  /** Of settings: their text is decided by what follows them. */
  settings?: readonly List[];
}

function layOut(nodes: readonly RootContent[], text: string, passed: Passed): string {
  const pieces = piecesOf(nodes, text, passed);
  for (const [index, piece] of pieces.entries()) {
    if (piece.settings) piece.text = settingsText(piece, piece.settings, pieces[index + 1], text);
  }
  const parts = pieces.map((piece, index) => {
    const before = pieces[index - 1];
    return before ? '\n'.repeat(1 + blankLines(before, piece, text)) + piece.text : piece.text;
  });
  return `${parts.join('')}\n`;
}

function piecesOf(nodes: readonly RootContent[], text: string, { outline, bodies, draft }: Passed): Piece[] {
  const blocks = new Map(outline.blocks.map((block) => [block.heading.span.start, block]));
  const told = new Set([...draft.agents, ...draft.steps].map((one) => one.block.heading));
  const pieces: Piece[] = [];
  for (let index = 0; index < nodes.length; ) {
    const node = nodes[index];
    if (!node) break;
    const block = node.type === 'heading' ? blocks.get(spanOf(node).start) : undefined;
    pieces.push(pieceOf(node, text));
    index += 1;
    if (!block) continue;
    const settings = settingsOf(block, bodies.get(block.heading));
    const instruction: RootContent[] = [];
    for (const one of block.nodes) {
      const before = pieces.at(-1);
      if (one.type === 'list' && settings.has(one)) {
        if (before?.settings) Object.assign(before, settingsPiece([...before.settings, one], text));
        else pieces.push(settingsPiece([one], text));
        settings.delete(one);
      } else if (told.has(block.heading) && settings.size === 0) instruction.push(one);
      else pieces.push(pieceOf(one, text));
    }
    if (instruction.length > 0) pieces.push(asWritten(instruction, text));
    index += block.nodes.length;
  }
  return pieces;
}

/** The lists before the first node that is no setting. Notes have none. */
function settingsOf(block: Block, body: Body | undefined): Set<RootContent> {
  if (!body) return new Set();
  const rest = new Set(body.rest);
  const end = block.nodes.findIndex((node) => rest.has(node));
  const before = end === -1 ? block.nodes : block.nodes.slice(0, end);
  return new Set(before.filter((node) => node.type === 'list'));
}

function pieceOf(node: RootContent, text: string): Piece {
  const piece = asWritten([node], text);
  if (node.type === 'table') return { ...piece, text: formatTable(node, { text }) ?? piece.text };
  if (node.type !== 'heading') return piece;
  const formatted = formatHeading(node, { text });
  // One that keeps its underline may be a heading only by what stands directly above it.
  return formatted === undefined ? { ...piece, first: 'prose', last: 'prose' } : { ...piece, text: formatted };
}

function settingsPiece(settings: readonly List[], text: string): Piece {
  return { ...asWritten(settings, text), first: 'settings', last: 'settings', settings };
}

function asWritten(nodes: readonly RootContent[], text: string): Piece {
  const [first, last] = [nodes[0], nodes.at(-1)];
  const start = first ? lineStart(first, text) : 0;
  // A fence that nothing closes, in a list, reaches to the next block.
  const written = text.slice(start, last && spanOf(last).end).replace(/\n+$/, '');
  const end = start + written.length;
  return { text: written, first: kindOf(first), last: kindOf(last), start, end };
}

function kindOf(node: RootContent | undefined): Kind {
  if (node?.type === 'heading' || node?.type === 'table') return node.type;
  // A document that compiles has no other HTML.
  return node?.type === 'html' ? 'comment' : 'prose';
}

function settingsText(piece: Piece, settings: readonly List[], next: Piece | undefined, text: string): string {
  // What is indented might become part of the last setting, when that begins further to the left.
  if (next && /^\s/.test(next.text)) return piece.text;
  // A list of prose with the same marker would be read as more settings.
  const marker = next?.first === 'prose' && /^-(?:\s|$)/.test(next.text) ? '*' : '-';
  return formatSettings(settings, marker, { text }) ?? piece.text;
}

function blankLines(before: Piece, after: Piece, text: string): 0 | 1 {
  const adjacent = (text.slice(before.end, after.start).match(/\n/g)?.length ?? 0) <= 1;
  if (!adjacent) return 1;
  // A comment stays with what it stands beside, and prose as it is.
  if (before.last === 'comment') return 0;
  if (after.first === 'comment') return before.last === 'heading' ? 1 : 0;
  return before.last === 'prose' && after.first === 'prose' ? 0 : 1;
}
