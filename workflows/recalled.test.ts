import { expect, test, vi } from 'vitest';
import type { RecalledStep } from '../activities/contract.ts';
import { draw } from './testing/draw-skeleton.ts';
import type { DrivenRun } from './testing/scenarios.ts';
import { scenarios } from './testing/scenarios.ts';
import type { Script } from './testing/scripted-run.ts';
import { commit, failure } from './testing/scripted-run.ts';
import { startInProcess } from './testing/start-in-process.ts';

vi.mock('@temporalio/workflow', async (importOriginal) => ({
  ...(await importOriginal<typeof import('@temporalio/workflow')>()),
  ...(await import('./testing/in-process-temporal.ts')),
}));

const done = (node: string, read: RecalledStep['read'] = {}, more: Partial<RecalledStep> = {}): RecalledStep => ({
  node,
  read,
  output: `digest of ${node}`,
  ...more,
});

/** `a`, then `b` of a, then `c` of both. */
const three = draw([
  { id: 'a' },
  { id: 'b', after: ['a'], reads: ['a'] },
  { id: 'c', after: ['b'], reads: ['a', 'b'] },
]);
const ofA = { a: 'digest of a' };
const ofBoth = { ...ofA, b: 'digest of b' };

async function callsOf(script: Script, drive?: (run: DrivenRun) => Promise<void>): Promise<string[]> {
  const run = startInProcess(script);
  await drive?.(run);
  expect((await run.workflow.result).outcome).toBe('completed');
  return run.calls;
}

test('a step that reads what it read before is what it was, and is asked of nobody', async () => {
  const recalled = [[done('a'), done('b', ofA), done('c', ofBoth)]];
  const run = startInProcess({ skeleton: { ...three, resultReads: ['c'] }, recalled });
  expect((await run.workflow.result).outcome).toBe('completed');
  expect(run.calls).toEqual([]);
  expect(run.ended?.inputs).toEqual({ c: 'digest of c' });
});

test.each<[string, RecalledStep['read']]>([
  ['another value', { a: 'digest of another' }],
  ['a value where there was none', { a: null }],
  ['no value where there was one', { ...ofA, b: 'digest of b' }],
])('one that reads %s is asked of the store', async (_, read) => {
  const recalled = [[done('a'), done('b', read)]];
  expect(await callsOf({ skeleton: three, recalled })).toEqual(['runAgentStep b', 'runAgentStep c']);
});

test('what follows a step that came out differently is asked of the store', async () => {
  const recalled = [[done('b', ofA), done('c', ofBoth)]];
  const steps = { a: () => ({ ...commit('a'), output: 'digest of another' }) };
  expect(await callsOf({ skeleton: three, recalled, steps })).toEqual([
    'runAgentStep a',
    'runAgentStep b',
    'runAgentStep c',
  ]);
});

test('views decide as those of an activity do', async () => {
  const skeleton = draw([
    { id: 'a' },
    { id: 'which', kind: 'choose', arms: [{ when: 'a.large' }, {}], after: ['a'], reads: ['a'] },
    { id: 'big', after: ['which/0'] },
    { id: 'small', after: ['which/1'] },
  ]);
  const recalled = [[done('a', {}, { view: { values: { large: true } } as never })]];
  const asked = await callsOf({ skeleton, views: { a: { values: { large: true } } as never } });
  expect((await callsOf({ skeleton, recalled })).filter((call) => !asked.includes(call))).toEqual([]);
});

test('items are told from each other, and their list is collected anew', async () => {
  const skeleton = draw([{ id: 'check', each: { item: 'one' }, reads: ['one'] }]);
  const item = (index: number, of = index) =>
    done('check', { one: `item ${of}` }, { path: `check[${index}]`, output: `digest of ${index}` });
  const calls = await callsOf({
    skeleton,
    lists: { check: [{}, {}, {}] },
    recalled: [[item(0), item(1, 9)], [item(2)]],
  });
  expect(calls.filter((call) => call.startsWith('runAgentStep'))).toEqual(['runAgentStep check']);
  expect(calls.at(-1)).toBe('runCollect check');
});

test('a step that somebody has done again is asked of the store, whatever was recalled', async () => {
  const run = startInProcess({
    skeleton: draw([{ id: 'a' }]),
    recalled: [[done('a', { gone: 'digest of what is not there' })]],
    steps: {
      a: (call) => {
        if (call === 1) throw failure('tool-failed');
        return commit('a');
      },
    },
  });
  await vi.waitFor(() => expect(run.statuses).toContain('needs-attention'));
  run.order({ command: 'again', does: 'retry', node: 'a' });
  await run.ring({ command: 'again' });
  expect((await run.workflow.result).outcome).toBe('completed');
  expect(run.calls).toEqual(['runAgentStep a', 'runAgentStep a']);
});

test('thousands of steps that stand are taken in several workflow tasks', async () => {
  const ids = Array.from({ length: 1201 }, (_, index) => `s${index}`);
  const skeleton = draw(ids.map((id, index) => ({ id, after: index === 0 ? [] : [`s${index - 1}`] })));
  expect(await callsOf({ skeleton, recalled: [ids.map((id) => done(id))] })).toEqual([]);
});

test('a run that goes on in a new execution recalls again what it has not reached', async () => {
  const { script, drive } = scenarios['resumed-after-steps-that-stand']!;
  const run = startInProcess(script, 1);
  await drive?.(run);
  expect((await run.workflow.result).outcome).toBe('completed');
  expect(run.calls.filter((call) => call.startsWith('run'))).toEqual(['runToolStep pay']);
});
