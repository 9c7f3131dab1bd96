/**
 * From a graph to its canonical document: the way back from `compile`. Notes, comments and the prose that nobody is told
 * are not in a graph, so they are not in its document.
 */
import { createPatch } from 'rfc6902';
import { canonicalJson } from './canonical.ts';
import type { Compiled } from './compile.ts';
import { compile } from './compile.ts';
import type { Diagnostic } from './diagnostics.ts';
import { format } from './format.ts';
import type { Graph } from './graph.ts';
import type { Thing } from './passes/read-sections.ts';
import { readSections } from './passes/read-sections.ts';
import { openText } from './passes/run-passes.ts';
import { parseMarkdown } from './passes/split.ts';
import type { Receipt } from './receipt.ts';
import type { Anchors, RenderProblem } from './render-document.ts';
import { ownThings, writeDocument } from './render-document.ts';
import { standInDocuments } from './render-externals.ts';
import type { Surroundings } from './surroundings.ts';

/** `receipt` is of `text`. */
export type Rendered = { text: string; receipt: Receipt } | { problems: RenderProblem[] };

/**
 * The document that compiles to this very graph, laid out as `format` does it. Never throws.
 *
 * `surroundings` are those that the document is to be compiled with. The documents it links to are taken to hold what the
 * graph has of them, where they are not given.
 */
export function render(graph: Graph, surroundings: Surroundings = {}): Rendered {
  const written = writeOut(graph, surroundings);
  if ('problems' in written) return { problems: written.problems };
  const { text, compiled } = written;
  if (canonicalJson(graph) === canonicalJson(compiled.graph)) return { text, receipt: compiled.receipt };
  const [first] = createPatch(compiled.graph, graph);
  const message = 'Unexpected value that no document can say, expected what a document compiles to';
  return { problems: [{ at: first?.path ?? '', message }] };
}

type Whole = Required<Compiled>;

/** A document for the graph and what it compiles to, be it that graph or not; `text` is as far as it could be written. */
export type WrittenOut = { text: string; compiled: Whole } | { text: string; problems: RenderProblem[] };

export function writeOut(graph: Graph, surroundings: Surroundings): WrittenOut {
  const documents = surroundings.documents ?? standInDocuments(graph);
  const around = { ...surroundings, ...(documents && { documents }) };
  // The anchor of a heading depends on all headings: the first writing finds them, the second links to them.
  const unlinked = writeDocument(graph, around, new Map());
  const written = writeDocument(graph, around, anchorsIn(unlinked.text, graph));
  if (written.problems.length > 0) return written;
  const { text } = format(written.text);
  const { graph: found, hash, receipt, diagnostics } = compile(text, { surroundings: around });
  if (found && hash !== undefined && receipt) return { text, compiled: { graph: found, hash, receipt, diagnostics } };
  return { text, problems: diagnostics.flatMap((one) => problemOf(one, text, graph)) };
}

interface ThingWritten {
  /** `step ID`, `agent ID` or `type NAME`. */
  key: string;
  anchor: string;
  start: number;
  end: number;
}

/** The headings of steps, agents and types, in the order of the graph. */
function thingsIn(text: string, graph: Graph): ThingWritten[] {
  const { source, report } = openText(text);
  const outline = readSections(parseMarkdown(source, report) ?? [], source, report);
  const own = ownThings(graph);
  const waiting: Partial<Record<Thing, string[]>> = {
    step: graph.nodes.map((node) => `step ${node.id}`),
    agent: own.agents.map((agent) => `agent ${agent.id}`),
    type: own.types.map((type) => `type ${type.name}`),
  };
  return outline.blocks.flatMap(({ heading, span }) => {
    const key = waiting[heading.thing]?.shift();
    return key === undefined ? [] : [{ key, anchor: heading.anchor, ...span }];
  });
}

function anchorsIn(text: string, graph: Graph): Anchors {
  return new Map(thingsIn(text, graph).map(({ key, anchor }) => [key, anchor]));
}

/** A mistake in what was rendered, at the part of the graph that it was rendered from. */
function problemOf({ severity, line, message }: Diagnostic, text: string, graph: Graph): RenderProblem[] {
  if (severity !== 'error') return [];
  const lines = text.split('\n').slice(0, line - 1);
  const place = lines.reduce((length, one) => length + one.length + 1, 0);
  const key = thingsIn(text, graph).findLast(({ start, end }) => start <= place && place < end)?.key;
  return [{ at: key === undefined ? '' : pointerOf(key, graph), message }];
}

function pointerOf(key: string, { nodes, agents, types }: Graph): string {
  const lists = {
    nodes: nodes.map((one) => `step ${one.id}`),
    agents: agents.map((one) => `agent ${one.id}`),
    types: types.map((one) => `type ${one.name}`),
  };
  const found = Object.entries(lists).find(([, keys]) => keys.includes(key));
  return found ? `/${found[0]}/${found[1].indexOf(key)}` : '';
}
