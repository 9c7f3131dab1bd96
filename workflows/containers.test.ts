import { expect, test, vi } from 'vitest';
import { runDocument } from './run-document.ts';
import { approval, draw } from './testing/draw-skeleton.ts';
import { runInProcess } from './testing/in-process-temporal.ts';
import type { Script, ScriptedRun } from './testing/scripted-run.ts';
import { commit, failure, scriptedWorld } from './testing/scripted-run.ts';

vi.mock('@temporalio/workflow', async (importOriginal) => ({
  ...(await importOriginal<typeof import('@temporalio/workflow')>()),
  ...(await import('./testing/in-process-temporal.ts')),
}));

function start(script: Script) {
  const world = scriptedWorld();
  const run = world.add('run', script);
  return { run, workflow: runInProcess(world.activities, runDocument, { run: 'run' }) };
}

async function complete(script: Script): Promise<{ run: ScriptedRun; outcome: string; details: string }> {
  const { run, workflow } = start(script);
  const { outcome } = await workflow.result;
  return { run, outcome, details: workflow.details };
}

/** `path/step`, as their activities were called. */
const placesOf = (run: ScriptedRun, step: string): string[] => (run.inputs[step] ?? []).map(({ path = '' }) => path);

test('a group starts its steps together, joins them, and gives the record of their outputs', async () => {
  const { run, outcome } = await complete({
    skeleton: draw([
      { id: 'both', kind: 'steps' },
      { id: 'left', in: 'both' },
      { id: 'right', in: 'both' },
      { id: 'next', after: ['both'], reads: ['both'] },
    ]),
  });
  expect(outcome).toBe('completed');
  expect(run.calls).toEqual(['runAgentStep left', 'runAgentStep right', 'runCollect both', 'runAgentStep next']);
  expect(run.inputs.both).toEqual([
    { run: 'run', node: 'both', as: 'record', inputs: { left: 'digest of left', right: 'digest of right' } },
  ]);
  expect(run.inputs.next).toEqual([
    { run: 'run', node: 'next', inputs: { both: 'record of digest of left, digest of right' } },
  ]);
});

test('a group in which a gate is rejected is refused once its other steps have ended', async () => {
  const { run, outcome } = await complete({
    skeleton: draw([
      { id: 'both', kind: 'steps' },
      { id: 'gate', ...approval, in: 'both' },
      { id: 'left', in: 'both' },
      { id: 'next', after: ['both'] },
    ]),
    decided: { 'gate of gate': 'reject' },
  });
  expect(outcome).toBe('rejected');
  expect(run.calls).toEqual(['openGate gate', 'runAgentStep left']);
  expect(run.told).toEqual([
    { node: 'both', to: 'refused' },
    { node: 'next', to: 'refused' },
  ]);
});

const improving = (more: object = {}) =>
  draw([
    { id: 'improve', kind: 'repeat', repeat: { atMost: 3, until: 'review.good' }, ...more },
    { id: 'write', in: 'improve', reads: ['previous'] },
    { id: 'review', in: 'improve', after: ['write'], reads: ['write'] },
    { id: 'next', after: ['improve'], reads: ['improve'] },
    { id: 'other', after: ['improve!not reached'] },
  ]);
const goodAt = (pass: number) => (call: number) => commit(`review ${call}`, { values: { good: call === pass } });

test('a repeat runs its steps until the condition holds, each pass reading the last one', async () => {
  const { run, outcome } = await complete({ skeleton: improving(), steps: { review: goodAt(2) } });
  expect(outcome).toBe('completed');
  expect(placesOf(run, 'write')).toEqual(['', 'improve~2']);
  expect(run.inputs.write?.map(({ inputs }) => inputs)).toEqual([
    undefined,
    { previous: 'record of digest of write, digest of review 1' },
  ]);
  expect(run.inputs.next?.[0]?.inputs).toEqual({ improve: 'record of digest of write, digest of review 2' });
  expect(run.told).toEqual([{ node: 'other', to: 'skipped' }]);
});

test('a repeat that is used up parks, goes on, or goes elsewhere, as the document says', async () => {
  const never = { steps: { review: goodAt(0) } };
  const repeat = { atMost: 2, until: 'review.good' };
  const on = await complete({ skeleton: improving({ repeat: { ...repeat, ifNotReached: 'continue' } }), ...never });
  expect([on.run.calls.at(-1), placesOf(on.run, 'review')]).toEqual(['runAgentStep next', ['', 'improve~2']]);
  const link = await complete({ skeleton: improving({ repeat: { ...repeat, ifNotReached: 'link' } }), ...never });
  expect(link.run.calls.at(-1)).toBe('runAgentStep other');
  const { run, workflow } = start({ skeleton: improving({ repeat }), ...never });
  await expect.poll(() => run.statuses.at(-1)).toBe('needs-attention');
  expect(workflow.details).toContain('- Improve: **failed (not-reached), needs attention**');
  expect(run.told).toEqual([{ node: 'improve', to: 'parked', detail: 'not-reached' }]);
  workflow.cancel();
  await expect(workflow.result).rejects.toThrow('Run cancelled');
});

test('a step that runs for each item has a path for each, and gives their outputs in the order of the items', async () => {
  const { run } = await complete({
    skeleton: draw([
      { id: 'pay', kind: 'tool', each: { item: 'claim' }, reads: ['claim'] },
      { id: 'next', after: ['pay'], reads: ['pay'] },
    ]),
    lists: { pay: [undefined, undefined, undefined, undefined] },
    steps: {
      pay: async (call, input) => {
        await new Promise((resolve) => setTimeout(resolve, 20 - 4 * call));
        return commit(input.path ?? '');
      },
    },
  });
  expect(placesOf(run, 'pay').filter((path) => path !== '')).toEqual(['pay[0]', 'pay[1]', 'pay[2]', 'pay[3]']);
  expect(run.inputs.pay?.find(({ path }) => path === 'pay[2]')?.inputs).toEqual({ claim: 'item 2' });
  const inOrder = [0, 1, 2, 3].map((index) => `digest of pay[${index}]`).join(', ');
  expect(run.inputs.next?.[0]?.inputs).toEqual({ pay: `list of ${inOrder}` });
});

test('no more items run at once than the document says, and an empty list gives an empty list', async () => {
  let now = 0;
  let most = 0;
  const { run } = await complete({
    skeleton: draw([
      { id: 'pay', kind: 'tool', each: { item: 'claim', atOnce: 2 } },
      { id: 'none', kind: 'tool', each: { item: 'claim' }, after: ['pay'] },
    ]),
    lists: { pay: Array.from({ length: 7 }, () => undefined) },
    steps: {
      pay: async (_, input) => {
        now += 1;
        most = Math.max(most, now);
        await new Promise((resolve) => setTimeout(resolve, 5));
        now -= 1;
        return commit(input.path ?? '');
      },
    },
  });
  expect([most, placesOf(run, 'pay').filter((path) => path !== '').length]).toEqual([2, 7]);
  expect(run.calls.filter((call) => call.endsWith(' none'))).toEqual(['listItems none', 'runCollect none']);
});

const items = (more: object) =>
  draw([
    { id: 'claims', kind: 'for each', each: { item: 'claim' }, ...more },
    { id: 'look', in: 'claims', reads: ['claim'] },
    { id: 'gate', ...approval, in: 'claims', after: ['look'] },
    { id: 'pay', kind: 'tool', in: 'claims', after: ['gate'] },
    { id: 'next', after: ['claims'], reads: ['claims'] },
    { id: 'mend', after: ['claims!failure'] },
  ]);
const failsAt = (path: string) => (_: number, input: { path?: string }) =>
  input.path === path ? Promise.reject(failure('refusal')) : commit(`look at ${input.path}`);
const twoClaims = { lists: { claims: [undefined, undefined] }, decided: { 'gate of gate': 'approve' } };

test('an item that fails is left out, leads elsewhere, or is parked and holds up only its loop', async () => {
  const steps = { look: failsAt('claims[0]') };
  const left = await complete({ skeleton: items({ ifItFails: 'skip' }), steps, ...twoClaims });
  expect(left.run.inputs.claims?.at(-1)).toMatchObject({ as: 'list', items: [expect.stringContaining('claims[1]')] });
  expect([left.run.calls.at(-1), left.run.statuses]).toEqual(['runAgentStep next', []]);
  const elsewhere = await complete({ skeleton: items({ ifItFails: 'link' }), steps, ...twoClaims });
  expect(elsewhere.run.calls.at(-1)).toBe('runAgentStep mend');

  const { run, workflow } = start({ skeleton: items({}), steps, ...twoClaims });
  await expect.poll(() => run.statuses.at(-1)).toBe('needs-attention');
  expect(placesOf(run, 'pay')).toEqual(['claims[1]']);
  expect(workflow.details.split('\n')).toEqual([
    '**Expense approval**: needs attention',
    '',
    '- Claims: running',
    '  - claims\\[0\\]',
    '    - Look: **failed (refusal), needs attention**',
    '    - Gate: not started',
    '    - Pay: not started',
    '- Next: not started',
    '- Mend: not started',
    '',
    'Run `run`, in the API: `/runs/run`',
  ]);
  workflow.cancel();
  await expect(workflow.result).rejects.toThrow('Run cancelled');
});

test('an item that is rejected refuses its loop once all items have ended', async () => {
  const { run, outcome } = await complete({
    skeleton: items({}),
    lists: twoClaims.lists,
    decided: { 'first gate': 'reject', 'second gate': 'approve' },
    gates: { gate: ['first gate', 'second gate'] },
  });
  expect(outcome).toBe('rejected');
  expect(placesOf(run, 'pay')).toEqual(['claims[1]']);
  expect(run.told).toEqual([
    { node: 'pay', path: 'claims[0]', to: 'refused' },
    { node: 'claims', to: 'refused' },
    { node: 'next', to: 'refused' },
    { node: 'mend', to: 'refused' },
  ]);
});

const rework = { ...approval, actions: { approve: 'continue', reject: 'end', rework: 'continue' } } as const;
const reworked = draw([
  { id: 'write', reads: ['feedback'], backFrom: ['gate:rework*1'] },
  { id: 'check', after: ['write'], reads: ['write'] },
  { id: 'gate', ...rework, after: ['check'] },
  { id: 'pay', kind: 'tool', after: ['gate'] },
]);

test('a gate sends back to a step, which sees why; past the bound the action is not offered', async () => {
  const { run, outcome } = await complete({
    skeleton: reworked,
    gates: { gate: ['first', 'second'] },
    decided: { first: 'rework', second: 'approve' },
  });
  expect(outcome).toBe('completed');
  expect(run.inputs.write).toEqual([
    { run: 'run', node: 'write' },
    { run: 'run', node: 'write', path: 'gate>write~2', inputs: { feedback: 'verdict of first' } },
  ]);
  expect(run.inputs.gate?.map((input) => ({ path: '', ...input }))).toEqual([
    { run: 'run', node: 'gate', path: '' },
    { run: 'run', node: 'gate', path: 'gate>write~2', without: ['rework'] },
  ]);
  expect(placesOf(run, 'pay')).toEqual(['']);
});

test('a choose sends back with what its conditions read, and takes the other way when its returns are used up', async () => {
  const { run } = await complete({
    skeleton: draw([
      { id: 'write', backFrom: ['good/0*1'], reads: ['feedback'] },
      { id: 'good', kind: 'choose', arms: [{ when: 'write.bad' }, {}], after: ['write'], reads: ['write'] },
      { id: 'ask', after: ['good/0!used up'] },
      { id: 'pay', after: ['good/1', 'ask'] },
    ]),
    views: { write: { values: { bad: true } } },
  });
  expect(run.calls).toEqual([
    'runAgentStep write',
    'collectReads good',
    'runAgentStep write',
    'runAgentStep ask',
    'runAgentStep pay',
  ]);
  expect(run.inputs.write?.[1]).toMatchObject({ path: 'good>write~2', inputs: { feedback: 'reads of good' } });
});

test('a failure that the document foresees parks nothing: it is passed over, or leads elsewhere', async () => {
  const document = (ifItFails: 'skip' | 'link') =>
    draw([
      { id: 'call', kind: 'tool', ifItFails },
      { id: 'next', after: ['call'] },
      { id: 'mend', after: ['call!failure'] },
    ]);
  const steps = { call: () => Promise.reject(failure('tool-failed')) };
  const skipped = await complete({ skeleton: document('skip'), steps });
  expect([skipped.run.calls.at(-1), skipped.run.told]).toEqual([
    'runAgentStep next',
    [
      { node: 'call', to: 'bypassed' },
      { node: 'mend', to: 'skipped' },
    ],
  ]);
  const linked = await complete({ skeleton: document('link'), steps });
  expect([linked.run.calls.at(-1), linked.run.statuses]).toEqual(['runAgentStep mend', []]);
});

test.each(['outcome-unknown', 'effect-conflict'])(
  'whatever the document foresees, a write parks that ends as %s: nobody knows that it failed',
  async (reason) => {
    for (const ifItFails of ['skip', 'link'] as const) {
      const steps = {
        call: (call: number) => (call === 1 ? Promise.reject(failure(reason)) : commit('call')),
        look: (_: number, { path, order }: { path?: string; order?: string }) =>
          path === 'claims[0]' && order === undefined ? Promise.reject(failure(reason)) : commit(`look at ${path}`),
      };
      const alone = start({
        skeleton: draw([
          { id: 'call', kind: 'tool', ifItFails },
          { id: 'mend', after: ['call!failure'] },
        ]),
        steps,
      });
      await expect.poll(() => alone.run.statuses.at(-1)).toBe('needs-attention');
      alone.run.order({ command: 'c1', does: 'retry', node: 'call' });
      alone.workflow.ring({ command: 'c1' });
      expect((await alone.workflow.result).outcome).toBe('completed');
      expect(alone.run.calls).toEqual(['runToolStep call', 'runToolStep call']);

      const item = start({ skeleton: items({ ifItFails }), steps, ...twoClaims });
      await expect.poll(() => item.run.statuses.at(-1)).toBe('needs-attention');
      item.run.order({ command: 'c1', does: 'retry', node: 'look', path: 'claims[0]' });
      item.workflow.ring({ command: 'c1' });
      expect((await item.workflow.result).outcome).toBe('completed');
      expect(item.run.inputs.claims?.at(-1)).toMatchObject({ items: { length: 2 } });
      expect(item.run.calls).not.toContain('runAgentStep mend');
    }
  },
);

test('a wait lets others go on, and a merge and a wait until a time ask activities', async () => {
  const { run, outcome } = await complete({
    skeleton: draw([
      { id: 'pause', kind: 'wait', waitMs: 1000 },
      { id: 'until', kind: 'wait', after: ['pause'], reads: ['other'] },
      { id: 'other' },
      { id: 'both', kind: 'merge', after: ['until', 'other'], reads: ['other'] },
    ]),
  });
  expect(outcome).toBe('completed');
  expect(run.calls).toEqual(['runAgentStep other', 'evaluateWait until', 'runMergeStep both']);
});

test('what stands in containers within containers reads outward, and its paths say where it is', async () => {
  const { run } = await complete({
    skeleton: draw([
      { id: 'claims', kind: 'for each', each: { item: 'claim' } },
      { id: 'improve', kind: 'repeat', repeat: { atMost: 2, until: 'look.good' }, in: 'claims' },
      { id: 'look', in: 'improve', reads: ['claim', 'previous'] },
    ]),
    lists: { claims: [undefined, undefined] },
    steps: { look: (_, { path = '' }) => commit(path, { values: { good: path !== 'claims[0]' } }) },
  });
  expect(placesOf(run, 'look').sort()).toEqual(['claims[0]', 'claims[0]/improve~2', 'claims[1]']);
  expect(run.inputs.look?.find(({ path }) => path?.endsWith('~2'))?.inputs).toEqual({
    claim: 'item 0',
    previous: 'record of digest of claims[0]',
  });
});
