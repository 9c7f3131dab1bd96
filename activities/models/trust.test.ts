import { describe, expect, test } from 'vitest';
import type { Graph } from '../../compiler/graph.ts';
import { graphSchema } from '../../compiler/graph.ts';
import { isUntrusted, typeOf } from './trust.ts';

const producing = { checks: [], retry: { times: 2, initialMs: 1000, factor: 2, maxMs: 60_000 }, timeoutMs: 30_000 };
const graph: Graph = graphSchema.parse({
  schemaVersion: 1,
  id: 'claims',
  title: 'Claims',
  inputs: [
    { name: 'receipt', type: { kind: 'text' }, untrusted: true },
    { name: 'claimant', type: { kind: 'text' } },
    { name: 'claimed', type: { kind: 'number' }, untrusted: true },
    { name: 'order', type: { kind: 'named', name: 'Order' } },
  ],
  types: [
    {
      name: 'Order',
      type: {
        kind: 'record',
        fields: [
          { name: 'note', type: { kind: 'text' }, untrusted: true },
          { name: 'code', type: { kind: 'text' } },
        ],
      },
    },
    {
      name: 'Receipt',
      type: {
        kind: 'record',
        fields: [
          { name: 'merchant', type: { kind: 'text' } },
          { name: 'amount', type: { kind: 'number' } },
          { name: 'kind', type: { kind: 'one of', values: ['a', 'b'] } },
        ],
      },
    },
  ],
  agents: [{ id: 'clerk', name: 'Clerk', model: 'small', tools: [], mayDelegateTo: [], instruction: '' }],
  nodes: [
    {
      id: 'read',
      title: 'Read',
      kind: 'agent',
      agent: 'clerk',
      instruction: '',
      uses: [],
      tools: [],
      gives: { kind: 'named', name: 'Receipt' },
      ...producing,
    },
    {
      id: 'gate',
      title: 'Gate',
      kind: 'approve',
      approvers: { need: 'any', of: [{ role: 'manager' }] },
      notBy: [],
      show: [],
      actions: [{ name: 'approve', effect: 'continue' }],
      instruction: '',
    },
    {
      id: 'sums',
      title: 'Sums',
      kind: 'set',
      values: [
        { name: 'who', expr: 'input.claimant' },
        { name: 'what', expr: 'read.merchant' },
      ],
      checks: [],
    },
  ],
  edges: [],
  result: [],
  externals: [],
});

describe('trust', () => {
  test.each([
    ['input.receipt', true],
    ['input.claimant', false],
    ['input.claimed', false],
    ['input', true],
    ['input.order', true],
    ['input.order.code', false],
    ['read', true],
    ['read.merchant', true],
    ['read.amount', false],
    ['read.kind', false],
    ['"about " + read.merchant', true],
    ['"about " + input.claimant', false],
    ['gate.comment', true],
    ['gate.action', false],
    ['sums.who', false],
    ['sums.what', true],
    ['sums', true],
    ['nobody.knows', true],
  ])('%s is untrusted: %s', (expr, expected) => {
    expect(isUntrusted(graph, expr)).toBe(expected);
  });

  test('the type of a path is found through names, and of nothing else', () => {
    expect(typeOf(graph, 'input.order.note')).toEqual({ kind: 'text' });
    expect(typeOf(graph, 'read.amount + 1')).toBeUndefined();
  });
});
