import { describe, expect, test } from 'vitest';
import type { Type } from '../types.ts';
import type { Scope } from './check.ts';
import { checkExpression } from './check.ts';

const receipt: Type = {
  kind: 'record',
  fields: [
    { name: 'amount', type: { kind: 'number' } },
    { name: 'category', type: { kind: 'one of', values: ['travel', 'meals'] } },
    { name: 'lines', type: { kind: 'list', of: { kind: 'named', name: 'Line' } } },
    { name: 'extra', type: { kind: 'anything' }, optional: true },
  ],
};
const scope: Scope = {
  names: new Map<string, Type>([
    ['receipt', { kind: 'named', name: 'Receipt' }],
    ['input', { kind: 'record', fields: [{ name: 'due', type: { kind: 'date' } }] }],
  ]),
  types: new Map<string, Type>([
    ['Receipt', receipt],
    ['Line', { kind: 'record', fields: [{ name: 'price', type: { kind: 'number' } }] }],
    ['Loop', { kind: 'named', name: 'Loop' }],
  ]),
};

describe('checking an expression', () => {
  test.each([
    ['receipt.amount * 2', 'number'],
    ['receipt.amount > 1 && receipt.category == "meals"', 'yes/no'],
    ['receipt.lines.map(line, line.price)', 'list'],
    ['sum(receipt.lines.map(line, line.price))', 'number'],
    ['receipt.extra.anything.goes', 'anything'],
    ['receipt.category + "!"', 'text'],
    ['input.due < "2026-01-01"', 'yes/no'],
    ['receipt.amount > 1 ? "a" : "b"', 'union'],
  ])('%s is %s', (source, kind) => {
    const checked = checkExpression(source, scope);
    expect(checked.problems).toEqual([]);
    expect(checked.type?.kind).toBe(kind);
  });

  test.each([
    [
      'receipt.amont > 1',
      'unknown-field',
      'Unexpected field amont, expected one of amount, category, lines, extra',
      'receipt.amont',
    ],
    ['reciept.amount', 'unknown-name', 'Unexpected name reciept, expected one of receipt, input', 'reciept'],
    [
      'receipt.category == "travle"',
      'type',
      'Unexpected == between one of travel, meals and one of travle, expected the same kind of value on both sides',
      'receipt.category == "travle"',
    ],
    ['receipt.amount && true', 'type', 'Unexpected number beside &&, expected yes/no', 'receipt.amount'],
    [
      'receipt.amount + "x"',
      'type',
      'Unexpected number + one of x, expected two numbers, two texts or two lists',
      'receipt.amount + "x"',
    ],
    [
      'receipt.amount.cents',
      'type',
      'Unexpected .cents on number, expected a record or a map before the dot',
      'receipt.amount.cents',
    ],
    ['receipt.lines.all(line, line.price)', 'type', 'Unexpected number beside .all(), expected yes/no', 'line.price'],
    [
      'matches(receipt.category, "x")',
      'not-allowed',
      'Unexpected matches(), expected a `matches` rule on the field: patterns are checked where the type says so',
      'matches(receipt.category, "x")',
    ],
    [
      'round(1.5)',
      'unknown-function',
      'Unexpected function round(), expected one of size, sum, contains, startsWith, endsWith, string, double, int',
      'round(1.5)',
    ],
  ])('%s is one problem: %s', (source, code, message, where) => {
    const { problems } = checkExpression(source, scope);
    expect(problems).toHaveLength(1);
    const [problem] = problems;
    expect(problem).toMatchObject({ code, message });
    expect(source.slice(problem?.offset, (problem?.offset ?? 0) + (problem?.length ?? 0))).toBe(where);
  });

  test('two mistakes are two problems, and neither cascades', () => {
    const { problems } = checkExpression('reciept.amount > 1 && receipt.amont + 1 > 2', scope);
    expect(problems.map((problem) => problem.code)).toEqual(['unknown-name', 'unknown-field']);
  });

  test('where something is read, has() in &&, ||, ! and ?: says what is present', () => {
    const guards = (source: string) =>
      checkExpression(source, scope).reads.map(({ root, path, known, inHas }) => [
        root,
        path.join('.'),
        inHas || known.present.has(root),
      ]);
    expect(guards('has(receipt.amount) && receipt.lines == []')).toEqual([
      ['receipt', 'amount', true],
      ['receipt', 'lines', true],
    ]);
    expect(guards('!has(receipt.amount) || receipt.amount > 1')).toEqual([
      ['receipt', 'amount', true],
      ['receipt', 'amount', true],
    ]);
    expect(guards('has(receipt.amount) ? receipt.amount : 0')).toEqual([
      ['receipt', 'amount', true],
      ['receipt', 'amount', true],
    ]);
    expect(guards('has(receipt.amount) || receipt.amount > 1')).toEqual([
      ['receipt', 'amount', true],
      ['receipt', 'amount', false],
    ]);
    expect(guards('receipt.amount > 1 && has(receipt.amount)')).toEqual([
      ['receipt', 'amount', false],
      ['receipt', 'amount', true],
    ]);
  });

  test('where a has() was false, the path is known to be absent', () => {
    const absent = (source: string) => checkExpression(source, scope).reads.map(({ known }) => [...known.absent]);
    expect(absent('has(receipt.amount) ? 1 : receipt.lines')).toEqual([[], ['receipt.amount']]);
    expect(absent('has(receipt.amount) || receipt.lines == []')).toEqual([[], ['receipt.amount']]);
    expect(absent('!(has(receipt.amount) || has(receipt.lines)) && receipt.lines == []')).toEqual([
      [],
      ['receipt.amount'],
      ['receipt.amount', 'receipt.lines'],
    ]);
    expect(absent('!(has(receipt.amount) && has(receipt.lines)) && receipt.lines == []')).toEqual([[], [], []]);
  });

  test('a name of its own place comes first, and one of another place says why it is not here', () => {
    const here = {
      ...scope,
      own: new Map<string, Type>([['item', { kind: 'text' }]]),
      elsewhere: new Map([['previous', 'Unexpected previous, expected it only within a repeat']]),
    };
    expect(checkExpression('item', here)).toMatchObject({ type: { kind: 'text' }, problems: [] });
    expect(checkExpression('previous.n > 1', here).problems.map((one) => one.message)).toEqual([
      'Unexpected previous, expected it only within a repeat',
    ]);
  });

  test('a type that names itself ends the check', () => {
    expect(
      checkExpression('x.y', { names: new Map([['x', { kind: 'named', name: 'Loop' }]]), types: scope.types }).problems,
    ).toEqual([]);
  });
});
