import { expect, test, vi } from 'vitest';
import type { Order } from '../activities/contract.ts';
import { approval, draw } from './testing/draw-skeleton.ts';
import type { Script } from './testing/scripted-run.ts';
import { commit, failure } from './testing/scripted-run.ts';
import type { InProcess } from './testing/start-in-process.ts';
import { startInProcess } from './testing/start-in-process.ts';

vi.mock('@temporalio/workflow', async (importOriginal) => ({
  ...(await importOriginal<typeof import('@temporalio/workflow')>()),
  ...(await import('./testing/in-process-temporal.ts')),
}));

interface Run extends InProcess {
  give(order: Order): void;
}

function start(script: Script, longAfter?: number): Run {
  const run = startInProcess(script, longAfter);
  const give = (order: Order) => {
    run.order(order);
    run.workflow.ring({ command: order.command });
  };
  return Object.assign(run, { give });
}

const needsAttention = (run: Run) => expect.poll(() => run.statuses.at(-1)).toBe('needs-attention');
const failsAtFirst =
  (node: string, times = 1) =>
  (call: number) =>
    call <= times ? Promise.reject(failure('tool-failed')) : commit(node);
const payAndTell = draw([
  { id: 'pay', kind: 'tool' },
  { id: 'tell', after: ['pay'] },
]);

test('a retry runs a parked step again, with the order beside its input, and the run goes on', async () => {
  const run = start({ skeleton: payAndTell, steps: { pay: failsAtFirst('pay') } });
  await needsAttention(run);
  run.give({ command: 'c1', does: 'retry', node: 'pay' });
  expect((await run.workflow.result).outcome).toBe('completed');
  expect(run.calls).toEqual(['runToolStep pay', 'runToolStep pay', 'runAgentStep tell']);
  expect(run.inputs.pay?.map(({ order }) => order)).toEqual([undefined, 'c1']);
  expect(run.told).toEqual([{ node: 'pay', to: 'applied', order: 'c1' }]);
  expect(run.statuses).toEqual(['needs-attention', 'running']);
});

test('an order that is rung twice counts once: a step that parks again waits for another', async () => {
  const run = start({ skeleton: payAndTell, steps: { pay: failsAtFirst('pay', 2) } });
  await needsAttention(run);
  run.give({ command: 'c1', does: 'retry', node: 'pay' });
  await expect.poll(() => run.calls.length).toBe(2);
  await needsAttention(run);
  run.workflow.ring({ command: 'c1' });
  await expect.poll(() => run.heard).toEqual(['c1', 'c1']);
  expect(run.calls.length).toBe(2);
  run.give({ command: 'c2', does: 'retry', node: 'pay' });
  expect((await run.workflow.result).outcome).toBe('completed');
});

test('an order about a step that is not parked changes nothing, and says so', async () => {
  const run = start({ skeleton: draw([{ id: 'a' }, { id: 'ask', ...approval }]) });
  await expect.poll(() => run.statuses.at(-1)).toBe('waiting');
  for (const node of ['a', 'ask', 'nothing', 'Result']) run.give({ command: `c ${node}`, does: 'skip', node });
  await expect
    .poll(() => run.told.map(({ node, to, order }) => [node, to, order]))
    .toEqual([
      ['a', 'not applied', 'c a'],
      ['ask', 'not applied', 'c ask'],
      ['nothing', 'not applied', 'c nothing'],
      ['Result', 'not applied', 'c Result'],
    ]);
  expect(run.calls).toEqual(['runAgentStep a', 'openGate ask']);
});

test('a skip is a bypass: what follows runs without the output', async () => {
  const skeleton = draw([
    { id: 'pay', kind: 'tool' },
    { id: 'tell', after: ['pay'], reads: ['pay'] },
  ]);
  const run = start({ skeleton, steps: { pay: failsAtFirst('pay', 9) } });
  await needsAttention(run);
  run.give({ command: 'c1', does: 'skip', node: 'pay' });
  expect((await run.workflow.result).outcome).toBe('completed');
  expect(run.calls).toEqual(['runToolStep pay', 'runAgentStep tell']);
  expect(run.inputs.tell?.[0]?.inputs).toBeUndefined();
  expect(run.told).toEqual([
    { node: 'pay', to: 'applied', order: 'c1' },
    { node: 'pay', to: 'bypassed', order: 'c1' },
  ]);
  expect(run.workflow.details).toContain('- Pay: left out, as an operator ordered\n');
});

test('the board says of a step that was left out whether it failed or its condition did not hold', async () => {
  const skeleton = draw([
    { id: 'pay', kind: 'tool', ifItFails: 'skip' },
    { id: 'tell', ifItFails: 'skip', when: 'false' },
    { id: 'file', when: 'false' },
  ]);
  const run = start({ skeleton, steps: { pay: failsAtFirst('pay', 9) } });
  expect((await run.workflow.result).outcome).toBe('completed');
  expect(run.workflow.details.split('\n').filter((line) => line.includes('left out'))).toEqual([
    '- Pay: left out, it failed',
    '- Tell: left out, it failed or its condition did not hold',
    '- File: left out, its condition did not hold',
  ]);
});

test('a supplied output is committed by an activity of its own, and the step’s is not called again', async () => {
  const run = start({
    skeleton: payAndTell,
    steps: { pay: (_, { order }) => (order === undefined ? Promise.reject(failure('refusal')) : commit('given')) },
  });
  await needsAttention(run);
  run.give({ command: 'c1', does: 'supply', node: 'pay' });
  expect((await run.workflow.result).outcome).toBe('completed');
  expect(run.calls).toEqual(['runToolStep pay', 'supplyOutput pay', 'runAgentStep tell']);
  expect(run.inputs.pay?.[1]?.order).toBe('c1');
});

test('one item is retried by its path while the others are done', async () => {
  const skeleton = draw([{ id: 'pay', kind: 'tool', each: { item: 'one' } }]);
  const run = start({
    skeleton,
    lists: { pay: [undefined, undefined, undefined] },
    steps: {
      pay: (call, { path }) => (call < 4 && path === 'pay[1]' ? Promise.reject(failure('tool-failed')) : commit('pay')),
    },
  });
  await needsAttention(run);
  run.give({ command: 'c1', does: 'retry', node: 'pay', path: 'pay[1]' });
  expect((await run.workflow.result).outcome).toBe('completed');
  expect(run.inputs.pay?.filter(({ order }) => order === 'c1').map(({ path }) => path)).toEqual(['pay[1]']);
});

test('a skipped item is left out of the list', async () => {
  const skeleton = draw([{ id: 'pay', kind: 'tool', each: { item: 'one' } }]);
  const run = start({
    skeleton,
    lists: { pay: [undefined, undefined] },
    steps: {
      pay: (_, { path }) => (path === 'pay[0]' ? Promise.reject(failure('tool-failed')) : commit(`pay ${path}`)),
    },
  });
  await needsAttention(run);
  run.give({ command: 'c1', does: 'skip', node: 'pay', path: 'pay[0]' });
  expect((await run.workflow.result).outcome).toBe('completed');
  expect(run.calls.at(-1)).toBe('runCollect pay');
});

test('a repeat that is used up is given one pass more', async () => {
  const skeleton = draw([
    { id: 'build', kind: 'repeat', repeat: { atMost: 2, until: 'draft.good' } },
    { id: 'draft', in: 'build', reads: ['previous'] },
  ]);
  const run = start({ skeleton, steps: { draft: (call) => commit('draft', { values: { good: call === 4 } }) } });
  for (const command of ['c1', 'c2']) {
    await expect.poll(() => run.told.filter(({ to }) => to === 'parked').length).toBe(command === 'c1' ? 1 : 2);
    run.give({ command, does: 'retry', node: 'build' });
  }
  expect((await run.workflow.result).outcome).toBe('completed');
  expect(run.inputs.draft?.map(({ path }) => path)).toEqual([undefined, 'build~2', 'build~3', 'build~4']);
  expect(run.told.filter(({ to }) => to === 'parked')).toEqual([
    { node: 'build', to: 'parked', detail: 'not-reached' },
    { node: 'build', to: 'parked', detail: 'not-reached', order: 'c1' },
  ]);
});

test('a Result that could not be given is tried again', async () => {
  const script: Script = { skeleton: draw([{ id: 'a' }]), resultFails: true };
  const run = start(script);
  await needsAttention(run);
  delete script.resultFails;
  run.give({ command: 'c1', does: 'retry', node: 'Result' });
  expect((await run.workflow.result).outcome).toBe('completed');
});

test('an abort closes the run as failed, and fails the workflow', async () => {
  const run = start({ skeleton: payAndTell, steps: { pay: failsAtFirst('pay', 9) } });
  await needsAttention(run);
  run.give({ command: 'c1', does: 'abort' });
  await expect(run.workflow.result).rejects.toMatchObject({ type: 'waymark.aborted' });
  expect(run.ended).toEqual({ outcome: 'failed' });
  expect(run.workflow.attributes).toMatchObject({ WaymarkStatus: 'failed' });
});

test.each([
  ['cancelled', ['w1'], 'cancelled'],
  ['aborted', [], 'failed'],
])(
  'a run that is told at a step that it was %s ends so, without having heard the order',
  async (how, undone, outcome) => {
    const skeleton = draw([
      { id: 'pay', kind: 'tool', undo: true },
      { id: 'tell', after: ['pay'] },
      { id: 'ask', ...approval, after: ['tell'] },
    ]);
    const steps = { tell: () => Promise.reject(failure(how)) };
    const run = start({ skeleton, steps, undo: [{ effect: 'w1', node: 'pay' }] });
    await run.workflow.result.catch(() => undefined);
    expect([run.undone, run.ended, run.told]).toEqual([undone, { outcome }, []]);
    expect(run.calls).toEqual(['runToolStep pay', 'runAgentStep tell']);
  },
);

test('a paused run finishes what runs, hears decisions, and starts nothing until it is unpaused', async () => {
  let release: () => void = () => undefined;
  const held = new Promise<void>((resolve) => (release = resolve));
  const skeleton = draw([
    { id: 'a' },
    { id: 'b', after: ['a'] },
    { id: 'ask', ...approval },
    { id: 'pay', kind: 'tool', after: ['ask'] },
  ]);
  const run = start({ skeleton, steps: { a: () => held.then(() => commit('a')) } });
  await expect.poll(() => run.statuses.at(-1)).toBe('waiting');
  run.give({ command: 'c1', does: 'pause' });
  await expect.poll(() => run.paused).toEqual([true]);
  expect(run.workflow.attributes).toMatchObject({ WaymarkStatus: 'paused' });
  expect(run.workflow.details).toContain('paused: nothing new is started');
  release();
  run.decide('gate of ask', 'approve');
  run.workflow.ring({ gate: 'gate of ask' });
  await expect
    .poll(() => run.workflow.details)
    .toContain('- A: done\n- B: not started\n- Ask: done, approve\n- Pay: not started');
  run.give({ command: 'c2', does: 'pause' });
  run.give({ command: 'c3', does: 'unpause' });
  expect((await run.workflow.result).outcome).toBe('completed');
  expect(run.paused).toEqual([true, false]);
  expect(run.told.map(({ order, to }) => [order, to])).toEqual([
    ['c1', 'applied'],
    ['c2', 'not applied'],
    ['c3', 'applied'],
  ]);
});

test('what was ordered is known in the next execution: a parked step, a pause, and orders that were heeded', async () => {
  const steps = Array.from({ length: 8 }, (_, index) => ({
    id: `s${index}`,
    after: index === 0 ? [] : [`s${index - 1}`],
  }));
  const skeleton = draw([{ id: 'pay', kind: 'tool' }, ...steps]);
  const run = start({ skeleton, steps: { pay: failsAtFirst('pay', 2) } }, 4);
  await needsAttention(run);
  run.give({ command: 'c1', does: 'retry', node: 'pay' });
  await expect.poll(() => run.calls.filter((call) => call === 'runAgentStep s7')).toHaveLength(1);
  expect(run.workflow.executions).toBeGreaterThan(1);
  run.workflow.ring({ command: 'c1' });
  await expect.poll(() => run.heard).toEqual(['c1', 'c1']);
  expect(run.calls.filter((call) => call === 'runToolStep pay')).toHaveLength(2);
  run.order({ command: 'c2', does: 'retry', node: 'pay' });
  // As the relay does: until it is heard.
  const ringing = setInterval(() => run.workflow.ring({ command: 'c2' }), 20);
  expect((await run.workflow.result).outcome).toBe('completed');
  clearInterval(ringing);
});

test('a cancel takes back what was written, the latest first, and ends though one of it cannot be', async () => {
  const written = ['w4', 'w3', 'w2', 'w1'].map((effect) => ({ effect, node: 'pay' }));
  const skeleton = draw([
    { id: 'pay', kind: 'tool', undo: true },
    { id: 'ask', ...approval, after: ['pay'] },
  ]);
  for (const [order, undone, ended] of [
    ['cancel', ['w4', 'w3', 'w2', 'w1'], 'cancelled'],
    ['abort', [], 'failed'],
  ] as const) {
    const run = start({ skeleton, undo: written, undoFails: ['w3'] });
    await expect.poll(() => run.statuses.at(-1)).toBe('waiting');
    if (order === 'abort') run.give({ command: 'c1', does: 'abort' });
    else {
      run.cancel('c1');
      run.workflow.ring({ command: 'c1' });
    }
    await run.workflow.result.catch(() => undefined);
    expect([run.undone, run.ended]).toEqual([undone, { outcome: ended }]);
  }
});
