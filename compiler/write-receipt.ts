/** Writes the receipt of a document that was compiled. */
import { sha256Hex } from './canonical.ts';
import { receiptSchemaVersion } from './graph-facts.ts';
import type { DocumentDraft, EdgeDraft } from './passes/draft.ts';
import type { Outline } from './passes/read-sections.ts';
import type { Receipt, Unchecked } from './receipt.ts';
import type { SourceText } from './source-text.ts';

export interface ReceiptSource {
  source: SourceText;
  outline: Outline;
  draft: DocumentDraft;
  edges: readonly EdgeDraft[];
  unchecked: readonly Unchecked[];
  graphHash: string;
  file?: string;
}

export function writeReceipt(from: ReceiptSource): Receipt {
  const { source, outline, draft, edges, unchecked, graphHash, file } = from;
  return {
    schemaVersion: receiptSchemaVersion,
    graph: graphHash,
    ...(file !== undefined && { file }),
    inputs: draft.inputs.map((one) => ({ name: one.field.name, lines: source.lines(one.span) })),
    types: draft.types.map((one) => ({ name: one.name, lines: source.lines(one.block.span) })),
    agents: draft.agents.map((one) => ({ id: one.id, lines: source.lines(one.block.span) })),
    nodes: draft.steps.map((one) => ({ id: one.id, lines: source.lines(one.block.span) })),
    edges: edges.map(({ span, back: _back, ...edge }) => ({ ...edge, lines: source.lines(span) })),
    result: draft.result.map((one) => ({ name: one.name, lines: source.lines(one.span) })),
    externals: draft.others.externals.map(({ thing, as, span }) => ({ thing, as, lines: source.lines(span) })),
    unchecked: [...unchecked],
    sections: outline.blocks.map(({ heading, span }) => ({
      anchor: heading.anchor,
      title: heading.text,
      depth: heading.depth,
      lines: source.lines(span),
      hash: sha256Hex(source.slice(span).trimEnd()),
    })),
  };
}
