import { expect, test } from 'vitest';
import type { Node } from './graph.ts';
import { expressionsOf, workOf } from './node-expressions.ts';

const step = { id: 'a', title: 'A', when: 'input.x', checks: [{ expr: 'output.n < limits.most' }] };
const gives = { kind: 'anything' } as const;

test('what the checks of a Result read is read, but no part of the work of the document that gives it', () => {
  const run: Node = {
    ...step,
    kind: 'run',
    document: { file: 'b.md' },
    with: [{ name: 'n', expr: 'read.n' }],
    gives,
  };
  expect(expressionsOf(run)).toEqual(['input.x', 'read.n', 'output.n < limits.most']);
  expect(workOf(run)).toEqual(['input.x', 'read.n']);
});

test('what the checks of a value that is worked out read is a part of its work', () => {
  const set: Node = { ...step, kind: 'set', values: [{ name: 'n', expr: 'read.n' }] };
  expect(workOf(set)).toEqual(expressionsOf(set));
  expect(workOf(set)).toEqual(['input.x', 'read.n', 'output.n < limits.most']);
});
