import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { ProblemSlug } from './errors.ts';
import { Problem, problemBody, problemSchema, problemTypes, problemUri, toProblem } from './errors.ts';

const slugs = Object.keys(problemTypes) as ProblemSlug[];

test('docs/problems.md has a row for each problem type with its status, and no other', () => {
  const text = readFileSync(join(import.meta.dirname, '../docs/problems.md'), 'utf8');
  const rows = [...text.matchAll(/^\| `(urn:waymark:problem:[^`]+)` \| (\d+) \| [^|]*\w[^|]* \|$/gm)];
  expect(rows.map(([, uri, status]) => [uri, Number(status)])).toEqual(
    slugs.map((slug) => [problemUri(slug), problemTypes[slug].status]),
  );
});

test('every problem body is valid against the published schema', () => {
  for (const slug of slugs) expect(problemSchema.parse(problemBody(slug))).toEqual(problemBody(slug));
});

test('text of a database error does not reach the caller', () => {
  const prisma = Object.assign(new Error('Invalid `tx.run.create()` invocation: "secret purpose"'), { code: 'P2002' });
  expect(toProblem(prisma)).toEqual(new Problem('internal'));
  expect(JSON.stringify(problemBody(toProblem(prisma).slug, toProblem(prisma).extras))).not.toContain('secret');
});

test('a database or network that is away is a problem that may pass, and so is what another transaction had undone', () => {
  for (const code of ['P1001', 'P2024', 'ECONNREFUSED', '57P01', 'P2034', '40P01']) {
    expect(toProblem(Object.assign(new Error('x'), { code })).slug).toBe('unavailable');
  }
});

test('what is thrown without being an error is internal', () => {
  expect(toProblem('boom').slug).toBe('internal');
  expect(toProblem(undefined).slug).toBe('internal');
});

test('a client error that another library claims is not passed on as one', () => {
  expect(toProblem(Object.assign(new Error('x'), { statusCode: 404, code: 'SOME_LIBRARY' })).slug).toBe('internal');
});
