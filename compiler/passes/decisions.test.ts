import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Condition } from './decisions.ts';
import { always, Decisions, never } from './decisions.ts';

type Formula = { is: [variable: number, value: number] } | { and: Formula[] } | { or: Formula[] };

const values = [2, 3, 2, 3];
const { formula } = fc.letrec<{ formula: Formula }>((tie) => ({
  formula: fc.oneof(
    { maxDepth: 4 },
    fc
      .nat(3)
      .chain((variable) => fc.nat((values[variable] ?? 1) - 1).map((value): Formula => ({ is: [variable, value] }))),
    fc.array(tie('formula'), { minLength: 1, maxLength: 3 }).map((and): Formula => ({ and })),
    fc.array(tie('formula'), { minLength: 1, maxLength: 3 }).map((or): Formula => ({ or })),
  ),
}));

function holds(one: Formula, world: readonly number[]): boolean {
  if ('is' in one) return world[one.is[0]] === one.is[1];
  return 'and' in one ? one.and.every((part) => holds(part, world)) : one.or.some((part) => holds(part, world));
}

function build(one: Formula, decisions: Decisions): Condition {
  if ('is' in one) return decisions.isOneOf(one.is[0], [one.is[1]], values[one.is[0]] ?? 1);
  return 'and' in one
    ? one.and.reduce((all, part) => decisions.and(all, build(part, decisions)), always)
    : one.or.reduce((any, part) => decisions.or(any, build(part, decisions)), never);
}

const worlds = [0, 1].flatMap((a) =>
  [0, 1, 2].flatMap((b) => [0, 1].flatMap((c) => [0, 1, 2].map((d) => [a, b, c, d]))),
);

test('one condition implies another exactly if it does in every world', () => {
  fc.assert(
    fc.property(formula, formula, (left, right) => {
      const decisions = new Decisions();
      const implied = decisions.implies(build(left, decisions), build(right, decisions));
      expect(implied).toBe(worlds.every((world) => !holds(left, world) || holds(right, world)));
    }),
  );
});

test('all values together are always', () => {
  const decisions = new Decisions();
  const all = [0, 1, 2].map((value) => decisions.isOneOf(0, [value], 3));
  expect(all.reduce((any, one) => decisions.or(any, one), never)).toBe(always);
  expect(decisions.isOneOf(0, [0, 1, 2], 3)).toBe(always);
  expect(decisions.and(all[0] ?? never, all[1] ?? never)).toBe(never);
});
