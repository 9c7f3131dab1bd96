import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { compile } from './compile.ts';

const page = readFileSync(join(import.meta.dirname, 'spec.md'), 'utf8');
const fences = [...page.matchAll(/^```markdown(?: wrong ([a-z-]+))?\n([\s\S]*?)^```$/gm)];

describe("the examples of the authors' reference", () => {
  test('are all found', () => {
    expect(fences).toHaveLength(page.split('\n```markdown').length - 1);
    expect(fences.length).toBeGreaterThanOrEqual(10);
  });

  for (const [index, [, code, markdown = '']] of fences.entries()) {
    const line = page.slice(0, fences[index]?.index).split('\n').length;
    test(`the one in line ${line} ${code ? `fails with ${code} alone` : 'compiles'}`, () => {
      const { graph, diagnostics } = compile(markdown);
      expect(diagnostics.map((one) => one.code)).toEqual(code ? [code] : []);
      expect(graph === undefined).toBe(code !== undefined);
    });
  }
});
