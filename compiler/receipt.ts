/**
 * The receipt: which lines of the document each part of the graph comes from, and a hash of each section's text. It
 * changes with the document's layout, so it is kept beside the graph and never in it.
 */
import { z } from 'zod';
import { sha256Hex } from './canonical.ts';
import { edgeSchema, idSchema } from './graph.ts';
import type { DocumentDraft, EdgeDraft } from './passes/draft.ts';
import type { Outline } from './passes/read-sections.ts';
import type { SourceText } from './source-text.ts';

/** A check that needs more than the surroundings gave. */
const uncheckedSchema = z.strictObject({
  check: z.enum(['document', 'models', 'roles', 'tool', 'trust']),
  /** The id of a step or an agent, the name of a type; absent where it is said of the whole document. */
  where: z.string().optional(),
  /** What was not known. */
  why: z.string(),
});
export type Unchecked = z.infer<typeof uncheckedSchema>;

/** First and last line, one-based, both included. */
const linesSchema = z.strictObject({ from: z.int().positive(), to: z.int().positive() });
const namedLines = z.strictObject({ name: z.string(), lines: linesSchema });
const idLines = z.strictObject({ id: idSchema, lines: linesSchema });

export const receiptSchemaVersion = 2;

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
  edges: z.array(edgeSchema.omit({ back: true }).extend({ lines: linesSchema })),
  result: z.array(namedLines),
  /** What comes from other documents, by the lines of the first link to it. */
  externals: z.array(
    z.strictObject({ thing: z.enum(['agent', 'type', 'document']), as: z.string(), lines: linesSchema }),
  ),
  /** Sorted; empty when all was checked. */
  unchecked: z.array(uncheckedSchema),
  /** Each heading with one to three #, and that of each step in a container, with the text up to the next of them. */
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
