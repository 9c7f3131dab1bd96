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

describe('a link back', () => {
  const rework = { ...approval, actions: { approve: 'continue', reject: 'end', rework: 'continue' } } as const;
  const document = draw([
    { id: 'before' },
    { id: 'write', after: ['before'], backFrom: ['gate:rework*2'] },
    { id: 'check', after: ['write', 'before'] },
    { id: 'note', after: ['write'] },
    { id: 'gate', ...rework, after: ['check'] },
    { id: 'pay', after: ['gate'] },
  ]);
  const back: Ending = { as: 'committed', action: 'rework' };
  const places = Object.fromEntries(document.nodes.map(({ id }, index) => [id, index]));
  const at = (id: string): number => places[id]!;

  function toGate() {
    const flow = followEdges(document);
    for (const id of ['before', 'write', 'check']) {
      expect(flow.start()).toBe(at(id));
      flow.end(at(id), committed);
    }
    expect(flow.start()).toBe(at('gate'));
    return flow;
  }

  test('runs the body again, and keeps what enters it', () => {
    const flow = toGate();
    expect(flow.leadsBack(at('gate'), back)).toBe(true);
    expect(flow.goBack(at('gate'), back)).toEqual({ to: at('write'), body: [at('write'), at('check'), at('gate')] });
    expect(flow.states).toEqual(['committed', 'ready', 'waiting', 'waiting', 'waiting', 'waiting']);
    flow.start();
    flow.end(at('write'), committed);
    expect(flow.start()).toBe(at('check'));
  });

  test('holds what leaves the body until the gate has let the run go on', () => {
    const flow = toGate();
    expect(flow.states[at('note')]).toBe('waiting');
    flow.goBack(at('gate'), back);
    for (const id of ['write', 'check']) {
      flow.start();
      flow.end(at(id), committed);
    }
    flow.start();
    flow.end(at('gate'), { as: 'committed', action: 'approve' });
    expect([flow.start(), flow.start()]).toEqual([at('note'), at('pay')]);
  });

  test('is offered no more when its returns are used up, and names the pass', () => {
    const flow = toGate();
    const passes: unknown[] = [];
    for (const returns of [1, 2]) {
      expect([flow.usedUp(at('gate')), flow.leadsBack(at('gate'), back)]).toEqual([[], true]);
      flow.goBack(at('gate'), back);
      passes.push(flow.passes(at('check')));
      for (const id of ['write', 'check']) {
        flow.start();
        flow.end(at(id), committed);
      }
      expect([flow.start(), returns]).toEqual([at('gate'), returns]);
    }
    expect(passes).toEqual([2, 3].map((pass) => [{ source: at('gate'), target: at('write'), pass }]));
    expect([flow.usedUp(at('gate')), flow.leadsBack(at('gate'), back)]).toEqual([['rework'], false]);
    expect(flow.passes(at('note'))).toEqual([]);
  });

  test('an ended gate would have led the same ways only by what leaves its links as they are', () => {
    const flow = toGate();
    flow.end(at('gate'), { as: 'committed', action: 'approve' });
    const led = ['approve', 'rework', 'reject'].map((action) => flow.ledAs(at('gate'), { as: 'committed', action }));
    expect(led).toEqual([true, false, false]);
  });

  test('of a choose takes the edge for what is used up', () => {
    const twice = draw([
      { id: 'write', backFrom: ['good/0*1'] },
      { id: 'good', ...choose, after: ['write'] },
      { id: 'ask', after: ['good/0!used up'] },
      { id: 'pay', after: ['good/1', 'ask'] },
    ]);
    const flow = followEdges(twice);
    const again: Ending = { as: 'committed', arm: 0 };
    flow.start();
    flow.end(0, committed);
    flow.start();
    flow.goBack(1, again);
    flow.start();
    flow.end(0, committed);
    flow.start();
    expect(flow.leadsBack(1, again)).toBe(false);
    expect(flow.end(1, again)).toEqual([]);
    expect(flow.states).toEqual(['committed', 'committed', 'ready', 'waiting']);
  });

  test('within another starts counting again when the outer one goes back', () => {
    const nested = draw([
      { id: 'plan', backFrom: ['outer:rework*2'] },
      { id: 'write', after: ['plan'], backFrom: ['inner:rework*1'] },
      { id: 'inner', ...rework, after: ['write'] },
      { id: 'outer', ...rework, after: ['inner'] },
    ]);
    const flow = followEdges(nested);
    const run = (...ids: number[]) => {
      for (const id of ids) {
        expect(flow.start()).toBe(id);
        if (id < 2) flow.end(id, committed);
      }
    };
    run(0, 1, 2);
    flow.goBack(2, back);
    run(1, 2);
    expect(flow.leadsBack(2, back)).toBe(false);
    flow.end(2, { as: 'committed', action: 'approve' });
    run(3);
    flow.goBack(3, back);
    run(0, 1, 2);
    expect(flow.leadsBack(2, back)).toBe(true);
    flow.goBack(2, back);
    expect(flow.passes(1)).toEqual([
      { source: 3, target: 0, pass: 2 },
      { source: 2, target: 1, pass: 2 },
    ]);
  });

  test('has the step that it leads to done, also where nothing had led there before', () => {
    const optional = draw([
      { id: 'large', ...choose },
      { id: 'write', after: ['large/0'], backFrom: ['gate:rework*1'] },
      { id: 'gate', ...approval, after: ['large/1', 'write'] },
    ]);
    const flow = followEdges(optional);
    flow.start();
    flow.end(0, { as: 'committed', arm: 1 });
    expect([flow.states[1], flow.start()]).toEqual(['skipped', 2]);
    flow.goBack(2, back);
    expect(flow.start()).toBe(1);
    flow.end(1, committed);
    expect(flow.start()).toBe(2);
  });

  test('goes on from a snapshot at any point as if nothing had happened', () => {
    const flow = toGate();
    flow.goBack(at('gate'), back);
    flow.start();
    const again = followEdges(document, JSON.parse(JSON.stringify(flow.snapshot())));
    expect(again.snapshot()).toEqual({
      ...flow.snapshot(),
      states: flow.states.map((one) => (one === 'running' ? 'ready' : one)),
    });
    for (const one of [flow, again]) if (one === again) expect(one.start()).toBe(at('write'));
    for (const one of [flow, again]) {
      one.end(at('write'), committed);
      one.start();
      one.end(at('check'), committed);
      one.start();
      one.end(at('gate'), { as: 'committed', action: 'reject' });
      one.start();
      one.end(at('note'), committed);
    }
    expect(again.snapshot()).toEqual(flow.snapshot());
    expect([again.outcome, again.refused, again.done]).toEqual(['rejected', true, true]);
  });
});

describe('an outcome', () => {
  const document = draw([
    { id: 'call', kind: 'tool' },
    { id: 'next', after: ['call'] },
    { id: 'mend', after: ['call!failure'] },
    { id: 'end', after: ['next', 'mend'] },
  ]);

  test('makes live only its own edges, and none of them where it did not come about', () => {
    const failed: Ending = { as: 'committed', on: 'failure' };
    expect(run(document, { call: failed }).states).toEqual({
      call: 'committed',
      next: 'skipped',
      mend: 'committed',
      end: 'committed',
    });
    expect(run(document).states).toMatchObject({ next: 'committed', mend: 'skipped', end: 'committed' });
    expect(run(document, { call: { as: 'bypassed' } }).states).toMatchObject({ next: 'committed', mend: 'skipped' });
  });
});
