import { afterEach, expect, it } from 'vitest';
import { graphHash, startedRun, wholeRun } from './testing/expense-run.ts';
import type { ApiBodies, ApiScript, ScriptedApi } from './testing/scripted-api.ts';
import { startScriptedApi } from './testing/scripted-api.ts';
import type { Outcome, Surroundings } from './testing/scripted-world.ts';
import { runInProcess } from './testing/scripted-world.ts';

let api: ScriptedApi | undefined;
afterEach(async () => {
  await api?.close();
  api = undefined;
});

const edit = { step: 'read', path: '', name: 'input', by: 'olga' };
const plan: ApiBodies['POST /runs/:id/resume-plan'] = {
  run: 'run-1',
  graphHash,
  graphChanged: false,
  inputChanged: true,
  from: [],
  kept: [
    { step: 'read', times: 1 },
    { step: 'note', times: 3 },
  ],
  reruns: [
    { step: 'summary', because: 'proposal', steps: [], certain: true, costUsd: 0.25 },
    { step: 'pay', because: 'reads', steps: ['summary'], certain: false, costUsd: 0 },
  ],
  approvals: {
    kept: [{ gate: 'g-1', step: 'manager', path: 'each[1]', verdict: 'approve' }],
    lapsed: [{ gate: 'g-2', step: 'director', path: '', reason: 'it is asked again', certain: true }],
  },
  edits: {
    kept: [edit],
    dropped: [
      { ...edit, step: 'pay', name: 'read', reason: 'it stood in place of the input there was', certain: true },
    ],
  },
  overwrites: [
    { step: 'summary', place: 'Summary', certain: true },
    { step: 'pay', place: 'state.paid', certain: false },
  ],
  effects: {
    kept: [{ effect: 'e-1', step: 'pay', tool: 'bank.pay', status: 'succeeded' }],
    toAcknowledge: [{ effect: 'e-2', step: 'book', tool: 'trips.book', status: 'unknown' }],
  },
  cost: { usd: 0.25, unknown: 1 },
  digest: 'digest-1',
};
const script: ApiScript = {
  ...wholeRun,
  'GET /health': [{ body: { status: 'alive', practice: false } }],
  'POST /runs/:id/resume-plan': [{ body: plan }],
  'POST /runs/:id/resume': [{ status: 201, body: { ...startedRun, id: 'run-2' } }],
};

async function talk(args: string[], more: Surroundings = {}): Promise<Outcome> {
  api = await startScriptedApi(script);
  return runInProcess(['resume', 'run-1', ...args], {
    env: { WAYMARK_API_URL: api.url, WAYMARK_TOKEN: 'tok' },
    ...more,
  });
}
const applied = () => api?.received.find(({ route }) => route === 'POST /runs/:id/resume')?.body;

it('shows the whole plan, and without a terminal to ask changes nothing', async () => {
  const { code, stdout, stderr } = await talk([]);
  expect([code, applied()]).toEqual([0, undefined]);
  expect(stderr).toBe('Nothing was resumed. Without a terminal to ask, --yes applies the plan.\n');
  expect(stdout).toBe(`Resume of run run-1, on the same version, with another input:
Kept:
  read
  note (3 times)
Done again, or for the first time:
  summary: the proposal gives it something else by now
  pay: if another output comes of summary
Decisions that stand:
  manager at each[1]: approve
Decisions that lapse:
  director: it is asked again
Edited values that hold:
  input of read, given by olga
Edited values that are dropped, so that the step is given what the document says:
  read of pay, given by olga: it stood in place of the input there was
Parts of the proposal that are written over:
  Summary by summary
  state.paid by pay, if it runs again
Effects that stand, and are not repeated:
  bank.pay by pay: succeeded
Effects of steps that this version no longer has:
  trips.book by book: unknown
At most about 0.2500 US dollars, and what 1 step that never ran costs.
`);
});

it('applies the plan that it showed, by its digest, once it is told yes', async () => {
  const { code, stdout } = await talk(['--from', 'read', '--acknowledge'], { interactive: true, stdin: 'y\n' });
  expect(code).toBe(0);
  expect(stdout).toContain('Resume so? [y/N] ');
  expect(stdout).toContain('Run run-2 goes on: npx waymark inspect run-2');
  expect(applied()).toEqual({ from: 'read', digest: 'digest-1', acknowledge: ['e-2'] });
});

it('changes nothing when it is told no, or effects of steps that are gone were not acknowledged', async () => {
  const no = await talk(['--acknowledge'], { interactive: true, stdin: 'n\n' });
  expect([no.code, applied()]).toEqual([0, undefined]);
  await api?.close();
  const silent = await talk(['--yes']);
  expect([silent.code, applied()]).toEqual([1, undefined]);
  expect(silent.stderr).toBe(
    'Unexpected effects of steps that are gone, expected --acknowledge if that is as it should be.\n',
  );
});
