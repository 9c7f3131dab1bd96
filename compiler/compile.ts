/** From a document to its graph, by passes. Pure: no I/O, no clock, no model; the same text gives the same graph. */
import { canonicalJson, sha256Hex } from './canonical.ts';
import type { Diagnostic } from './diagnostics.ts';
import { hasMistakes } from './diagnostics.ts';
import type { Graph } from './graph.ts';
import { openText, runPasses } from './passes/run-passes.ts';
import { parseMarkdown } from './passes/split.ts';
import type { Receipt } from './receipt.ts';
import type { Surroundings } from './surroundings.ts';
import { writeReceipt } from './write-receipt.ts';

export interface CompileOptions {
  /** What else is known; checks that need more are left out, and listed in the receipt. */
  surroundings?: Surroundings;
  /** Named in the receipt. */
  file?: string;
}

export interface Compiled {
  /** Absent when there is an error. */
  graph?: Graph;
  /** SHA-256 of the graph's canonical JSON: its identity. */
  hash?: string;
  receipt?: Receipt;
  /** All mistakes and warnings at once, in the order of their places. */
  diagnostics: Diagnostic[];
}

/** Never throws: whatever the text, it gives a graph or diagnostics. */
export function compile(markdown: string, options: CompileOptions = {}): Compiled {
  const { source, report } = openText(markdown);
  const nodes = parseMarkdown(source, report);
  if (!nodes) return { diagnostics: report.diagnostics() };
  const { file, surroundings } = options;
  const { outline, draft, order, graph, unchecked } = runPasses(nodes, source, report, surroundings);
  const diagnostics = report.diagnostics();
  if (hasMistakes(diagnostics)) return { diagnostics };
  const hash = sha256Hex(canonicalJson(graph));
  const receipt = writeReceipt({
    source,
    outline,
    draft,
    edges: order.edges,
    unchecked,
    graphHash: hash,
    ...(file !== undefined && { file }),
  });
  return { graph, hash, receipt, diagnostics };
}
