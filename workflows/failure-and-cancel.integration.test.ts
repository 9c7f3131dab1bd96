import { WorkflowFailedError } from '@temporalio/client';
import { CancelledFailure } from '@temporalio/common';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { approval, draw } from './testing/draw-skeleton.ts';
import { commit, failure, untilCancelled } from './testing/scripted-run.ts';
import type { Trial } from './testing/try-interpreter.ts';
import { attributesOf, boardOf, called, openTrial, patience, told } from './testing/watch-run.ts';

let trial: Trial;

beforeAll(async () => {
  trial = await openTrial();
});
afterAll(() => trial?.stop());

describe('failure', () => {
  test('a step that failed for good parks: siblings go on, dependents wait, the run stays open until it is cancelled', async () => {
    const skeleton = draw([
      { id: 'pay', kind: 'tool' },
      { id: 'tell', after: ['pay'] },
      { id: 'a' },
      { id: 'b', after: ['a'] },
    ]);
    const run = await trial.start({ skeleton, steps: { pay: () => Promise.reject(failure('outcome-unknown')) } });
    await called(run, 'runAgentStep b');
    await told(run, 'needs-attention');
    expect(run.calls).not.toContain('runAgentStep tell');
    await expect
      .poll(() => attributesOf(run), patience)
      .toEqual({ WaymarkStatus: 'needs-attention', WaymarkFailedStep: ['pay'] });
    await expect
      .poll(() => boardOf(run), patience)
      .toContain('- Pay: **failed (outcome-unknown), needs attention**\n- Tell: not started\n');
    // Its own activity recorded the failure.
    expect(run.told).toEqual([]);
    expect((await run.handle.describe()).status.name).toBe('RUNNING');

    run.cancel('c1');
    await run.ring({ command: 'c1' });
    expect(await run.result()).toEqual({ outcome: 'cancelled' });
    await expect
      .poll(() => attributesOf(run), patience)
      .toEqual({ WaymarkStatus: 'cancelled', WaymarkFailedStep: ['pay'] });
  });

  test('a failure that says it can be retried is', async () => {
    const flaky = (call: number) => (call < 3 ? Promise.reject(failure('transient', false)) : commit('a'));
    const run = await trial.start({ skeleton: draw([{ id: 'a' }]), steps: { a: flaky } });
    expect((await run.result()).outcome).toBe('completed');
    expect(run.calls).toHaveLength(3);
  });

  test('a condition that has no value parks its step and says why', async () => {
    const skeleton = draw([{ id: 'a', when: 'input.x / 0 > 1' }, { id: 'b' }]);
    const run = await trial.start({ skeleton, input: { values: { x: 1 } } });
    await told(run, 'needs-attention');
    await called(run, 'runAgentStep b');
    const why = 'input.x / 0 > 1 has no value: expected a divisor other than zero';
    expect(run.told).toEqual([{ node: 'a', to: 'parked', detail: 'condition-failed', why }]);
    await run.handle.terminate();
  });

  test('a result that cannot be given needs attention, and a cancel closes the run', async () => {
    const run = await trial.start({ skeleton: draw([{ id: 'a' }]), resultFails: true });
    await told(run, 'needs-attention');
    await expect
      .poll(() => attributesOf(run), patience)
      .toEqual({ WaymarkStatus: 'needs-attention', WaymarkFailedStep: ['Result'] });
    await expect.poll(() => boardOf(run), patience).toContain('- A: done\n- Result: failed (invalid-output)\n');
    run.cancel('c1');
    await run.ring({ command: 'c1' });
    expect(await run.result()).toEqual({ outcome: 'cancelled' });
  });
});

describe('cancel', () => {
  const skeleton = draw([{ id: 'a' }, { id: 'b', after: ['a'] }, { id: 'ask', ...approval }]);

  test('by a command stops what runs, starts nothing, and ends the workflow normally as cancelled', async () => {
    const run = await trial.start({ skeleton, steps: { a: untilCancelled } });
    await told(run, 'waiting');
    run.cancel('c1');
    await run.ring({ command: 'c1' });
    expect(await run.result()).toEqual({ outcome: 'cancelled' });
    expect(run.calls).not.toContain('runAgentStep b');
    expect(run.ended).toEqual({ outcome: 'cancelled' });
    await expect.poll(() => boardOf(run), patience).toContain('- A: stopped\n- B: never started\n- Ask: stopped\n');
    await expect.poll(() => attributesOf(run), patience).toEqual({ WaymarkStatus: 'cancelled' });
  });

  test("by Temporal's own means closes the run the same way, and the workflow is Canceled", async () => {
    const run = await trial.start({ skeleton, steps: { a: untilCancelled } });
    await told(run, 'waiting');
    await run.handle.cancel();
    const error = await run.result().then(String, (thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(WorkflowFailedError);
    expect((error as WorkflowFailedError).cause).toBeInstanceOf(CancelledFailure);
    expect((await run.handle.describe()).status.name).toBe('CANCELLED');
    expect(run.ended).toEqual({ outcome: 'cancelled' });
    await expect.poll(() => attributesOf(run), patience).toEqual({ WaymarkStatus: 'cancelled' });
  });

  test('waits for what is in flight to settle, and keeps what it committed', async () => {
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const run = await trial.start({
      skeleton: draw([{ id: 'a' }, { id: 'b', after: ['a'] }]),
      steps: { a: () => held.then(() => commit('a')) },
    });
    await called(run, 'runAgentStep a');
    run.cancel('c1');
    await run.ring({ command: 'c1' });
    await vi.waitFor(() => expect(run.heard).toEqual(['c1']), patience);
    expect(run.ended).toBeUndefined();
    release();
    expect(await run.result()).toEqual({ outcome: 'cancelled' });
    await expect.poll(() => boardOf(run), patience).toContain('- A: done\n- B: never started\n');
  });
});
