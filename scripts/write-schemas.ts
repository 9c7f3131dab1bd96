/**
 * `node scripts/write-schemas.ts` writes the published JSON Schema of the graph, `compiler/graph.schema.json`, formatted
 * as the linter wants it. A test holds the committed file to what its zod schema gives.
 */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { graphJsonSchema } from '../compiler/graph-json-schema.ts';
import { checkout, commandOf } from './checks.ts';

const file = fileURLToPath(new URL('../compiler/graph.schema.json', import.meta.url));
writeFileSync(file, graphJsonSchema());
const formatted = spawnSync(process.execPath, [commandOf('@biomejs/biome', 'biome'), 'format', '--write', file], {
  cwd: checkout,
  stdio: ['ignore', 'ignore', 'inherit'],
});
process.exitCode = formatted.status ?? 1;
