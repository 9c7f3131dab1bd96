import { z } from 'zod';
import { json } from '../../json-value.ts';
import { runView } from '../runs/schemas.ts';

export const executionParams = z.object({
  id: z.string().min(1).max(64).describe('The executionId: the id of the run'),
});

/** Exactly one of `document`, `graphHash` and `graph`. */
export const executeBody = z
  .strictObject({
    document: z.string().min(1).optional().describe('Id of a document: runs the version published last'),
    graphHash: z.string().min(1).optional().describe('Runs exactly this version'),
    graph: z
      .record(z.string(), json)
      .optional()
      .describe('A graph after graph.schema.json: stored under its hash, then run'),
    input: json.default({}),
    practice: z.record(z.string(), json).optional(),
  })
  .refine((body) => [body.document, body.graphHash, body.graph].filter((one) => one !== undefined).length === 1, {
    path: ['document'],
    message: 'Expected exactly one of document, graphHash and graph',
  });

export const executionStarted = z.object({ executionId: z.string() });
export const execution = runView.extend({ executionId: z.string() });
