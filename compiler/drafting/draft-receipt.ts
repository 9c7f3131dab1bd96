/** What a draft was made of: kept beside the document, so that the next draft asks about what has changed alone. */
import { z } from 'zod';
import { draftParts } from './draft-parts.ts';

/** Far more than a page gives: a receipt may come from anybody. */
const mostParts = 2_000;

const wholeSchema = z.strictObject({
  schemaVersion: z.literal(1),
  /** How often a section was asked at most; 0 where none was. */
  rounds: z.int().nonnegative(),
  tokensIn: z.int().nonnegative(),
  tokensOut: z.int().nonnegative(),
  /** SHA-256 of the document: whether somebody has edited it since. */
  document: z.string(),
  /** The hash of the graph that the document compiles to; absent where problems were left. */
  graph: z.string().optional(),
  /** Of the prose, in its order. One that brought no answer, or none that holds, is left out: the next draft asks it. */
  sections: z.array(
    z.strictObject({
      title: z.string(),
      /** SHA-256 of its text. */
      hash: z.string(),
      /** For this draft; else its parts stood in the receipt of the draft before. */
      asked: z.boolean(),
      /** Absent where there was nothing to ask about. */
      by: z
        .strictObject({
          /** As its server names it. */
          model: z.string(),
          /** SHA-256 of the instruction and the schema it was asked with. */
          prompt: z.string(),
        })
        .optional(),
      parts: draftParts,
    }),
  ),
});

export const draftReceiptSchema = wholeSchema.refine(
  ({ sections }) => sections.reduce((sum, { parts }) => sum + Object.values(parts).flat().length, 0) <= mostParts,
  { path: ['sections'], message: `Expected at most ${mostParts} parts in all` },
);
export type DraftReceipt = z.infer<typeof draftReceiptSchema>;
export type DraftedSection = DraftReceipt['sections'][number];
