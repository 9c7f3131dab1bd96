import { ApplicationFailure } from '@temporalio/common';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { decodeSkeleton } from '../compiler/skeleton-code.ts';
import { getArtifact } from '../prisma/artifacts.ts';
import { attemptStep } from './attempt-step.ts';
import type { Claim } from './claim.ts';
import { claimStep } from './claim.ts';
import { commitStep, noUsage } from './commit.ts';
import type { Digest, StepInput } from './contract.ts';
import type { Dependencies } from './dependencies.ts';
import { evaluateConditions } from './evaluate-conditions.ts';
import { chargeTry, failStep } from './failures.ts';
import { openGate } from './gates.ts';
import { readHandoff } from './handoff.ts';
import { recordTurn, requestDigestOf, turnsOf } from './journal.ts';
import { runSetStep } from './run-set-step.ts';
import { runToolStep } from './run-tool-step.ts';
import { beginRun, finishRun } from './runs.ts';
import { attemptOf } from './testing/attempt.ts';
import type { Fixture } from './testing/run-fixture.ts';
import {
  asRequester,
  dependencies,
  eventsOf,
  graphOf,
  openFixture,
  record,
  retry,
  startRun,
  stepOf,
  tenant,
} from './testing/run-fixture.ts';
import type { ToolServer } from './testing/tool-server.ts';
import { json, startToolServer } from './testing/tool-server.ts';

let fixture: Fixture;
let policies: ToolServer;
let deps: Dependencies;

beforeAll(async () => {
  fixture = await openFixture();
  policies = await startToolServer();
});
afterAll(async () => {
  await policies.close();
  await fixture.close();
});
beforeEach(() => {
  policies.asked.length = 0;
  policies.answer = (_, response) => json(response, 200, { limit: 500, note: 'x'.repeat(300) });
  deps = dependencies(fixture, {
    configuration: {
      allowedHosts: ['127.0.0.1'],
      tools: {
        'policy.lookup': {
          effect: 'read',
          description: 'Looks a policy up',
          http: { method: 'GET', url: `${policies.url}/policies/{category}` },
          input: { type: 'object', required: ['category'], properties: { category: { type: 'string' } } },
          output: { type: 'object', required: ['limit'] },
        },
      },
    },
  });
});

const graph = graphOf({
  inputs: [{ name: 'amount', type: { kind: 'number' } }],
  nodes: [
    {
      kind: 'tool',
      id: 'policy',
      title: 'Policy',
      tool: 'policy.lookup',
      with: [{ name: 'category', expr: "'travel & meals'" }],
      gives: {
        kind: 'record',
        fields: [
          { name: 'limit', type: { kind: 'number' } },
          { name: 'note', type: { kind: 'text' }, optional: true },
          { name: 'currency', type: { kind: 'text' }, default: 'EUR' },
          { name: 'double', type: { kind: 'number' }, computed: 'this.limit * 2' },
        ],
      },
      checks: [{ expr: 'output.limit > 0' }],
      retry: retry(1),
      timeoutMs: 500,
    },
    {
      kind: 'set',
      id: 'left',
      title: 'Left',
      values: [{ name: 'sum', expr: 'policy.limit - input.amount' }],
      checks: [],
    },
    {
      kind: 'choose',
      id: 'is_it_large',
      title: 'Is it large?',
      arms: [
        { when: "policy.note == 'short'", to: 'end' },
        { when: 'policy.note.size() > 200 && input.amount > 10', to: 'end' },
        { to: 'end' },
      ],
    },
    { kind: 'set', id: 'end', title: 'End', values: [{ name: 'done', expr: 'true' }], checks: [] },
  ],
  edges: [
    { from: 'policy', to: 'left' },
    { from: 'left', to: 'is_it_large' },
    { from: 'is_it_large', to: 'end', arm: 0 },
  ],
  result: [
    { name: 'left', type: { kind: 'number' }, value: 'left.sum' },
    { name: 'limit', type: { kind: 'number' }, value: 'policy.limit' },
  ],
});

const policy = (step: StepInput, by = deps) => attemptOf((signal) => runToolStep(by, step, signal));
const left = (step: StepInput) => attemptOf((signal) => runSetStep(deps, step, signal));

function committed(outcome: unknown): Digest {
  expect(outcome).toMatchObject({ status: 'committed' });
  return (outcome as { output: Digest }).output;
}

async function claimed(run: string, node = 'policy'): Promise<Claim> {
  const result = await claimStep(deps, { run, node });
  if (!('claimed' in result)) throw new Error('expected a claim');
  return result.claimed;
}

test('a read step fills its type, commits a handoff that the next step checks, and hands out a view', async () => {
  const run = await startRun(fixture, graph, { amount: 41 });
  const begun = await beginRun(deps, { run });
  expect(decodeSkeleton(begun.skeleton).nodes.map(({ id }) => id)).toEqual(['policy', 'left', 'is_it_large', 'end']);
  expect(begun.input).toEqual({ values: { amount: 41 } });

  const outcome = await policy({ run, node: 'policy' });
  const output = committed(outcome);
  expect(outcome).toEqual({ status: 'committed', output, view: { opaque: ['note'] } });
  expect(policies.asked[0]).toMatchObject({ method: 'GET', path: '/policies/travel%20%26%20meals' });
  const value = await asRequester(fixture, (tx) => getArtifact(tx, tenant, output));
  expect(value).toEqual({ limit: 500, note: 'x'.repeat(300), currency: 'EUR', double: 1000 });

  const step = await stepOf(fixture, run, 'policy');
  expect(readHandoff('policy', step.handoff, output, value)).toMatchObject({
    run,
    step: 'policy',
    attempt: 1,
    agent: null,
    idempotencyKey: step.memoKey,
    qualityScore: 1,
  });

  const sum = committed(await left({ run, node: 'left', inputs: { policy: output } }));
  expect(await asRequester(fixture, (tx) => getArtifact(tx, tenant, sum))).toEqual({ sum: 459 });
  expect(
    await evaluateConditions(deps, {
      run,
      node: 'is_it_large',
      inputs: { policy: output },
      conditions: [
        { index: 0, of: 'arm' },
        { index: 1, of: 'arm' },
      ],
    }),
  ).toEqual({ holds: { index: 1, of: 'arm' } });

  const { result } = await finishRun(deps, { run, outcome: 'completed', inputs: { policy: output, left: sum } });
  expect(await asRequester(fixture, (tx) => getArtifact(tx, tenant, result!))).toEqual({ left: 459, limit: 500 });
  const row = await asRequester(fixture, (tx) => tx.run.findUniqueOrThrow({ where: { id: run } }));
  expect(row).toMatchObject({ status: 'completed', resultDigest: result });
  expect(row.endedAt).toBeInstanceOf(Date);
  expect((await eventsOf(fixture, run)).at(-1)).toMatchObject({ type: 'run.ended', status: 'completed', result });
});

test('a committed step is never done again: same work, same record, nothing asked', async () => {
  const run = await startRun(fixture, graph, { amount: 1 });
  const first = await policy({ run, node: 'policy' });
  const second = await policy({ run, node: 'policy' });
  expect(second).toEqual(first);
  expect(policies.asked).toHaveLength(1);
  expect(await stepOf(fixture, run, 'policy')).toMatchObject({ attempt: 1, fence: 1 });
});

test('other inputs are other work: a new record beside the old one', async () => {
  const run = await startRun(fixture, graph, { amount: 1 });
  const output = committed(await policy({ run, node: 'policy' }));
  const step = { run, node: 'left', inputs: { policy: output } };
  const first = await left(step);
  policies.answer = (_, response) => json(response, 200, { limit: 600 });
  const otherRun = await startRun(fixture, graph, { amount: 1 });
  const other = committed(await policy({ run: otherRun, node: 'policy' }));
  // An output that this lineage never committed is not believed.
  expect(await left({ ...step, inputs: { policy: other } })).toMatchObject({ type: 'waymark.bug' });
  expect(await left(step)).not.toBeInstanceOf(ApplicationFailure);
  expect(await left(step)).toEqual(first);
});

test('a newer claim takes the fence: the older attempt records no turn, charges no try and commits nothing', async () => {
  const run = await startRun(fixture, graph, { amount: 1 });
  const older = await claimed(run);
  const newer = await claimed(run);
  expect([older.fence, newer.fence, newer.attempt]).toEqual([1, 2, 2]);
  const turn = {
    seq: 0,
    kind: 'model' as const,
    requestDigest: requestDigestOf(older, { ask: 1 }),
    response: { said: 'yes' },
    source: 'small',
    latencyMs: 12.4,
    tokensIn: 3,
    tokensOut: 4,
    costUsd: 0.5,
  };
  const speaker = { delegation: '', agents: ['clerk'] };
  const lost = { type: 'waymark.fence-lost', nonRetryable: false };
  await expect(recordTurn(deps, older, turn, speaker)).rejects.toMatchObject(lost);
  await expect(chargeTry(deps, older, { class: 'invalid-output', detail: '' })).rejects.toMatchObject(lost);
  await expect(commitStep(deps, older, { output: {}, usage: noUsage, quality: 1 })).rejects.toMatchObject(lost);
  expect(await turnsOf(deps, newer)).toEqual([]);

  await recordTurn(deps, newer, turn, speaker);
  expect(await turnsOf(deps, newer)).toEqual([{ ...turn, latencyMs: 12 }]);
  expect(await eventsOf(fixture, run, 'step.turn')).toMatchObject([
    { kind: 'model', turn: 0, tokensIn: 3, costUsd: 0.5 },
  ]);
  await commitStep(deps, newer, { output: { limit: 1 }, usage: noUsage, quality: 1 });
  expect(await stepOf(fixture, run, 'policy')).toMatchObject({ status: 'committed' });
});

test('tries are charged up to what the step says, and no further', async () => {
  const run = await startRun(fixture, graph, { amount: 1 });
  const claim = await claimed(run);
  expect(await chargeTry(deps, claim, { class: 'invalid-output', detail: 'first' })).toBe(true);
  expect(await chargeTry(deps, claim, { class: 'invalid-output', detail: 'second' })).toBe(false);
  expect(claim.charged).toBe(1);
  expect(await eventsOf(fixture, run, 'step.retrying')).toMatchObject([
    { class: 'invalid-output', charged: 1, times: 1 },
  ]);
});

test('a try is charged once for what it is charged for, also by a later attempt that replays it', async () => {
  const run = await startRun(fixture, graph, { amount: 1 });
  const invalid = { class: 'invalid-output' as const, detail: '' };
  const first = await claimed(run);
  expect(await chargeTry(deps, first, invalid, 'turn:0')).toBe(true);
  const second = await claimed(run);
  expect(await chargeTry(deps, second, invalid, 'turn:0')).toBe(true);
  expect(await stepOf(fixture, run, 'policy')).toMatchObject({ charged: 1 });
  expect(await chargeTry(deps, second, invalid, 'turn:1')).toBe(false);
  await expect(failStep(deps, second, { ...invalid, per: 'turn:1' })).rejects.toMatchObject({ nonRetryable: true });
  // Asked for again, the step has all its tries, and what it failed by before costs none of them.
  const third = await claimed(run);
  expect(await chargeTry(deps, third, invalid, 'turn:0')).toBe(true);
  expect(await chargeTry(deps, third, invalid, 'turn:1')).toBe(true);
  expect(await stepOf(fixture, run, 'policy')).toMatchObject({ charged: 0 });
  expect(await chargeTry(deps, third, invalid, 'turn:2')).toBe(true);
});

test.each([
  ['500', (response: import('node:http').ServerResponse) => json(response, 500, {}), 'transient'],
  ['a dropped connection', (response: import('node:http').ServerResponse) => void response.destroy(), 'transient'],
  ['no answer in time', () => undefined, 'timeout'],
  ['404', (response: import('node:http').ServerResponse) => json(response, 404, {}), 'tool-failed'],
  [
    'an answer that is not as declared',
    (response: import('node:http').ServerResponse) => json(response, 200, []),
    'tool-failed',
  ],
  [
    'an output that breaks a check',
    (response: import('node:http').ServerResponse) => json(response, 200, { limit: 0 }),
    'check-failed',
  ],
  [
    'an output of another type',
    (response: import('node:http').ServerResponse) => json(response, 200, { limit: 'no' }),
    'invalid-output',
  ],
])(
  'a read answered with %s fails its try and is tried again as often as the step says',
  async (_name, answer, type) => {
    policies.answer = (_, response) => answer(response);
    const run = await startRun(fixture, graph, { amount: 1 });
    expect(await policy({ run, node: 'policy' })).toMatchObject({
      type: `waymark.${type}`,
      nonRetryable: false,
      nextRetryDelay: 1000,
    });
    expect(await policy({ run, node: 'policy' })).toMatchObject({ type: `waymark.${type}`, nonRetryable: true });
    expect(await stepOf(fixture, run, 'policy')).toMatchObject({ status: 'failed', failureClass: type, charged: 2 });

    // Asked for again, a parked step starts with all its tries.
    policies.answer = (_, response) => json(response, 200, { limit: 500 });
    expect(await policy({ run, node: 'policy' })).toMatchObject({ status: 'committed' });
    expect(await stepOf(fixture, run, 'policy')).toMatchObject({ charged: 0, failureClass: null, attempt: 3 });
  },
);

test('a step of an inactive person is not allowed, and parks', async () => {
  const run = await startRun(fixture, graph, { amount: 1 });
  const { Client } = await import('pg');
  const owner = new Client({ connectionString: fixture.database.ownerUrl });
  await owner.connect();
  try {
    await owner.query(`UPDATE user_account SET active = false WHERE id = 'rita'`);
    expect(await policy({ run, node: 'policy' })).toMatchObject({ type: 'waymark.not-allowed', nonRetryable: true });
  } finally {
    await owner.query(`UPDATE user_account SET active = true WHERE id = 'rita'`);
    await owner.end();
  }
  expect(policies.asked).toEqual([]);
  expect(await stepOf(fixture, run, 'policy')).toMatchObject({ status: 'failed', failureClass: 'not-allowed' });
});

test('a step whose attempts die one after the other parks instead of dying for ever', async () => {
  const run = await startRun(fixture, graph, { amount: 1 });
  for (let crash = 0; crash < 10; crash += 1) await claimed(run);
  await expect(claimStep(deps, { run, node: 'policy' })).rejects.toMatchObject({
    type: 'waymark.bug',
    nonRetryable: true,
  });
});

test('what goes wrong unforeseen parks the step as a bug, and its words stay in the store', async () => {
  const run = await startRun(fixture, graph, { amount: 1 });
  const failure = await attemptOf((signal) =>
    attemptStep(deps, { run, node: 'policy' }, signal, () => Promise.reject(new TypeError('PLANTED'))),
  );
  expect(failure).toMatchObject({ type: 'waymark.bug', nonRetryable: true });
  expect(String((failure as Error).stack)).not.toContain('PLANTED');
  expect(await stepOf(fixture, run, 'policy')).toMatchObject({ failureDetail: 'TypeError: PLANTED' });
});

test('a run whose Result has no value is not closed, and says which row without quoting it', async () => {
  const run = await startRun(fixture, graph, { amount: 1 });
  await expect(finishRun(deps, { run, outcome: 'completed' })).rejects.toMatchObject({
    type: 'waymark.invalid-output',
    nonRetryable: true,
    message: 'The Result could not be made: row 1 has no value',
  });
  expect(await eventsOf(fixture, run, 'run.ended')).toEqual([]);
});

test('a rejected run ends with what there is of its Result', async () => {
  const run = await startRun(fixture, graph, { amount: 1 });
  const output = committed(await policy({ run, node: 'policy' }));
  const { result } = await finishRun(deps, { run, outcome: 'rejected', inputs: { policy: output } });
  expect(await asRequester(fixture, (tx) => getArtifact(tx, tenant, result!))).toEqual({ limit: 500 });
});

test('work of another model or tool is a new record, and the one that was under way can record nothing more', async () => {
  const run = await startRun(fixture, graph, { amount: 1 });
  const older = await claimed(run);
  const redeclared = dependencies(fixture, {
    configuration: {
      ...deps.configuration,
      tools: { 'policy.lookup': { ...deps.configuration.tools['policy.lookup'], description: 'Another' } },
    },
  });
  expect(await policy({ run, node: 'policy' }, redeclared)).toMatchObject({ status: 'committed' });
  expect(await stepOf(fixture, run, 'policy')).toMatchObject({ generation: 1, status: 'committed' });
  await expect(commitStep(deps, older, { output: {}, usage: noUsage, quality: 1 })).rejects.toMatchObject({
    type: 'waymark.fence-lost',
  });
});

test('a run that is cancelled leaves no gate open and no step under way', async () => {
  const asking = graphOf({
    id: 'asking',
    nodes: [
      { kind: 'set', id: 'one', title: 'One', values: [{ name: 'a', expr: '1' }], checks: [] },
      {
        kind: 'approve',
        id: 'ask',
        title: 'Ask',
        approvers: { need: 'any', of: [{ role: 'manager' }] },
        notBy: [],
        show: [],
        actions: [{ name: 'approve', effect: 'continue' }],
        instruction: '',
      },
    ],
  });
  const run = await startRun(fixture, asking);
  const { gate } = await openGate(deps, { run, node: 'ask' });
  const under = await claimed(run, 'one');
  expect(await finishRun(deps, { run, outcome: 'cancelled' })).toEqual({});
  expect(await eventsOf(fixture, run, 'gate.lapsed')).toMatchObject([{ node: 'ask', gate }]);
  await expect(commitStep(deps, under, { output: {}, usage: noUsage, quality: 1 })).rejects.toMatchObject({
    type: 'waymark.fence-lost',
  });
  await expect(claimStep(deps, { run, node: 'one' })).rejects.toMatchObject({ type: 'waymark.cancelled' });
});

test('a practice tool is asked of the practice server with the run, the step and the pass', async () => {
  const practice = JSON.stringify({
    tools: { 'desk.note': { effect: 'write', idempotencyKey: true, lookup: true } },
    steps: { note: [{ tool: { ok: true } }] },
  });
  const noting = graphOf({
    id: 'noting',
    nodes: [
      {
        kind: 'tool',
        id: 'note',
        title: 'Note',
        tool: 'desk.note',
        with: [{ name: 'text', expr: "'hi'" }],
        gives: record({ ok: 'anything' }),
        checks: [],
        retry: retry(0),
        timeoutMs: 500,
      },
    ],
  });
  policies.answer = (_, response) => json(response, 200, { ok: true });
  const run = await startRun(fixture, noting, {}, { practice });
  const practising = dependencies(fixture, { practiceUrl: policies.url });
  expect(await policy({ run, node: 'note' }, practising)).toMatchObject({ status: 'committed' });
  expect(policies.asked).toMatchObject([
    {
      method: 'POST',
      path: '/tools/desk.note',
      body: { text: 'hi' },
      headers: { 'x-waymark-run': run, 'x-waymark-step': 'note', 'x-waymark-pass': '1' },
    },
  ]);
  expect(policies.asked[0]!.headers['idempotency-key']).toMatch(/^[0-9a-f]{64}$/);
  // Loops run it again, in each item on its own.
  for (const path of ['again~2', 'note>note~2', 'all[a]', 'all[b]', 'all[b]/again~2', 'again~2']) {
    expect(await policy({ run, node: 'note', path }, practising)).toMatchObject({ status: 'committed' });
  }
  expect(policies.asked.map(({ headers }) => headers['x-waymark-pass'])).toEqual(['1', '2', '3', '1', '1', '2']);
  // Without a practice server nobody answers, and nothing is pretended.
  const bare = await startRun(fixture, noting, {}, { practice });
  expect(await policy({ run: bare, node: 'note' }, deps)).toMatchObject({ type: 'waymark.not-allowed' });
});
