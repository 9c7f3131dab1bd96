import { expect, test } from 'vitest';
import type { Graph } from '../compiler/graph.ts';
import { graphSchema } from '../compiler/graph.ts';
import { checkReferences } from './check-references.ts';

const graphOf = (parts: object): Graph =>
  graphSchema.parse({
    schemaVersion: 1,
    id: 'claims',
    title: 'Claims',
    inputs: [],
    types: [],
    agents: [],
    edges: [],
    result: [],
    externals: [],
    nodes: [set('a'), set('b')],
    ...parts,
  });
const set = (id: string, expr = '1') => ({ id, title: id, kind: 'set', values: [{ name: 'x', expr }], checks: [] });

test('a graph that names only what it has is in order', () => {
  expect(checkReferences(graphOf({ edges: [{ from: 'a', to: 'b' }] }))).toEqual([]);
});

test('each thing that is named and missing is told with its place', () => {
  const faults = checkReferences(
    graphOf({
      types: [{ name: 'Receipt', type: { kind: 'list', of: { kind: 'named', name: 'Line' } } }],
      nodes: [
        set('a', '1 +'),
        {
          ...set('b'),
          kind: 'agent',
          agent: 'nobody',
          instruction: '',
          uses: [],
          tools: [],
          gives: { kind: 'text' },
          retry: { times: 0, initialMs: 1, factor: 1, maxMs: 1 },
          timeoutMs: 1,
          values: undefined,
        },
      ].map(({ values, ...node }) => (values === undefined ? node : { ...node, values })),
      edges: [{ from: 'a', to: 'c' }],
    }),
  );
  expect(faults.map(({ at }) => at)).toEqual(['/types/0', '/nodes/0', '/nodes/1/agent', '/edges/0/to']);
});

test('edges that lead round, or from a node to itself, are refused: a run would never end', () => {
  const placesOf = (...edges: object[]) => checkReferences(graphOf({ edges })).map(({ at }) => at);
  expect(placesOf({ from: 'a', to: 'b' }, { from: 'b', to: 'a' })).toEqual(['/edges/0', '/edges/1']);
  expect(placesOf({ from: 'a', to: 'a' })).toEqual(['/edges/0']);
  expect(placesOf({ from: 'b', to: 'a' }, { from: 'a', to: 'a' })).toEqual(['/edges/1']);
});

test('a plain edge may lead to a node that stands earlier, as after may name a later step; a bound needs a way back', () => {
  const placesOf = (...edges: object[]) => checkReferences(graphOf({ edges })).map(({ at }) => at);
  expect(placesOf({ from: 'b', to: 'a' })).toEqual([]);
  expect(placesOf({ from: 'b', to: 'a', on: 'failure' })).toEqual(['/edges/0']);
  expect(placesOf({ from: 'a', to: 'b', back: { atMost: 2 } })).toEqual(['/edges/0']);
});

test('a repeated id is refused', () => {
  expect(checkReferences(graphOf({ nodes: [set('a'), set('a')] }))).toEqual([
    { at: '/nodes', in: 'graph', message: 'Unexpected repeated id, expected one node for each id' },
  ]);
});

test('arms and edges of a choose must agree, and otherwise comes last', () => {
  const choose = { id: 'c', title: 'c', kind: 'choose', arms: [{ to: 'a' }, { when: 'true', to: 'b' }] };
  const faults = checkReferences(
    graphOf({
      nodes: [choose, set('a'), set('b')],
      edges: [
        { from: 'c', to: 'a', arm: 1 },
        { from: 'c', to: 'b' },
        { from: 'a', to: 'b', action: 'approve' },
      ],
    }),
  );
  expect(faults.map(({ at }) => at)).toEqual([
    '/nodes/0/arms/0',
    '/nodes/0/arms/0',
    '/nodes/0/arms/1',
    '/nodes/0/arms/1',
    '/edges/0/arm',
    '/edges/1',
    '/edges/2/action',
  ]);
});
