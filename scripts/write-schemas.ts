/**
 * `node scripts/write-schemas.ts` writes the published JSON Schema of the graph, `compiler/graph.schema.json`. A test
 * holds the committed file to what this gives.
 */
import { writeFileSync } from 'node:fs';
import { graphJsonSchema } from '../compiler/graph-json-schema.ts';

writeFileSync(new URL('../compiler/graph.schema.json', import.meta.url), graphJsonSchema());
