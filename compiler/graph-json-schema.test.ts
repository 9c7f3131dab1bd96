import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect, test } from 'vitest';
import { graphJsonSchema } from './graph-json-schema.ts';

const committed: unknown = JSON.parse(readFileSync(join(import.meta.dirname, 'graph.schema.json'), 'utf8'));

test('the committed JSON Schema of the graph is what its zod schema gives (node scripts/write-schemas.ts writes it)', () => {
  expect(committed).toEqual(JSON.parse(graphJsonSchema()));
});

test('the published schema takes a graph and refuses one with a field more', () => {
  const path = join(import.meta.dirname, 'fixtures', 'arms-and-join', 'graph.json');
  const graph = JSON.parse(readFileSync(path, 'utf8')) as object;
  const validate = new Ajv2020({ strict: false }).compile(committed as object);
  expect(validate(graph)).toBe(true);
  expect(validate({ ...graph, colour: 'blue' })).toBe(false);
});
