import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { approval, draw, fan } from './testing/draw-skeleton.ts';
import { commit } from './testing/scripted-run.ts';
import type { Trial } from './testing/try-interpreter.ts';
import { attributesOf, openTrial, patience } from './testing/watch-run.ts';

let trial: Trial;

beforeAll(async () => {
  trial = await openTrial();
});
afterAll(() => trial?.stop());

describe('steps and joins', () => {
  test('a chain runs in order, each step with only the digests it reads, and the result with only what it reads', async () => {
    const skeleton = draw(
      [
        { id: 'a' },
        { id: 'b', kind: 'tool', after: ['a'], reads: ['a'] },
        { id: 'c', kind: 'set', after: ['b'], reads: ['a', 'b'] },
        { id: 'd', after: ['c'] },
      ],
      { resultReads: ['c', 'd'] },
    );
    const run = await trial.start({ skeleton });
    expect(await run.result()).toEqual({ outcome: 'completed', result: 'digest of the result' });
    expect(run.calls).toEqual(['runAgentStep a', 'runToolStep b', 'runSetStep c', 'runAgentStep d']);
    const id = run.handle.workflowId;
    expect(run.inputs).toEqual({
      a: [{ run: id, node: 'a' }],
      b: [{ run: id, node: 'b', inputs: { a: 'digest of a' } }],
      c: [{ run: id, node: 'c', inputs: { a: 'digest of a', b: 'digest of b' } }],
      d: [{ run: id, node: 'd' }],
    });
    expect(run.ended).toEqual({ outcome: 'completed', inputs: { c: 'digest of c', d: 'digest of d' } });
    await expect.poll(() => attributesOf(run), patience).toEqual({ WaymarkStatus: 'completed' });
  });

  test('all that is ready starts before anything is awaited, and a join waits for both', async () => {
    let arrived = 0;
    let both: () => void = () => undefined;
    const met = new Promise<void>((resolve) => {
      both = resolve;
    });
    const meet = async () => {
      arrived += 1;
      if (arrived === 2) both();
      await met;
      return commit('x');
    };
    const skeleton = draw([
      { id: 'a' },
      { id: 'b', after: ['a'] },
      { id: 'c', after: ['a'] },
      { id: 'd', after: ['b', 'c'] },
    ]);
    const run = await trial.start({ skeleton, steps: { b: meet, c: meet } });
    await run.result();
    expect(run.calls.map((call) => call.split(' ')[1]).join('')).toMatch(/^a(bc|cb)d$/);
    const { events } = await run.handle.fetchHistory();
    const scheduled = events?.flatMap(({ activityTaskScheduledEventAttributes: of }) => of?.activityId ?? []);
    expect(scheduled).toEqual(['a', 'b', 'c', 'd']);
  });

  test('the arm not taken is skipped, and the log says so without an activity of its own', async () => {
    const skeleton = draw([
      { id: 'read_it' },
      { id: 'large', kind: 'choose', arms: [{ when: 'read_it.amount > 500' }, {}], after: ['read_it'] },
      { id: 'ask', ...approval, after: ['large/0'] },
      { id: 'pay', kind: 'tool', after: ['large/1', 'ask'] },
    ]);
    const run = await trial.start({ skeleton, views: { read_it: { values: { amount: 500 } } } });
    expect((await run.result()).outcome).toBe('completed');
    expect(run.calls).toEqual(['runAgentStep read_it', 'runToolStep pay']);
    expect(run.told).toEqual([
      { node: 'large', to: 'chosen', detail: '1' },
      { node: 'ask', to: 'skipped' },
    ]);
    expect(run.inputs.pay?.[0]?.log).toEqual(run.told);
    expect(run.statuses).toEqual([]);
  });

  test('a step whose `when` does not hold passes through, without output', async () => {
    const skeleton = draw([
      { id: 'a', when: 'input.wanted' },
      { id: 'b', after: ['a'], reads: ['a'], when: '!has(a.x)' },
    ]);
    const run = await trial.start({ skeleton, input: { values: { wanted: false } } });
    expect((await run.result()).outcome).toBe('completed');
    expect(run.calls).toEqual(['runAgentStep b']);
    expect(run.inputs.b).toEqual([{ run: run.handle.workflowId, node: 'b', log: [{ node: 'a', to: 'bypassed' }] }]);
  });

  test('transitions at the end ride the closing of the run', async () => {
    const run = await trial.start({ skeleton: draw([{ id: 'a', when: 'false' }]) });
    await run.result();
    expect(run.told).toEqual([{ node: 'a', to: 'bypassed' }]);
    expect(run.statuses).toEqual([]);
  });

  test('a condition over what no view holds is decided by an activity, from the first such arm on', async () => {
    const arms = [{ when: 'input.small' }, { when: 'size(read_it.lines) > 3' }, { when: 'input.large' }, {}];
    const skeleton = draw([
      { id: 'read_it' },
      { id: 'long', kind: 'choose', arms, after: ['read_it'], reads: ['read_it'] },
      { id: 'x', after: ['long/1'], when: 'size(read_it.lines) > 4', reads: ['read_it'] },
      { id: 'y', after: ['long/2'] },
      { id: 'z', after: ['long/3'] },
    ]);
    const script = {
      skeleton,
      input: { values: { small: false, large: true } },
      views: { read_it: { opaque: ['lines'] } },
    };
    const taken = await trial.start({ ...script, holds: { long: 1, x: null } });
    expect((await taken.result()).outcome).toBe('completed');
    expect(taken.calls).toEqual(['runAgentStep read_it', 'evaluateConditions long', 'evaluateConditions x']);
    expect(taken.inputs.long).toEqual([
      {
        run: taken.handle.workflowId,
        node: 'long',
        inputs: { read_it: 'digest of read_it' },
        conditions: [
          { index: 1, of: 'arm' },
          { index: 2, of: 'arm' },
        ],
      },
    ]);
    const otherwise = await trial.start({ ...script, holds: { long: null } });
    await otherwise.result();
    expect(otherwise.told.find(({ to }) => to === 'chosen')).toEqual({ node: 'long', to: 'chosen', detail: '3' });
  });

  test('of 520 steps that are ready 500 are started at once, the rest as these end', async () => {
    const run = await trial.start({ skeleton: fan(520) });
    expect((await run.result()).outcome).toBe('completed');
    const { events } = await run.handle.fetchHistory();
    const scheduled = events?.flatMap((event) => {
      const of = event.activityTaskScheduledEventAttributes;
      return of ? [{ id: of.activityId, task: Number(of.workflowTaskCompletedEventId) }] : [];
    });
    expect(scheduled?.map(({ id }) => id)).toEqual(Array.from({ length: 520 }, (_, index) => `s${index}`));
    expect(scheduled?.filter(({ task }) => task === scheduled[0]?.task)).toHaveLength(500);
  });
});
