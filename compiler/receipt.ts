/**
 * The receipt: which lines of the document each part of the graph comes from, and a hash of each section's text. It
 * changes with the document's layout, so it is kept beside the graph and never in it.
 */
import { z } from 'zod';
import { sha256Hex } from './canonical.ts';
import { idSchema } from './graph.ts';
import type { DocumentDraft, EdgeDraft } from './passes/draft.ts';
import type { Outline } from './passes/read-sections.ts';
import type { SourceText } from './source-text.ts';

/** First and last line, one-based, both included. */
const linesSchema = z.strictObject({ from: z.int().positive(), to: z.int().positive() });
const namedLines = z.strictObject({ name: z.string(), lines: linesSchema });
const idLines = z.strictObject({ id: idSchema, lines: linesSchema });

export const receiptSchemaVersion = 1;

export const receiptSchema = z.strictObject({
  schemaVersion: z.literal(receiptSchemaVersion),
  /** Hash of the graph. */
  graph: z.string().regex(/^[0-9a-f]{64}$/),
  file: z.string().optional(),
  inputs: z.array(namedLines),
  types: z.array(namedLines),
  agents: z.array(idLines),
  nodes: z.array(idLines),
  /** In the graph's order. The lines of what says the edge: a link, or the heading of the step that follows. */
  edges: z.array(
    z.strictObject({ from: idSchema, to: idSchema, arm: z.int().nonnegative().optional(), lines: linesSchema }),
  ),
  result: z.array(namedLines),
  /** Each heading with one to three # and the text up to the next; the hash changes only when that text does. */
  sections: z.array(
    z.strictObject({
      anchor: z.string(),
      title: z.string(),
      depth: z.int().positive(),
      lines: linesSchema,
      /** SHA-256 of the text, line ends and trailing space as the compiler reads them. */
      hash: z.string().regex(/^[0-9a-f]{64}$/),
    }),
  ),
});
export type Receipt = z.infer<typeof receiptSchema>;

export interface ReceiptSource {
  source: SourceText;
  outline: Outline;
  draft: DocumentDraft;
  edges: readonly EdgeDraft[];
  graphHash: string;
  file?: string;
}

export function writeReceipt({ source, outline, draft, edges, graphHash, file }: ReceiptSource): Receipt {
  return {
    schemaVersion: receiptSchemaVersion,
    graph: graphHash,
    ...(file !== undefined && { file }),
    inputs: draft.inputs.map((one) => ({ name: one.field.name, lines: source.lines(one.span) })),
    types: draft.types.map((one) => ({ name: one.name, lines: source.lines(one.block.span) })),
    agents: draft.agents.map((one) => ({ id: one.id, lines: source.lines(one.block.span) })),
    nodes: draft.steps.map((one) => ({ id: one.id, lines: source.lines(one.block.span) })),
    edges: edges.map(({ from, to, arm, span }) => ({
      from,
      to,
      ...(arm !== undefined && { arm }),
      lines: source.lines(span),
    })),
    result: draft.result.map((one) => ({ name: one.name, lines: source.lines(one.span) })),
    sections: outline.blocks.map(({ heading, span }) => ({
      anchor: heading.anchor,
      title: heading.text,
      depth: heading.depth,
      lines: source.lines(span),
      hash: sha256Hex(source.slice(span).trimEnd()),
    })),
  };
}
