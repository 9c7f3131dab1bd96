import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Graph } from '../compiler/graph.ts';
import type { Json } from '../compiler/types.ts';
import { getArtifact } from '../prisma/artifacts.ts';
import { evaluateWait, joinItems, listItems } from './collect.ts';
import type { Digest } from './contract.ts';
import type { Dependencies } from './dependencies.ts';
import { runMergeStep } from './run-merge-step.ts';
import { attemptOf } from './testing/attempt.ts';
import type { Fixture } from './testing/run-fixture.ts';
import { asRequester, dependencies, graphOf, openFixture, startRun, stepOf, tenant } from './testing/run-fixture.ts';

let fixture: Fixture;
let deps: Dependencies;
beforeAll(async () => {
  fixture = await openFixture();
  deps = dependencies(fixture);
});
afterAll(() => fixture.close());

type Node = Graph['nodes'][number];

/** A run of one step, over an input of anything. */
const runOf = (node: Node, input: Json) =>
  startRun(fixture, graphOf({ inputs: [{ name: 'it', type: { kind: 'anything' } }], nodes: [node] }), { it: input });
const contentOf = (digest: Digest): Promise<Json> => asRequester(fixture, (tx) => getArtifact(tx, tenant, digest));

describe('a list', () => {
  const each = (key?: string): Node => ({
    ...{ kind: 'for each', id: 'all', title: 'All' },
    each: { item: 'one', list: 'input.it', ...(key === undefined ? {} : { key }) },
  });
  const keysOf = async (input: Json, key?: string): Promise<string[]> => {
    const run = await runOf(each(key), input);
    return (await listItems(deps, { run, node: 'all', from: 0 })).items.map((item) => item.key);
  };

  test('is handed out a thousand items at a time, in its order', async () => {
    const numbers = Array.from({ length: 1_100 }, (_, index) => index);
    const run = await runOf(each('one'), numbers);
    const found: Json[] = [];
    for (const [from, size] of [
      [0, 1_000],
      [1_000, 100],
      [1_100, 0],
    ] as const) {
      const { total, items } = await listItems(deps, { run, node: 'all', from });
      expect([total, items.length]).toEqual([1_100, size]);
      for (const { output } of items.slice(0, 3)) found.push(await contentOf(output));
      expect(items.map(({ key }) => key)).toEqual(numbers.slice(from, from + 1_000).map(String));
    }
    expect(found).toEqual([0, 1, 2, 1_000, 1_001, 1_002]);
  });

  test('that is empty has no items', async () => {
    const run = await runOf(each(), []);
    expect(await listItems(deps, { run, node: 'all', from: 0 })).toEqual({ total: 0, items: [] });
  });

  test('names its items by themselves, and equal ones by which of them they are: an item keeps its key when others move', async () => {
    const [a, b, ...again] = await keysOf(['a', 'b', 'a', 'a']);
    expect(again).toEqual([`${a}-2`, `${a}-3`]);
    expect(a).toMatch(/^[0-9a-f]{16}$/);
    expect(await keysOf(['b', 'c', 'a'])).toEqual([b, expect.not.stringMatching(`${a}|${b}`), a]);
  });

  test('names them by the key that the document says, and by a hash of one that is no word', async () => {
    const [said, slash, long, number] = await keysOf(
      [{ id: 'A-1_x' }, { id: 'a/b' }, { id: 'x'.repeat(41) }, { id: 7 }],
      'one.id',
    );
    expect([said, number]).toEqual(['A-1_x', '7']);
    for (const hash of [slash, long]) expect(hash).toMatch(/^[0-9a-f]{16}$/);
  });

  test('of parts is joined in their order', async () => {
    const run = await runOf(each(), ['x', ['y'], { z: 1 }]);
    const { items } = await listItems(deps, { run, node: 'all', from: 0 });
    const { output } = await joinItems(deps, { run, items: items.map((item) => item.output).reverse() });
    expect(await contentOf(output)).toEqual([{ z: 1 }, ['y'], 'x']);
  });
});

test.each([
  ['2027-03-01', '2027-03-01T00:00:00Z'],
  ['2027-03-01T12:30:00+02:00', '2027-03-01T10:30:00Z'],
  ['2020-01-01', '2020-01-01T00:00:00Z'],
])('a wait until %s is until %s', async (said, until) => {
  const run = await runOf({ kind: 'wait', id: 'rest', title: 'Rest', until: { expr: 'input.it' } }, said);
  expect(await evaluateWait(deps, { run, node: 'rest' })).toEqual({ until: Date.parse(until) });
});

describe('a merge', () => {
  const merge = (join: 'fields' | 'names'): Node => ({
    ...{ kind: 'merge', id: 'offer', title: 'Offer', join, gives: { kind: 'anything' }, checks: [] },
    from: [
      { name: 'price', expr: 'input.it.price' },
      { name: 'discount', expr: 'input.it.discount' },
    ],
  });
  const merged = async (join: 'fields' | 'names', input: Json) => {
    const run = await runOf(merge(join), input);
    const outcome = await attemptOf((signal) => runMergeStep(deps, { run, node: 'offer' }, signal));
    const { status, failureClass, failureDetail, outputDigest } = await stepOf(fixture, run, 'offer');
    return {
      outcome,
      row: { status, failureClass, failureDetail },
      output: outputDigest && (await contentOf(outputDigest)),
    };
  };

  test.each([
    [
      'a field that two have',
      { price: { amount: 12, of: 'SECRET' }, discount: { percent: 2, amount: 1 } },
      'Unexpected field amount of discount, expected each field once; price has it too',
    ],
    [
      'what is no record',
      { price: { amount: 12 }, discount: ['SECRET'] },
      'Unexpected list of discount, expected a record to merge',
    ],
    [
      'what is not there',
      { price: { amount: 12 } },
      'Merge of discount, input.it.discount: expected input.it.discount to be present',
    ],
  ] as const)('parks over %s, and says of which', async (_, input, failureDetail) => {
    const { outcome, row } = await merged('fields', input as Json);
    expect(row).toEqual({ status: 'failed', failureClass: expect.any(String), failureDetail });
    expect(outcome).toMatchObject({ type: `waymark.${row.failureClass}`, nonRetryable: true });
    expect(String(outcome)).not.toContain('Unexpected');
  });

  test('gives the fields of all, or each under its name', async () => {
    const parts = { price: { amount: 12 }, discount: { percent: 2 } };
    expect((await merged('fields', parts)).output).toEqual({ amount: 12, percent: 2 });
    expect((await merged('names', parts)).output).toEqual(parts);
  });
});
