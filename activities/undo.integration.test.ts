import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Json } from '../compiler/types.ts';
import type { StepOutcome } from './contract.ts';
import type { Dependencies } from './dependencies.ts';
import { runToolStep } from './run-tool-step.ts';
import { finishRun } from './runs.ts';
import { attemptOf } from './testing/attempt.ts';
import type { Fixture } from './testing/run-fixture.ts';
import {
  dependencies,
  effectsOf,
  eventsOf,
  graphOf,
  openFixture,
  requester,
  retry,
  startRun,
  tenant,
} from './testing/run-fixture.ts';
import type { ToolServer } from './testing/tool-server.ts';
import { json, startToolServer } from './testing/tool-server.ts';
import { listUndo, undoWrite } from './undo.ts';

let fixture: Fixture;
let bank: ToolServer;
let deps: Dependencies;
beforeAll(async () => {
  fixture = await openFixture();
});
afterAll(() => fixture.close());
beforeEach(async () => {
  bank = await startToolServer();
  bank.answer = ({ path, body }, response) =>
    json(response, 200, path === '/pay' ? { transfer: `t-${(body as { amount: number }).amount}` } : {});
  const tool = (path: string, input: Json) => ({
    effect: 'write',
    description: path,
    http: { method: 'POST', url: `${bank.url}/${path}` },
    input,
    output: {},
  });
  const reversal = {
    type: 'object',
    required: ['transfer'],
    properties: { transfer: { type: 'string' }, to: { type: 'string' } },
    additionalProperties: false,
  };
  deps = dependencies(fixture, {
    configuration: {
      allowedHosts: ['127.0.0.1'],
      tools: {
        'bank.pay': tool('pay', { type: 'object' }),
        'bank.reverse': tool('reverse', reversal),
        'bank.forget': tool('forget', { type: 'object' }),
        'bank.sign': tool('sign', { type: 'object', required: ['signature'], properties: { signature: {} } }),
      },
    },
  });
});
afterEach(() => bank.close());

const payment = (id: string, amount: string, undo?: string) => ({
  kind: 'tool' as const,
  id,
  title: id,
  tool: 'bank.pay',
  with: [
    { name: 'to', expr: 'input.to' },
    { name: 'amount', expr: amount },
  ],
  gives: { kind: 'anything' as const },
  checks: [],
  retry: retry(0),
  timeoutMs: 300,
  ...(undo === undefined ? {} : { undo }),
});

async function paidTwice(undo: string): Promise<string> {
  const nodes = [payment('first', '1', undo), payment('second', '2', undo), payment('kept', '3')];
  const run = await startRun(fixture, graphOf({ inputs: [{ name: 'to', type: { kind: 'text' } }], nodes }), {
    to: 'Ada',
  });
  for (const { id } of nodes) {
    await attemptOf<StepOutcome>((signal) => runToolStep(deps, { run, node: id }, signal));
  }
  bank.asked.length = 0;
  return run;
}

test('the writes that say how are taken back, the latest first, with what their tool takes of answer and arguments', async () => {
  const run = await paidTwice('bank.reverse');
  const { effects } = await listUndo(deps, { run, from: 0 });
  expect(effects.map(({ node }) => node)).toEqual(['second', 'first']);
  expect(await listUndo(deps, { run, from: 2 })).toEqual({ effects: [] });
  for (const { effect } of effects) {
    expect(await undoWrite(deps, { run, effect })).toEqual({ undone: true });
    expect(await undoWrite(deps, { run, effect })).toEqual({ undone: true });
  }
  expect(bank.asked.map(({ path, body }) => [path, body])).toEqual([
    ['/reverse', { transfer: 't-2', to: 'Ada' }],
    ['/reverse', { transfer: 't-1', to: 'Ada' }],
  ]);
  expect((await listUndo(deps, { run, from: 0 })).effects.length).toBe(2);
  await finishRun(deps, { run, outcome: 'cancelled' });
  const ended = (await eventsOf(fixture, run, 'run.ended'))[0];
  expect(ended).toMatchObject({ status: 'cancelled', effectsInAll: 5 });
});

test('a tool that names nothing is given all of both, and of what both have the answer', async () => {
  bank.answer = (_, response) => json(response, 200, { transfer: 't', amount: 9 });
  const run = await paidTwice('bank.forget');
  const [{ effect = '' } = {}] = (await listUndo(deps, { run, from: 0 })).effects;
  expect(await undoWrite(deps, { run, effect })).toEqual({ undone: true });
  expect(bank.asked.map(({ path, body }) => [path, body])).toEqual([
    ['/forget', { transfer: 't', amount: 9, to: 'Ada' }],
  ]);
});

test('a tool that requires what neither has is not called, and the log says so', async () => {
  const run = await paidTwice('bank.sign');
  const [{ effect = '' } = {}] = (await listUndo(deps, { run, from: 0 })).effects;
  expect(await undoWrite(deps, { run, effect })).toEqual({ undone: false });
  expect(bank.asked).toEqual([]);
  expect(await eventsOf(fixture, run, 'effect.undo-failed')).toMatchObject([{ effect, class: 'tool-failed' }]);
});

test('a write that was taken back is made again, under another key, by whoever goes on', async () => {
  const run = await paidTwice('bank.reverse');
  const [{ effect = '' } = {}] = (await listUndo(deps, { run, from: 0 })).effects;
  await undoWrite(deps, { run, effect });
  bank.asked.length = 0;
  for (const node of ['first', 'second']) {
    await attemptOf<StepOutcome>((signal) => runToolStep(deps, { run, node }, signal));
  }
  expect(bank.asked.map(({ body }) => body)).toEqual([{ to: 'Ada', amount: 2 }]);
  const again = (await effectsOf(fixture, run)).filter(({ node, tool }) => node === 'second' && tool === 'bank.pay');
  expect(again.map(({ status }) => status)).toEqual(['succeeded', 'succeeded']);
});

test('a run that another goes on with takes nothing back', async () => {
  const run = await paidTwice('bank.reverse');
  const next = await startRun(fixture, graphOf({ nodes: [payment('first', '1')] }), {});
  await fixture.api.actAs(requester, (tx) =>
    tx.run.update({ where: { tenantId_id: { tenantId: tenant, id: run } }, data: { resumedBy: next } }),
  );
  expect(await listUndo(deps, { run, from: 0 })).toEqual({ effects: [] });
});

test('what cannot be taken back is noted, and is no failure', async () => {
  const run = await paidTwice('bank.gone');
  const [{ effect = '' } = {}] = (await listUndo(deps, { run, from: 0 })).effects;
  expect(await undoWrite(deps, { run, effect })).toEqual({ undone: false });
  expect(await eventsOf(fixture, run, 'effect.undo-failed')).toEqual([
    { type: 'effect.undo-failed', node: 'second', effect, class: 'not-allowed' },
  ]);
});

test('a reversal of which nobody knows whether it happened is not sent again', async () => {
  const run = await paidTwice('bank.reverse');
  const [{ effect = '' } = {}] = (await listUndo(deps, { run, from: 0 })).effects;
  bank.answer = (_, response) => response.destroy();
  expect(await undoWrite(deps, { run, effect })).toEqual({ undone: false });
  expect(bank.asked.length).toBe(1);
  expect((await effectsOf(fixture, run)).at(-1)).toMatchObject({ tool: 'bank.reverse', status: 'unknown' });
});
