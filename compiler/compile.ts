/** From a document to its graph, by passes. Pure: no I/O, no clock, no model; the same text gives the same graph. */
import { canonicalJson, sha256Hex } from './canonical.ts';
import type { Diagnostic } from './diagnostics.ts';
import { Report } from './diagnostics.ts';
import type { Graph } from './graph.ts';
import { checkExpressions } from './passes/check-expressions.ts';
import { checkFlow } from './passes/check-flow.ts';
import { emitGraph } from './passes/emit-graph.ts';
import { findFrontMatter } from './passes/front-matter.ts';
import { orderSteps } from './passes/order-steps.ts';
import { readDocument } from './passes/read-document.ts';
import type { Heading, Outline } from './passes/read-sections.ts';
import { readSections } from './passes/read-sections.ts';
import type { Body, Reading } from './passes/read-settings.ts';
import { readSettings } from './passes/read-settings.ts';
import { resolveNames } from './passes/resolve-names.ts';
import { linkTargets, parseMarkdown } from './passes/split.ts';
import { reportHtml, reportInvisible } from './passes/visible-text.ts';
import type { Receipt } from './receipt.ts';
import { writeReceipt } from './receipt.ts';
import { normalizeText, SourceText } from './source-text.ts';

export interface CompileOptions {
  /** Named in the receipt. */
  file?: string;
}

export interface Compiled {
  /** Absent when there is an error. */
  graph?: Graph;
  /** SHA-256 of the graph's canonical JSON: its identity. */
  hash?: string;
  receipt?: Receipt;
  /** All mistakes at once, in the order of their places. */
  diagnostics: Diagnostic[];
}

/** Never throws: whatever the text, it gives a graph or diagnostics. */
export function compile(markdown: string, options: CompileOptions = {}): Compiled {
  const { text, span: frontMatter } = findFrontMatter(normalizeText(markdown));
  const source = new SourceText(text);
  const report = new Report(source);
  if (frontMatter) {
    const message = 'Unexpected front matter, expected settings as a list under the title';
    report.error('front-matter', frontMatter, message);
  }
  const nodes = parseMarkdown(source, report);
  if (!nodes) return { diagnostics: report.diagnostics() };
  reportInvisible(source, report);
  reportHtml(nodes, source, report);
  const reading: Reading = { source, targets: linkTargets(nodes), report };
  const outline = readSections(nodes, source, report);
  const bodies = readBodies(outline, reading);
  const names = resolveNames(outline, bodies, report);
  const draft = readDocument(outline, bodies, { ...reading, names });
  const order = orderSteps(draft.steps, report);
  const flow = checkFlow(draft, order, report);
  const outputs = checkExpressions(draft, flow, names.refused, report);
  const diagnostics = report.diagnostics();
  if (diagnostics.length > 0) return { diagnostics };
  const graph = emitGraph(draft, order.edges, outputs);
  const hash = sha256Hex(canonicalJson(graph));
  const receipt = writeReceipt({ source, outline, draft, edges: order.edges, graphHash: hash, ...options });
  return { graph, hash, receipt, diagnostics };
}

/** Settings are read under the title, under sections, and under what stands in them; notes have none. */
function readBodies(outline: Outline, reading: Reading): Map<Heading, Body> {
  const bodies = new Map<Heading, Body>();
  const blocks = [...outline.sections.values()].flatMap((section) => [section, ...section.blocks]);
  for (const block of outline.title ? [outline.title, ...blocks] : blocks) {
    bodies.set(block.heading, readSettings(block, reading));
  }
  return bodies;
}
