import { z } from 'zod';
import { diagnosticSchema } from '../../../compiler/diagnostic-schema.ts';
import { draftReceiptSchema } from '../../../compiler/drafting/draft-receipt.ts';
import { json } from '../../json-value.ts';
import { pageOf, pageQuery } from '../../pages.ts';

export const documentParams = z.object({ id: z.string().min(1).max(200) });

/** Exactly one of `markdown` and `graph`. */
export const publishBody = z
  .strictObject({
    markdown: z.string().min(1).optional().describe('The whole document'),
    graph: z
      .record(z.string(), json)
      .optional()
      .describe('A graph after graph.schema.json: its document is rendered from it'),
    documents: z
      .record(z.string().min(1).max(500), z.string().regex(/^[0-9a-f]{64}$/))
      .optional()
      .describe(
        'Hashes of published graphs that its links are pinned to, by the files of the links, such as `rules.md`',
      ),
  })
  .refine((body) => (body.markdown === undefined) !== (body.graph === undefined), {
    path: ['markdown'],
    message: 'Expected exactly one of markdown and graph',
  });

export const published = z.object({
  document: z.string(),
  title: z.string(),
  graphHash: z.string(),
});

export const document = z.object({
  id: z.string(),
  title: z.string(),
  graphHash: z.string().describe('Of the version published last'),
  publishedAt: z.iso.datetime(),
});

export const listDocumentsQuery = z.object(pageQuery);
export const documentsPage = pageOf(document);

export const draftBody = z.strictObject({
  prose: z.string().min(1).max(100_000).describe('A page in any words, as Markdown'),
  receipt: draftReceiptSchema.optional().describe('Of the draft before, as it was answered'),
});

export const drafted = z.object({
  markdown: z.string().describe('Canonical; the best attempt where problems are left'),
  graphHash: z.string().optional().describe('Of the graph it compiles to; absent where problems are left'),
  diagnostics: z.array(diagnosticSchema),
  problems: z.array(z.string()).describe('What is wrong with the best attempt, in words'),
  failure: z.string().optional().describe('Why the model brought no answer: refusal, timeout and so on'),
  receipt: draftReceiptSchema.describe(
    'What each section gave, by which model and prompt: to be sent with the next draft',
  ),
});
