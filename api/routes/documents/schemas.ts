import { z } from 'zod';
import { pageOf, pageQuery } from '../../pages.ts';

export const documentParams = z.object({ id: z.string().min(1).max(200) });

export const publishBody = z.strictObject({
  markdown: z.string().min(1).describe('The whole document'),
  documents: z
    .record(z.string().min(1).max(500), z.string().regex(/^[0-9a-f]{64}$/))
    .optional()
    .describe('Hashes of published graphs that its links are pinned to, by the files of the links, such as `rules.md`'),
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
