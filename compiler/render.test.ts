import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { compile } from './compile.ts';
import { declaredIn } from './declared-tools.ts';
import { format } from './format.ts';
import { LinkedDocuments } from './linked-documents.ts';
import { render } from './render.ts';
import type { Surroundings } from './surroundings.ts';

const here = import.meta.dirname;

function surroundingsIn(file: string, markdown: string): Surroundings {
  if (!existsSync(file)) return {};
  const { documents = {}, ...configuration } = JSON.parse(readFileSync(file, 'utf8'));
  const read = declaredIn(configuration);
  if ('problems' in read) throw new Error(`${file}: ${read.problems.join('; ')}`);
  const texts = new Map<string, string>([['input.md', markdown], ...Object.entries<string>(documents)]);
  return new LinkedDocuments(texts, read.declared).surroundingsOf('input.md');
}

function expectRoundTrip(markdown: string, surroundings: Surroundings): void {
  const { graph, hash } = compile(markdown, { surroundings });
  if (!graph) return;
  const rendered = render(graph, surroundings);
  if ('problems' in rendered) throw new Error(JSON.stringify(rendered.problems, null, 2));
  expect(compile(rendered.text, { surroundings }).hash).toBe(hash);
  expect(format(rendered.text).text).toBe(rendered.text);
}

describe('the document of a graph compiles to that graph, and is laid out as format does it', () => {
  for (const { name } of readdirSync(join(here, 'fixtures'), { withFileTypes: true })) {
    const markdown = readFileSync(join(here, 'fixtures', name, 'input.md'), 'utf8');
    test(`the fixture ${name}`, () => {
      expectRoundTrip(markdown, surroundingsIn(join(here, 'fixtures', name, 'surroundings.json'), markdown));
    });
  }
});
