import { z } from 'zod';
import { json } from '../../json-value.ts';

export const graphParams = z.object({ hash: z.string().regex(/^[0-9a-f]{64}$/, 'Expected 64 hexadecimal digits') });

export const graphVersion = z.object({
  hash: z.string().describe('SHA-256 of the canonical JSON of `graph`'),
  document: z.string(),
  markdown: z.string().describe('As published; of a graph that came as JSON, rendered from it'),
  graph: json.describe('After graph.schema.json'),
  receipt: json.describe('Where in the document each node and edge comes from'),
  publishedBy: z.string(),
  publishedAt: z.iso.datetime(),
});
