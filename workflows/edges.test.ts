import { describe, expect, test } from 'vitest';
import type { Skeleton } from '../compiler/skeleton.ts';
import type { Ending } from './edges.ts';
import { followEdges } from './edges.ts';
import type { Drawn } from './testing/draw-skeleton.ts';
import { approval, draw } from './testing/draw-skeleton.ts';

const committed: Ending = { as: 'committed' };
const choose: Pick<Drawn, 'kind' | 'arms'> = { kind: 'choose', arms: [{ when: 'input.large' }, {}] };

/** Runs every step in document order as `endings` say, committing the rest; the state of each at the end. */
function run(skeleton: Skeleton, endings: Record<string, Ending> = {}) {
  const flow = followEdges(skeleton);
  const started: string[] = [];
  for (let node = flow.start(); node !== undefined; node = flow.start()) {
    const id = skeleton.nodes[node]?.id ?? '';
    started.push(id);
    flow.end(node, endings[id] ?? committed);
  }
  const states = Object.fromEntries(skeleton.nodes.map(({ id }, index) => [id, flow.states[index]]));
  return { started, states, done: flow.done, outcome: flow.outcome };
}

describe('what starts', () => {
  test('steps that wait for nothing start at once, in document order', () => {
    const flow = followEdges(draw([{ id: 'a' }, { id: 'b', after: ['a'] }, { id: 'c' }]));
    expect([flow.start(), flow.start(), flow.start()]).toEqual([0, 2, undefined]);
    expect(flow.counts).toMatchObject({ running: 2, waiting: 1, ready: 0 });
  });

  test('what several ends made ready starts in document order, not in the order of the ends', () => {
    const flow = followEdges(draw([{ id: 'a' }, { id: 'b' }, { id: 'c', after: ['a'] }, { id: 'd', after: ['b'] }]));
    flow.start();
    flow.start();
    flow.end(1, committed);
    flow.end(0, committed);
    expect([flow.start(), flow.start()]).toEqual([2, 3]);
  });

  test('a join waits for all its edges, also for two from the same step', () => {
    const skeleton = draw([{ id: 'a' }, { id: 'b' }, { id: 'c', after: ['a', 'b', 'a'] }]);
    const flow = followEdges(skeleton);
    flow.start();
    flow.start();
    flow.end(0, committed);
    expect(flow.states[2]).toBe('waiting');
    flow.end(1, committed);
    expect(flow.states[2]).toBe('ready');
  });
});

describe('a choose', () => {
  const document = draw([
    { id: 'large', ...choose },
    { id: 'ask', after: ['large/0'] },
    { id: 'note', after: ['ask'] },
    { id: 'pay', after: ['large/1', 'note'] },
  ]);

  test('skips the arm not taken with all that follows only it, and the join runs by its live edge', () => {
    expect(run(document, { large: { as: 'committed', arm: 1 } })).toEqual({
      started: ['large', 'pay'],
      states: { large: 'committed', ask: 'skipped', note: 'skipped', pay: 'committed' },
      done: true,
      outcome: 'completed',
    });
  });

  test('says what was skipped, each before what depends on it', () => {
    const flow = followEdges(document);
    flow.start();
    expect(flow.end(0, { as: 'committed', arm: 1 })).toEqual([
      { node: 1, as: 'skipped' },
      { node: 2, as: 'skipped' },
    ]);
  });

  test('may lead to one step by two arms', () => {
    const two = draw([
      { id: 'large', ...choose },
      { id: 'pay', after: ['large/0', 'large/1'] },
    ]);
    expect(run(two, { large: { as: 'committed', arm: 0 } }).states).toEqual({ large: 'committed', pay: 'committed' });
  });
});

describe('a gate', () => {
  test('that is rejected refuses all that depends on it, however far, and other branches go on', () => {
    const document = draw([
      { id: 'gate', ...approval },
      { id: 'pay', after: ['gate'] },
      { id: 'tell', after: ['pay', 'file'] },
      { id: 'file' },
      { id: 'archive', after: ['file'] },
    ]);
    expect(run(document, { gate: { as: 'committed', action: 'reject' } })).toEqual({
      started: ['gate', 'file', 'archive'],
      states: { gate: 'committed', pay: 'refused', tell: 'refused', file: 'committed', archive: 'committed' },
      done: true,
      outcome: 'rejected',
    });
  });

  test('behind a choose refuses the step that the other arm leads to as well: the claim is never paid', () => {
    const document = draw([
      { id: 'large', ...choose },
      { id: 'gate', ...approval, after: ['large/0'] },
      { id: 'pay', after: ['large/1', 'gate'] },
    ]);
    const large: Ending = { as: 'committed', arm: 0 };
    expect(run(document, { large, gate: { as: 'committed', action: 'reject' } }).states.pay).toBe('refused');
    expect(run(document, { large, gate: { as: 'committed', action: 'approve' } }).states.pay).toBe('committed');
    expect(run(document, { large: { as: 'committed', arm: 1 } }).states).toEqual({
      large: 'committed',
      gate: 'skipped',
      pay: 'committed',
    });
  });

  test('that ends a document makes the run rejected or completed by its verdict', () => {
    const document = draw([{ id: 'gate', ...approval }]);
    expect(run(document, { gate: { as: 'committed', action: 'reject' } }).outcome).toBe('rejected');
    expect(run(document, { gate: { as: 'committed', action: 'approve' } }).outcome).toBe('completed');
  });

  test('makes live only the edges of its verdict', () => {
    const document = draw([
      { id: 'gate', ...approval, actions: { approve: 'continue', hand_on: 'continue', reject: 'end' } },
      { id: 'pay', after: ['gate'] },
      { id: 'other', after: ['gate:hand_on'] },
    ]);
    expect(run(document, { gate: { as: 'committed', action: 'approve' } }).states).toMatchObject({
      pay: 'committed',
      other: 'skipped',
    });
    expect(run(document, { gate: { as: 'committed', action: 'hand_on' } }).states).toMatchObject({
      pay: 'skipped',
      other: 'committed',
    });
    expect(run(document, { gate: { as: 'committed', action: 'reject' } }).states).toMatchObject({
      pay: 'refused',
      other: 'refused',
    });
  });
});

describe('a bypass', () => {
  test('passes through plain edges, and takes no action of a gate', () => {
    const document = draw([
      { id: 'gate', ...approval },
      { id: 'pay', after: ['gate'] },
      { id: 'other', after: ['gate:approve'] },
    ]);
    expect(run(document, { gate: { as: 'bypassed' } }).states).toEqual({
      gate: 'bypassed',
      pay: 'committed',
      other: 'skipped',
    });
  });
});

describe('a refused step', () => {
  test('at the end of a document makes the run rejected', () => {
    expect(run(draw([{ id: 'a' }, { id: 'b', after: ['a'] }]), { b: { as: 'refused' } }).outcome).toBe('rejected');
  });

  test('beside a skipped one refuses the join', () => {
    const document = draw([
      { id: 'large', ...choose },
      { id: 'x', after: ['large/0'] },
      { id: 'y', after: ['large/1'] },
      { id: 'join', after: ['x', 'y'] },
    ]);
    expect(run(document, { large: { as: 'committed', arm: 1 }, y: { as: 'refused' } }).states).toMatchObject({
      x: 'skipped',
      join: 'refused',
    });
  });
});

describe('a failed step', () => {
  test('resolves nothing: what depends on it waits, and the run is not done', () => {
    const flow = followEdges(draw([{ id: 'a' }, { id: 'b', after: ['a'] }, { id: 'c' }]));
    flow.start();
    flow.start();
    flow.fail(0);
    flow.end(2, committed);
    expect(flow.states).toEqual(['failed', 'waiting', 'committed']);
    expect(flow.done).toBe(false);
  });
});

test('ending a step that does not run, or with an arm or action it does not have, throws and changes nothing', () => {
  const flow = followEdges(
    draw([
      { id: 'large', ...choose },
      { id: 'gate', ...approval },
      { id: 'c', after: ['large/0'] },
    ]),
  );
  expect(() => flow.end(0, committed)).toThrow('node 0 is ready, expected running');
  flow.start();
  flow.start();
  expect(() => flow.end(0, { as: 'committed', arm: 2 })).toThrow('no arm 2');
  expect(() => flow.end(0, committed)).toThrow('no arm undefined');
  expect(() => flow.end(1, { as: 'committed', action: 'toString' })).toThrow('no such action');
  expect(flow.states).toEqual(['running', 'running', 'waiting']);
});
