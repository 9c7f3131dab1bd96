import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { compile } from './compile.ts';
import { declaredIn } from './declared-tools.ts';
import { diagnosticSchema } from './diagnostic-schema.ts';
import { graphSchema } from './graph.ts';
import { LinkedDocuments } from './linked-documents.ts';
import { receiptSchema } from './receipt.ts';
import type { Surroundings } from './surroundings.ts';

const folder = join(import.meta.dirname, 'fixtures');
/** `UPDATE_FIXTURES=1 npx vitest run compiler/fixtures.test.ts` rewrites what is expected; read the difference before committing it. */
const update = process.env.UPDATE_FIXTURES === '1';

function write(path: string, value: unknown): void {
  writeFileSync(path, `${JSON.stringify(value, null, 2)}\n`);
}

/** What stands around a fixture: declarations as in a configuration file, and other documents as Markdown by path. */
function surroundingsIn(file: string, markdown: string): Surroundings {
  const { documents, ...configuration } = JSON.parse(readFileSync(file, 'utf8'));
  const read = declaredIn(configuration);
  if ('problems' in read) throw new Error(`${file}: ${read.problems.join('; ')}`);
  if (documents === undefined) return read.declared;
  const texts = new Map<string, string>([['input.md', markdown], ...Object.entries<string>(documents)]);
  return new LinkedDocuments(texts, read.declared).surroundingsOf('input.md');
}

describe('fixtures', () => {
  const cases = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());

  test('there are at least fifty', () => {
    expect(cases.length).toBeGreaterThanOrEqual(50);
  });

  for (const { name } of cases) {
    const path = (file: string): string => join(folder, name, file);

    test(`${name} gives exactly its graph or its diagnostics`, () => {
      const markdown = readFileSync(path('input.md'), 'utf8');
      const surroundings = existsSync(path('surroundings.json')) && surroundingsIn(path('surroundings.json'), markdown);
      const { graph, receipt, diagnostics } = compile(markdown, surroundings ? { surroundings } : {});
      if (update && graph) write(path('graph.json'), graph);
      if (update && surroundings && receipt) write(path('unchecked.json'), receipt.unchecked);
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
      if (surroundings) expect(receipt?.unchecked).toEqual(JSON.parse(readFileSync(path('unchecked.json'), 'utf8')));
    });
  }
});
