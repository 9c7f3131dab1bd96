import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { compile } from './compile.ts';
import { diagnosticSchema } from './diagnostics.ts';
import { graphSchema } from './graph.ts';
import { receiptSchema } from './receipt.ts';

const folder = join(import.meta.dirname, 'fixtures');
/** `UPDATE_FIXTURES=1 npx vitest run compiler/fixtures.test.ts` rewrites what is expected; read the difference before committing it. */
const update = process.env.UPDATE_FIXTURES === '1';

function write(path: string, value: unknown): void {
  writeFileSync(path, `${JSON.stringify(value, null, 2)}\n`);
}

describe('fixtures', () => {
  const cases = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());

  test('there are at least fifty', () => {
    expect(cases.length).toBeGreaterThanOrEqual(50);
  });

  for (const { name } of cases) {
    const path = (file: string): string => join(folder, name, file);

    test(`${name} gives exactly its graph or its diagnostics`, () => {
      const { graph, receipt, diagnostics } = compile(readFileSync(path('input.md'), 'utf8'));
      if (update && graph) write(path('graph.json'), graph);
      if (update && diagnostics.length > 0) write(path('diagnostics.json'), diagnostics);
      const expected = ['graph.json', 'diagnostics.json'].filter((file) => existsSync(path(file)));
      const read = (file: string): unknown => JSON.parse(readFileSync(path(file), 'utf8'));
      expect(expected).not.toHaveLength(0);
      const told = expected.includes('diagnostics.json') ? read('diagnostics.json') : [];
      expect(diagnostics).toEqual(diagnosticSchema.array().parse(told));
      expect(graph !== undefined).toBe(expected.includes('graph.json'));
      if (!graph) return;
      // Beside a graph there are warnings only.
      expect(diagnostics.filter((one) => one.severity === 'error')).toEqual([]);
      expect(graph).toEqual(graphSchema.parse(read('graph.json')));
      expect(receiptSchema.parse(receipt)).toEqual(receipt);
    });
  }
});
