/** The published JSON Schema of the graph, generated from its zod schema. */
import { z } from 'zod';
import { graphSchema } from './graph.ts';

/** The text of `graph.schema.json`. */
export function graphJsonSchema(): string {
  return `${JSON.stringify({ title: 'Waymark graph', ...z.toJSONSchema(graphSchema) }, null, 2)}\n`;
}
