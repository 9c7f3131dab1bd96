import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Approvers, Graph } from '../compiler/graph.ts';
import type { Json } from '../compiler/types.ts';
import { provision } from '../prisma/provision.ts';
import { claimStep } from './claim.ts';
import { evaluateWait, listItems } from './collect.ts';
import type { Dependencies } from './dependencies.ts';
import { evaluateConditions } from './evaluate-conditions.ts';
import { openGate } from './gates.ts';
import { flushLog } from './runs.ts';
import type { Fixture } from './testing/run-fixture.ts';
import {
  asRequester,
  dependencies,
  eventsOf,
  graphOf,
  openFixture,
  startRun,
  stepOf,
  tenant,
} from './testing/run-fixture.ts';

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

const gate = (approvers: Approvers, more: Partial<Extract<Node, { kind: 'approve' }>> = {}): Node => ({
  ...{ kind: 'approve', id: 'sign', title: 'Sign', approvers, notBy: [], show: [], instruction: '' },
  actions: [{ name: 'approve', effect: 'continue' }],
  ...more,
});
const oneOf = (...of: Approvers['of']): Approvers => ({ need: 'any', of });
const each = (key?: string): Node => ({
  ...{ kind: 'for each', id: 'all', title: 'All' },
  each: { item: 'one', list: 'input.it', ...(key === undefined ? {} : { key }) },
});
const wait: Node = { kind: 'wait', id: 'rest', title: 'Rest', until: { expr: 'input.it' } };

const whyOf = async (run: string, node: string) => {
  const { status, generation, failureClass, failureDetail } = await stepOf(fixture, run, node);
  return { status, generation, failureClass, failureDetail };
};
const kept = (failureClass: string, failureDetail: string) => ({
  ...{ status: 'failed', generation: -1, failureClass, failureDetail },
});

describe('the reason is kept with the step, and Temporal is told the class alone,', () => {
  test.each([
    [
      'of nobody to ask',
      gate(oneOf({ person: 'input.it' })),
      'SECRET',
      'Unexpected value of input.it, expected the id of a person',
    ],
    [
      'of a person that has no value',
      gate(oneOf({ person: 'input.it.who' })),
      {},
      'Person input.it.who: expected input.it.who to be present',
    ],
    [
      'of too few for the quorum',
      gate(oneOf({ person: 'input.it' }), { quorum: 2 }),
      'mona',
      'Unexpected 1 persons, expected at least the 2 who must decide the same',
    ],
  ] as const)('%s', async (_, node, input, detail) => {
    const run = await runOf(node, input);
    await expect(openGate(deps, { run, node: 'sign' })).rejects.toMatchObject({
      type: 'waymark.not-allowed',
      nonRetryable: true,
      message: expect.not.stringContaining('Unexpected'),
    });
    expect(await whyOf(run, 'sign')).toEqual(kept('not-allowed', detail));
  });

  test('of what is shown', async () => {
    const shown = gate(oneOf({ role: 'manager' }), { show: [{ name: 'rate', expr: '1 / input.it' }] });
    const run = await runOf(shown, 0);
    await expect(openGate(deps, { run, node: 'sign' })).rejects.toMatchObject({ type: 'waymark.bug' });
    const detail = 'What is shown has no value: expected a divisor other than zero';
    expect(await whyOf(run, 'sign')).toEqual(kept('bug', detail));
  });

  test.each([
    ['of what is no list', each(), 'SECRET', 'Unexpected value of input.it, expected a list'],
    [
      'of a key that is taken twice',
      each('one'),
      ['SECRET', 'b', 'SECRET'],
      'Unexpected key of item 3 of input.it, expected no other item to have it',
    ],
    ['of a key without a value', each('one.id'), [{}], 'one.id has no value: expected one.id to be present'],
  ] as const)('%s', async (_, node, input, detail) => {
    const run = await runOf(node, input as Json);
    await expect(listItems(deps, { run, node: 'all', from: 0 })).rejects.toMatchObject({ type: 'waymark.bug' });
    expect(await whyOf(run, 'all')).toEqual(kept('bug', detail));
  });

  test.each([
    ['of a time that is none', 'SECRET', 'Unexpected value of input.it, expected a date or a time'],
    ['of a time that is a number', 7, 'Unexpected value of input.it, expected a date or a time'],
  ] as const)('%s', async (_, input, detail) => {
    const run = await runOf(wait, input);
    await expect(evaluateWait(deps, { run, node: 'rest' })).rejects.toMatchObject({ type: 'waymark.bug' });
    expect(await whyOf(run, 'rest')).toEqual(kept('bug', detail));
  });

  test.each([
    ['of a gate that shares a proposal whose owner is nobody', gate(oneOf({ role: 'manager' }), { share: 'reviewer' })],
    [
      'of a gate that shows a part of it',
      gate(oneOf({ role: 'manager' }), { show: [{ name: 'terms', expr: 'proposal.sections["Terms"]' }] }),
    ],
  ] as const)('%s', async (_, node) => {
    const graph = graphOf({
      inputs: [{ name: 'it', type: { kind: 'anything' } }],
      proposal: { owner: { person: 'input.it' }, sections: [{ field: { name: 'Terms', type: { kind: 'text' } } }] },
      nodes: [node],
    });
    const run = await startRun(fixture, graph, { it: 'SECRET' });
    await expect(openGate(deps, { run, node: 'sign' })).rejects.toMatchObject({ type: 'waymark.not-allowed' });
    const detail =
      'Unexpected value of input.it, expected an active person of the tenant to own a part of the proposal';
    expect(await whyOf(run, 'sign')).toEqual(kept('not-allowed', detail));
  });

  test('of a condition', async () => {
    const run = await runOf({ ...wait, when: 'input.it > 1' }, 'SECRET');
    const asked = { run, node: 'rest', conditions: [{ index: 0, of: 'when' as const }] };
    await expect(evaluateConditions(deps, asked)).rejects.toMatchObject({ type: 'waymark.bug' });
    const detail = 'input.it > 1 has no value: expected two numbers, or two texts, around >';
    expect(await whyOf(run, 'rest')).toEqual(kept('bug', detail));
  });
});

test('of a condition that the workflow decided by itself, the reason comes with the word that its step parked', async () => {
  const run = await runOf({ ...wait, when: 'input.it > 1' }, 'no number');
  const why = 'input.it > 1 has no value: expected two numbers, or two texts, around >';
  const log = [{ node: 'rest', to: 'parked' as const, detail: 'condition-failed', why }];
  await flushLog(deps, { run, status: 'needs-attention', log });
  expect(await whyOf(run, 'rest')).toEqual(kept('condition-failed', why));
  expect(await eventsOf(fixture, run, 'step.failed')).toEqual([
    { type: 'step.failed', node: 'rest', class: 'condition-failed' },
  ]);
});

test('the latest reason stands, and none once the gate could be made', async () => {
  const run = await runOf(gate(oneOf({ person: 'input.it' })), 'newcomer');
  const ask = () => openGate(deps, { run, node: 'sign' });
  await expect(ask()).rejects.toMatchObject({ type: 'waymark.not-allowed' });
  await expect(ask()).rejects.toMatchObject({ type: 'waymark.not-allowed' });
  expect(await whyOf(run, 'sign')).toMatchObject({ failureClass: 'not-allowed' });
  const newcomer = {
    tenant,
    id: 'newcomer',
    name: 'New',
    email: 'new@acme.test',
    subject: 'newcomer',
    roles: ['staff'],
  };
  await provision(fixture.database.ownerUrl, { tenants: [], users: [{ ...newcomer, issuer: 'https://issuer.test' }] });
  expect(await ask()).toMatchObject({ gate: expect.any(String) });
  expect(await whyOf(run, 'sign')).toEqual({
    status: 'failed',
    generation: -1,
    failureClass: null,
    failureDetail: null,
  });
  expect(await asRequester(fixture, (tx) => tx.stepExecution.count({ where: { runId: run } }))).toBe(1);
});

test('the work of a step begins as if nothing had been in its way, and so does a step that is left out', async () => {
  const run = await runOf({ ...each(), id: 'all' }, 'no list');
  await expect(listItems(deps, { run, node: 'all', from: 0 })).rejects.toMatchObject({ type: 'waymark.bug' });
  const result = await claimStep(deps, { run, node: 'all', memoInputs: { items: 'none' } });
  expect(result).toMatchObject({ claimed: { generation: 0, attempt: 1 } });

  const other = await runOf(wait, 'no time');
  await expect(evaluateWait(deps, { run: other, node: 'rest' })).rejects.toMatchObject({ type: 'waymark.bug' });
  const log = [{ node: 'rest', to: 'bypassed' as const, order: 'an order' }];
  await flushLog(deps, { run: other, status: 'running', log });
  expect(await stepOf(fixture, other, 'rest')).toMatchObject({ generation: 0, status: 'skipped' });
});
