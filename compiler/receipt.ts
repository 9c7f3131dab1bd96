/**
 * The receipt: which lines of the document each part of the graph comes from, and a hash of each section's text. It
 * changes with the document's layout, so it is kept beside the graph and never in it.
 */
import { z } from 'zod';
import { edgeSchema, idSchema } from './graph.ts';
import { receiptSchemaVersion } from './graph-facts.ts';

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
