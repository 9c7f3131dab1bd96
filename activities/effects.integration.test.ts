import { ApplicationFailure } from '@temporalio/common';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Json } from '../compiler/types.ts';
import { claimStep } from './claim.ts';
import type { StepInput, StepOutcome } from './contract.ts';
import type { Dependencies } from './dependencies.ts';
import { performEffect } from './effects.ts';
import { runToolStep } from './run-tool-step.ts';
import { attemptOf } from './testing/attempt.ts';
import type { Fixture } from './testing/run-fixture.ts';
import {
  dependencies,
  effectsOf,
  eventsOf,
  graphOf,
  openFixture,
  record,
  requester,
  retry,
  startRun,
  stepOf,
  tenant,
} from './testing/run-fixture.ts';
import type { ToolServer } from './testing/tool-server.ts';
import { json, startToolServer } from './testing/tool-server.ts';
import { toolFor } from './tools/call-tool.ts';

let fixture: Fixture;
let payments: ToolServer;

beforeAll(async () => {
  fixture = await openFixture();
});
afterAll(() => fixture.close());
beforeEach(async () => {
  payments = await startToolServer();
  payments.answer = (_, response) => json(response, 200, { transfer: 't-1' });
  fixture.lines.length = 0;
});
afterEach(() => payments.close());

const pay = (more: { timeoutMs?: number; times?: number; to?: string; ifItFails?: 'skip' } = {}) =>
  graphOf({
    inputs: [
      { name: 'claimant', type: { kind: 'text' } },
      { name: 'amount', type: { kind: 'number' } },
    ],
    nodes: [
      {
        kind: 'tool',
        id: 'pay',
        title: 'Pay',
        tool: 'payments.transfer',
        with: [
          { name: 'to', expr: more.to ?? 'input.claimant' },
          { name: 'amount', expr: 'input.amount' },
        ],
        gives: record({ transfer: 'text' }),
        checks: [],
        retry: retry(more.times ?? 2),
        timeoutMs: more.timeoutMs ?? 300,
        ...(more.ifItFails && { ifItFails: more.ifItFails }),
      },
    ],
  });

const input = { claimant: 'Ada', amount: 12 };

interface Declared {
  idempotency?: Json;
  lookup?: { authoritative: boolean };
}

function withPayments(declared: Declared, breakers = {}): Dependencies {
  return dependencies(fixture, {
    breakers,
    values: { BANK: payments.url, BANK_TOKEN: 'secret-token' },
    configuration: {
      allowedHosts: ['127.0.0.1'],
      tools: {
        'payments.transfer': {
          effect: 'write',
          description: 'Pays a person',
          http: {
            method: 'POST',
            url: '${BANK}/transfers',
            headers: { authorization: 'Bearer ${BANK_TOKEN}' },
          },
          input: {
            type: 'object',
            required: ['to', 'amount'],
            properties: { to: { type: 'string' }, amount: { type: 'number' } },
          },
          output: { type: 'object', required: ['transfer'], properties: { transfer: { type: 'string' } } },
          ...(declared.idempotency ? { idempotency: declared.idempotency } : {}),
          ...(declared.lookup
            ? {
                lookup: {
                  http: { url: '${BANK}/transfers/{key}' },
                  authoritative: declared.lookup.authoritative,
                },
              }
            : {}),
        },
      },
    },
  });
}

const keys = { keptFor: '24 hours' };

const attempt = (deps: Dependencies, step: StepInput) => attemptOf((signal) => runToolStep(deps, step, signal));

/** Attempts as Temporal makes them, with the delays it is told, until the step ends. */
async function untilItEnds(deps: Dependencies, step: StepInput): Promise<StepOutcome | ApplicationFailure> {
  for (;;) {
    const outcome = await attempt(deps, step);
    if (!(outcome instanceof ApplicationFailure) || outcome.nonRetryable) return outcome;
    await new Promise((resolve) => setTimeout(resolve, Number(outcome.nextRetryDelay ?? 0)));
  }
}

const posts = () => payments.asked.filter(({ method }) => method === 'POST');

/** An attempt that dies between intent and outcome: the intent is committed, and perhaps the request arrived. */
async function dieAfterIntent(deps: Dependencies, run: string, arrived: boolean): Promise<void> {
  const claimed = await claimStep(deps, { run, node: 'pay' });
  if (!('claimed' in claimed)) throw new Error('expected a claim');
  const tool = toolFor(deps, claimed.claimed, 'payments.transfer')!;
  const before = payments.answer;
  payments.answer = () => undefined;
  // The process that waits for the answer is never heard of again: its outcome is not recorded.
  const silent: Dependencies = {
    ...deps,
    store: {
      ...deps.store,
      actAs: (actor, work, options) =>
        payments.asked.length > asked ? new Promise(() => undefined) : deps.store.actAs(actor, work, options),
    },
  };
  const asked = payments.asked.length;
  const effect = {
    tool,
    slot: 'call',
    args: { to: 'Ada', amount: 12 },
    gateCheck: async () => ({ stands: true as const }),
  };
  void performEffect(silent, claimed.claimed, effect).catch(() => undefined);
  await expect.poll(() => payments.asked.length).toBe(asked + 1);
  if (!arrived) payments.asked.pop();
  payments.answer = before;
}

test('a write is sent once with its key and the secrets of the surroundings, and a second attempt gets the recorded outcome', async () => {
  const deps = withPayments({ idempotency: keys });
  const run = await startRun(fixture, pay(), input);
  const first = await attempt(deps, { run, node: 'pay' });
  const second = await attempt(deps, { run, node: 'pay' });

  expect(first).toMatchObject({ status: 'committed' });
  expect(second).toEqual(first);
  expect(posts()).toHaveLength(1);
  const [effect] = await effectsOf(fixture, run);
  expect(posts()[0]).toMatchObject({
    path: '/transfers',
    body: { to: 'Ada', amount: 12 },
    headers: { authorization: 'Bearer secret-token', 'idempotency-key': effect!.effectKey },
  });
  expect(effect).toMatchObject({ status: 'succeeded', sends: 1, tool: 'payments.transfer' });
  expect((await eventsOf(fixture, run)).map(({ type }) => type)).toEqual([
    'step.started',
    'effect.intended',
    'effect.settled',
    'step.validated',
    'step.committed',
  ]);
});

test('after a death between intent and outcome nobody sends before the deadline; then it is sent under the same key', async () => {
  const deps = withPayments({ idempotency: keys });
  const run = await startRun(fixture, pay(), input);
  await dieAfterIntent(deps, run, true);

  const waiting = await attempt(deps, { run, node: 'pay' });
  expect(waiting).toMatchObject({ type: 'waymark.transient', nonRetryable: false });
  expect(Number((waiting as ApplicationFailure).nextRetryDelay)).toBeGreaterThan(1000);
  expect(posts()).toHaveLength(1);

  expect(await untilItEnds(deps, { run, node: 'pay' })).toMatchObject({ status: 'committed' });
  expect(posts()).toHaveLength(2);
  expect(posts()[1]!.headers['idempotency-key']).toBe(posts()[0]!.headers['idempotency-key']);
  expect(await effectsOf(fixture, run)).toMatchObject([{ status: 'succeeded', sends: 2 }]);
  // Waiting for the deadline costs no try.
  expect(await stepOf(fixture, run, 'pay')).toMatchObject({ charged: 0, status: 'committed' });
});

test('past the lifetime of its key, and without a lookup, a write of unknown outcome parks', async () => {
  const deps = withPayments({ idempotency: { keptFor: '3 seconds' } });
  const run = await startRun(fixture, pay(), input);
  await dieAfterIntent(deps, run, true);
  expect(await untilItEnds(deps, { run, node: 'pay' })).toMatchObject({
    type: 'waymark.outcome-unknown',
    nonRetryable: true,
  });
  expect(posts()).toHaveLength(1);
});

test.each([
  ['', {}],
  [', also where the document foresees that it fails', { ifItFails: 'skip' as const }],
])(
  'a write without key or lookup parks at once when its connection breaks, and the run needs attention%s',
  async (_, foreseen) => {
    const deps = withPayments({});
    payments.answer = (_, response) => response.destroy();
    const run = await startRun(fixture, pay(foreseen), input);
    expect(await attempt(deps, { run, node: 'pay' })).toMatchObject({
      type: 'waymark.outcome-unknown',
      nonRetryable: true,
    });
    expect(posts()).toHaveLength(1);
    expect(await stepOf(fixture, run, 'pay')).toMatchObject({ status: 'failed', failureClass: 'outcome-unknown' });
    expect((await eventsOf(fixture, run)).slice(-2)).toMatchObject([
      { type: 'step.failed', node: 'pay', class: 'outcome-unknown' },
      { type: 'run.status', status: 'needs-attention' },
    ]);
  },
);

test('a lookup that finds the effect gives its outcome, and nothing is sent again', async () => {
  const deps = withPayments({ lookup: { authoritative: true } });
  payments.answer = ({ method }, response) => {
    if (method === 'POST') response.destroy();
    else json(response, 200, { transfer: 't-found' });
  };
  const run = await startRun(fixture, pay(), input);
  expect(await untilItEnds(deps, { run, node: 'pay' })).toMatchObject({ status: 'committed' });
  expect(posts()).toHaveLength(1);
  const [effect] = await effectsOf(fixture, run);
  expect(payments.asked.at(-1)).toMatchObject({ method: 'GET', path: `/transfers/${effect!.effectKey}` });
  expect(effect).toMatchObject({ status: 'succeeded', sends: 1 });
});

test('an authoritative lookup that finds nothing lets the write be sent again', async () => {
  const deps = withPayments({ lookup: { authoritative: true } });
  payments.answer = ({ method }, response) => {
    if (method === 'GET') json(response, 404, {});
    else if (posts().length === 1) response.destroy();
    else json(response, 200, { transfer: 't-2' });
  };
  const run = await startRun(fixture, pay(), input);
  expect(await untilItEnds(deps, { run, node: 'pay' })).toMatchObject({ status: 'committed' });
  expect(posts()).toHaveLength(2);
  expect(await effectsOf(fixture, run)).toMatchObject([{ status: 'succeeded', sends: 2 }]);
});

test('a lookup without authority that finds nothing parks the step', async () => {
  const deps = withPayments({ lookup: { authoritative: false } });
  payments.answer = ({ method }, response) => {
    if (method === 'GET') json(response, 404, {});
    else response.destroy();
  };
  const run = await startRun(fixture, pay(), input);
  expect(await untilItEnds(deps, { run, node: 'pay' })).toMatchObject({ type: 'waymark.outcome-unknown' });
  expect(posts()).toHaveLength(1);
});

test('what a second request is refused with says nothing of the first: without a lookup the step parks', async () => {
  const deps = withPayments({ idempotency: keys });
  payments.answer = (_, response) => (posts().length === 1 ? response.destroy() : json(response, 401, {}));
  const run = await startRun(fixture, pay(), input);
  expect(await untilItEnds(deps, { run, node: 'pay' })).toMatchObject({ type: 'waymark.outcome-unknown' });
  expect(await effectsOf(fixture, run)).toMatchObject([{ status: 'unknown', sends: 2 }]);
});

test('a definite refusal is retried as often as the step says and parks as tool-failed', async () => {
  const deps = withPayments({ idempotency: keys });
  payments.answer = (_, response) => json(response, 422, { error: 'no such account PLANTED-ANSWER' });
  const run = await startRun(fixture, pay({ times: 1 }), input);
  const first = await attempt(deps, { run, node: 'pay' });
  expect(first).toMatchObject({ type: 'waymark.tool-failed', nonRetryable: false, nextRetryDelay: 1000 });
  const second = await attempt(deps, { run, node: 'pay' });
  expect(second).toMatchObject({ type: 'waymark.tool-failed', nonRetryable: true });
  expect(posts()).toHaveLength(2);
  const step = await stepOf(fixture, run, 'pay');
  expect(step).toMatchObject({ status: 'failed', charged: 2, failureClass: 'tool-failed' });
  expect(step.failureDetail).toContain('PLANTED-ANSWER');
});

test('429 waits as long as it is told, charges nothing, and the write is then sent', async () => {
  const deps = withPayments({});
  payments.answer = (_, response) =>
    posts().length === 1 ? json(response, 429, {}, { 'retry-after': '7' }) : json(response, 200, { transfer: 't-1' });
  const run = await startRun(fixture, pay({ times: 0 }), input);
  expect(await attempt(deps, { run, node: 'pay' })).toMatchObject({
    type: 'waymark.throttled',
    nonRetryable: false,
    nextRetryDelay: 7000,
  });
  expect(await eventsOf(fixture, run, 'step.retrying')).toMatchObject([
    { class: 'throttled', charged: 0, delayMs: 7000 },
  ]);
  expect(await attempt(deps, { run, node: 'pay' })).toMatchObject({ status: 'committed' });
  expect(await stepOf(fixture, run, 'pay')).toMatchObject({ charged: 0, attempt: 2 });
});

test('a connection that is refused sent nothing, so even a write without a key is tried again', async () => {
  const deps = withPayments({});
  const run = await startRun(fixture, pay(), input);
  await payments.close();
  expect(await attempt(deps, { run, node: 'pay' })).toMatchObject({ type: 'waymark.transient', nonRetryable: false });
  expect(await effectsOf(fixture, run)).toMatchObject([{ status: 'failed', sends: 1 }]);
});

test('an open breaker calls nothing, leaves no intent and charges nothing', async () => {
  const deps = withPayments({ idempotency: keys }, { failures: 1, openForMs: 60_000 });
  payments.answer = (_, response) => json(response, 503, {});
  const other = await startRun(fixture, pay(), input);
  await attempt(deps, { run: other, node: 'pay' });
  const run = await startRun(fixture, pay({ times: 0 }), input);
  const failure = await attempt(deps, { run, node: 'pay' });
  expect(failure).toMatchObject({ type: 'waymark.breaker-open', nonRetryable: false });
  expect(Number((failure as ApplicationFailure).nextRetryDelay)).toBeGreaterThan(50_000);
  expect(posts()).toHaveLength(1);
  expect(await effectsOf(fixture, run)).toEqual([]);
  expect(await stepOf(fixture, run, 'pay')).toMatchObject({ charged: 0, status: 'running' });
});

test('the same slot with another request parks as effect-conflict, and nothing is sent', async () => {
  const deps = withPayments({ idempotency: keys });
  const run = await startRun(fixture, pay(), input);
  const claimed = await claimStep(deps, { run, node: 'pay' });
  if (!('claimed' in claimed)) throw new Error('expected a claim');
  const tool = toolFor(deps, claimed.claimed, 'payments.transfer')!;
  const effect = { tool, slot: 'call', gateCheck: async () => ({ stands: true as const }) };
  await performEffect(deps, claimed.claimed, { ...effect, args: { to: 'Ada', amount: 11 } });
  expect(await attempt(deps, { run, node: 'pay' })).toMatchObject({
    type: 'waymark.effect-conflict',
    nonRetryable: true,
  });
  expect(posts()).toHaveLength(1);
});

test('an attempt that lost its fence sends nothing new, but records the outcome of what it sent', async () => {
  const deps = withPayments({ idempotency: keys });
  const run = await startRun(fixture, pay({ timeoutMs: 5000 }), input);
  let release: () => void = () => undefined;
  payments.answer = (_, response) => {
    release = () => json(response, 200, { transfer: 't-slow' });
  };
  const slow = attempt(deps, { run, node: 'pay' });
  await expect.poll(() => posts().length).toBe(1);
  // A newer attempt takes over while the request is under way.
  expect(await attempt(deps, { run, node: 'pay' })).toMatchObject({ type: 'waymark.transient' });
  release();
  expect(await slow).toMatchObject({ type: 'waymark.fence-lost', nonRetryable: false });
  expect(await effectsOf(fixture, run)).toMatchObject([{ status: 'succeeded', sends: 1 }]);
  expect(await attempt(deps, { run, node: 'pay' })).toMatchObject({ status: 'committed' });
  expect(posts()).toHaveLength(1);
});

test('after an order to cancel, nothing that was not sent is sent', async () => {
  const deps = withPayments({ idempotency: keys });
  const run = await startRun(fixture, pay(), input);
  await fixture.api.actAs(requester, (tx) =>
    tx.command.create({
      data: {
        tenantId: tenant,
        id: 'c-1',
        runId: run,
        kind: 'cancel',
        userId: 'rita',
        comment: '',
        createdAt: new Date(),
      },
    }),
  );
  await attempt(deps, { run, node: 'pay' });
  expect(posts()).toHaveLength(0);
  expect(await effectsOf(fixture, run)).toEqual([]);
});

test('no content of inputs, arguments or answers is in the log, in the run log, or in what Temporal is told', async () => {
  const deps = withPayments({});
  const run = await startRun(fixture, pay({ times: 0 }), { claimant: 'PLANTED-PERSON', amount: 424242 });
  payments.answer = (_, response) => json(response, 422, { error: 'PLANTED-ANSWER' });
  const failure = await attempt(deps, { run, node: 'pay' });
  payments.answer = (_, response) => json(response, 200, { transfer: 'PLANTED-TRANSFER' });
  const outcome = await attempt(deps, { run, node: 'pay' });
  expect(outcome).toMatchObject({ status: 'committed' });

  const told = JSON.stringify([
    String(failure),
    (failure as ApplicationFailure).details,
    (failure as Error).stack,
    outcome,
  ]);
  const log = fixture.lines.join('\n');
  const events = JSON.stringify(await eventsOf(fixture, run));
  for (const planted of ['PLANTED', '424242', 'secret-token']) {
    expect(told).not.toContain(planted);
    expect(log).not.toContain(planted);
    expect(events).not.toContain(planted);
  }
  expect(fixture.lines.map((line) => Object.keys(JSON.parse(line) as object).filter((key) => key !== 'class'))).toEqual(
    fixture.lines.map(() => [
      'at',
      'level',
      'event',
      'workflowRunId',
      'stepId',
      'attempt',
      'agent',
      'latencyMs',
      'tokens',
      'cost',
      'status',
      'traceId',
    ]),
  );
  expect(fixture.lines.map((line) => JSON.parse(line) as { event: string; class?: string })).toMatchObject([
    { event: 'step.started', workflowRunId: run, stepId: 'pay', attempt: 1, status: 'running', traceId: 'trace-1' },
    { event: 'step.failed', class: 'tool-failed', status: 'failed' },
    { event: 'step.started', attempt: 2 },
    { event: 'step.committed', status: 'committed', tokens: 0, cost: 0 },
  ]);
});

test('a host that the configuration does not allow is never called', async () => {
  const deps = withPayments({});
  deps.configuration.allowedHosts = ['bank.example'];
  const run = await startRun(fixture, pay(), input);
  expect(await attempt(deps, { run, node: 'pay' })).toMatchObject({ type: 'waymark.not-allowed', nonRetryable: true });
  expect(posts()).toHaveLength(0);
  expect(await effectsOf(fixture, run)).toEqual([]);
});
