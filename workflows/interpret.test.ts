import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import type { StepOutcome, Transition } from '../activities/contract.ts';
import { approval, draw } from './testing/draw-skeleton.ts';
import type { RandomRun } from './testing/random-graphs.ts';
import { randomRuns, writtenRules } from './testing/random-graphs.ts';
import { scenarios } from './testing/scenarios.ts';
import type { Script } from './testing/scripted-run.ts';
import { commit, failure } from './testing/scripted-run.ts';
import { startInProcess } from './testing/start-in-process.ts';

vi.mock('@temporalio/workflow', async (importOriginal) => ({
  ...(await importOriginal<typeof import('@temporalio/workflow')>()),
  ...(await import('./testing/in-process-temporal.ts')),
}));

test.each(Object.entries(scenarios))('%s ends as it should', async (_, { script, drive, ends }) => {
  const run = startInProcess(script);
  const ended = run.workflow.result.then(
    ({ outcome }) => outcome,
    (error: unknown) => (error instanceof CancelledFailure ? 'canceled by Temporal' : abortedOr(error)),
  );
  await drive?.(run);
  expect(await ended).toBe(ends);
  expect(run.workflow.attributes.WaymarkWaitingRole).toBeUndefined();
});

const abortedOr = (error: unknown): string =>
  error instanceof ApplicationFailure && error.type === 'waymark.aborted' ? 'aborted' : String(error);

/** Ends as the random run says: refusals and bypasses of any kind of step, verdicts, and arms by conditions. */
function scriptOf({ skeleton, endings }: RandomRun): Script {
  const decided: Record<string, string> = {};
  const steps: Record<string, () => StepOutcome> = {};
  const nodes = skeleton.nodes.map((node, index) => {
    const ending = endings[index]!;
    if (ending.as === 'bypassed') return { ...node, when: 'false' };
    if (ending.as === 'refused') {
      steps[node.id] = () => ({ status: 'refused' });
      return { id: node.id, title: node.title, kind: 'tool' as const };
    }
    if (node.kind === 'choose')
      return { ...node, arms: [0, 1, 2].map((arm) => (arm === 2 ? {} : { when: `${arm === ending.arm}` })) };
    if (ending.action !== undefined) decided[`gate of ${node.id}`] = ending.action;
    return node;
  });
  return { skeleton: { ...skeleton, nodes }, decided, steps };
}

test('random runs call what the written rules let run, tell what they pass over, and end as they say', async () => {
  await fc.assert(
    fc.asyncProperty(randomRuns, async (random) => {
      const { nodes } = random.skeleton;
      const run = startInProcess(scriptOf(random));
      const { outcome } = await run.workflow.result;
      const expected = writtenRules(random);
      expect(outcome).toBe(expected.outcome);

      const called = (id: string) => run.calls.some((call) => call.endsWith(` ${id}`));
      const told: Transition[] = [];
      nodes.forEach(({ id, kind }, index) => {
        const state = expected.states[index];
        const ending = random.endings[index]!;
        const ran = state === 'committed' || (state === 'refused' && called(id));
        expect([id, called(id)]).toEqual([id, ran && (kind !== 'choose' || ending.as === 'refused')]);
        if (state === 'committed' && ending.as === 'committed' && ending.arm !== undefined)
          told.push({ node: id, to: 'chosen', detail: String(ending.arm) });
        if (state === 'skipped' || state === 'bypassed' || (state === 'refused' && !called(id)))
          told.push({ node: id, to: state });
      });
      const byNode = (a: Transition, b: Transition) => a.node.localeCompare(b.node);
      expect([...run.told].sort(byNode)).toEqual(told.sort(byNode));
      expect(run.ended?.outcome).toBe(outcome);
    }),
    { numRuns: 300 },
  );
});

test('a transition that a failed activity carried is told by the next', async () => {
  const run = startInProcess({
    skeleton: draw([
      { id: 'a', when: 'false' },
      { id: 'b', after: ['a'] },
      { id: 'c', kind: 'tool' },
    ]),
    steps: { b: () => Promise.reject(failure('refusal')) },
  });
  await expect.poll(() => run.statuses.at(-1)).toBe('needs-attention');
  expect(run.told).toEqual([{ node: 'a', to: 'bypassed' }]);
  expect(run.workflow.details).toContain('- B: **failed (refusal), needs attention**');
  run.workflow.cancel();
  await expect(run.workflow.result).rejects.toThrow('Run cancelled');
});

test('the board links to the run in the API, where the worker knows its address, also in another execution', async () => {
  const skeleton = draw([{ id: 'a' }, { id: 'b', after: ['a'] }, { id: 'ask', ...approval, after: ['b'] }]);
  const run = startInProcess({ skeleton, address: 'https://waymark.example/runs/run' }, 1);
  const link = 'Run `run`, in the API: [/runs/run](https://waymark.example/runs/run)';
  await expect.poll(() => run.workflow.details).toContain(`waiting for manager**\n\n${link}`);
  expect(run.workflow.executions).toBeGreaterThan(1);
  run.workflow.cancel();
  await expect(run.workflow.result).rejects.toThrow('Run cancelled');
});

test('a large graph has a board of counts, with what needs people by name', async () => {
  const steps = Array.from({ length: 150 }, (_, index) => ({ id: `s${index}`, after: ['pay'] }));
  const run = startInProcess({
    skeleton: draw([{ id: 'pay', kind: 'tool' }, { id: 'file' }, ...steps]),
    steps: { pay: () => Promise.reject(failure('tool-failed')) },
  });
  await expect.poll(() => run.statuses.at(-1)).toBe('needs-attention');
  await expect
    .poll(() => run.workflow.details)
    .toBe(
      [
        '**Expense approval**: needs attention',
        '',
        '- 152 steps: 150 not started, 1 failed, 1 done',
        '- Pay: **failed (tool-failed), needs attention**',
        '',
        'Run `run`, in the API: `/runs/run`',
      ].join('\n'),
    );
  run.workflow.cancel();
  await expect(run.workflow.result).rejects.toThrow('Run cancelled');
});

test('a graph that is a circle ends with an error instead of waiting for ever', async () => {
  const skeleton = {
    ...draw([{ id: 'a' }, { id: 'b' }]),
    edges: [
      { from: 0, to: 1 },
      { from: 1, to: 0 },
    ],
  };
  await expect(startInProcess({ skeleton }).workflow.result).rejects.toMatchObject({
    type: 'waymark.graph',
    nonRetryable: true,
  });
});

test('an answer of an activity that the graph does not know fails the workflow task, and is not taken for a failed step', async () => {
  const steps = { a: () => ({ status: 'lapsed' as const, gateNode: 'elsewhere' }), b: () => commit('b') };
  const run = startInProcess({ skeleton: draw([{ id: 'a' }, { id: 'b' }]), steps });
  await expect(run.workflow.result).rejects.toThrow('a lapsed gate that is not in the graph: elsewhere');
});
