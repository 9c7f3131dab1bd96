import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Graph } from '../compiler/graph.ts';
import type { Json } from '../compiler/types.ts';
import { getArtifact, putArtifact } from '../prisma/artifacts.ts';
import type { CommandBody, CommandKind } from '../prisma/commands.ts';
import { giveCommand } from '../prisma/commands.ts';
import type { StepInput, StepOutcome } from './contract.ts';
import type { Dependencies } from './dependencies.ts';
import { runSetStep } from './run-set-step.ts';
import { runToolStep } from './run-tool-step.ts';
import { flushLog, hear } from './runs.ts';
import { supplyOutput } from './supply-output.ts';
import { attemptOf } from './testing/attempt.ts';
import type { Fixture } from './testing/run-fixture.ts';
import {
  asRequester,
  decide,
  dependencies,
  effectsOf,
  eventsOf,
  graphOf,
  manager,
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
let shop: ToolServer;
let deps: Dependencies;
beforeAll(async () => {
  fixture = await openFixture();
});
afterAll(() => fixture.close());
beforeEach(async () => {
  shop = await startToolServer();
  const tool = (effect: string, path: string, output: Json = {}) => ({
    effect,
    description: path,
    http: { method: 'POST', url: `${shop.url}/${path}` },
    input: { type: 'object' },
    output,
  });
  deps = dependencies(fixture, {
    configuration: {
      allowedHosts: ['127.0.0.1'],
      tools: {
        'shop.price': tool('read', 'price'),
        'shop.pay': tool('write', 'pay', { type: 'object', required: ['paid'] }),
      },
    },
  });
});
afterEach(() => shop.close());

type ToolNode = Extract<Graph['nodes'][number], { kind: 'tool' }>;
const toolNode = (id: string, tool: string, more: Partial<ToolNode> = {}): ToolNode => ({
  kind: 'tool',
  id,
  title: id,
  tool,
  with: [{ name: 'amount', expr: 'input.amount' }],
  gives: { kind: 'anything' },
  checks: [],
  retry: retry(0),
  timeoutMs: 300,
  ...more,
});
const inputs: Graph['inputs'] = [{ name: 'amount', type: { kind: 'number' } }];
const price = (more: Partial<ToolNode> = {}): Graph =>
  graphOf({
    inputs,
    nodes: [
      toolNode('price', 'shop.price', {
        gives: record({ amount: 'number' }),
        checks: [{ expr: 'output.amount <= input.amount' }],
        ...more,
      }),
    ],
  });
const pay = graphOf({ inputs, nodes: [toolNode('pay', 'shop.pay', { gives: record({ paid: 'number' }) })] });

async function order(
  run: string,
  kind: CommandKind,
  node: string,
  body: CommandBody & { given?: { [name: string]: Json }; outputGiven?: Json } = {},
): Promise<string> {
  const { given = {}, outputGiven, ...rest } = body;
  return fixture.api.actAs(manager, async (tx) => {
    const digests: [string, string][] = [];
    for (const [name, value] of Object.entries(given)) digests.push([name, await putArtifact(tx, tenant, value)]);
    const full: CommandBody = { ...rest };
    if (digests.length > 0) full.inputs = Object.fromEntries(digests);
    if (outputGiven !== undefined) full.output = await putArtifact(tx, tenant, outputGiven);
    const now = new Date();
    return giveCommand(tx, { tenant, run, kind, user: manager.user, comment: 'since', node, body: full, now });
  });
}

const tool = (input: StepInput) => attemptOf<StepOutcome>((signal) => runToolStep(deps, input, signal));
const supply = (input: StepInput) => attemptOf<StepOutcome>((signal) => supplyOutput(deps, input, signal));
const failed = (failureClass: string) => ({ type: `waymark.${failureClass}`, nonRetryable: true });
const outputOf = (outcome: unknown): Promise<Json> =>
  asRequester(fixture, (tx) => getArtifact(tx, tenant, (outcome as { output: string }).output));
const commandRow = (id: string) =>
  asRequester(fixture, (tx) =>
    tx.command.findFirstOrThrow({ where: { id }, select: { heardAt: true, applied: true } }),
  );

describe('a step that is done again', () => {
  test('goes on with its row and all its tries; asked afresh it is a new one', async () => {
    const run = await startRun(fixture, price(), { amount: 5 });
    shop.answer = (_, response) => json(response, 200, { amount: 9 });
    expect(await tool({ run, node: 'price' })).toMatchObject(failed('check-failed'));
    const again = await order(run, 'retry', 'price');
    expect(await tool({ run, node: 'price', order: again })).toMatchObject(failed('check-failed'));
    expect(await stepOf(fixture, run, 'price')).toMatchObject({ generation: 0, attempt: 2, charged: 1 });
    const fresh = await order(run, 'retry', 'price', { generation: 1 });
    shop.answer = (_, response) => json(response, 200, { amount: 4 });
    const done = await tool({ run, node: 'price', order: fresh });
    expect(await outputOf(done)).toEqual({ amount: 4 });
    expect(await stepOf(fixture, run, 'price')).toMatchObject({ generation: 1, attempt: 1 });
    // The activity that is retried after it has committed gives what it gave.
    expect(await tool({ run, node: 'price', order: fresh })).toEqual(done);
  });

  test('with an edited input is given that, and its record names it', async () => {
    const run = await startRun(fixture, price(), { amount: 5 });
    shop.answer = (_, response) => json(response, 200, { amount: 9 });
    expect(await tool({ run, node: 'price' })).toMatchObject(failed('check-failed'));
    const edited = await order(run, 'retry', 'price', { given: { input: { amount: 10 } } });
    expect(await outputOf(await tool({ run, node: 'price', order: edited }))).toEqual({ amount: 9 });
    expect(shop.asked.map(({ body }) => body)).toEqual([{ amount: 5 }, { amount: 10 }]);
    const { handoff } = await stepOf(fixture, run, 'price');
    const { inputDigests } = JSON.parse(handoff ?? '') as { inputDigests: Record<string, string> };
    expect(await outputOf({ output: inputDigests.input })).toEqual({ amount: 10 });
  });

  test('an output of another step is edited without having been committed by it', async () => {
    const graph = graphOf({
      inputs,
      nodes: [
        toolNode('price', 'shop.price'),
        { kind: 'set', id: 'half', title: 'half', values: [{ name: 'it', expr: 'price.amount / 2' }], checks: [] },
      ],
    });
    const run = await startRun(fixture, graph, { amount: 5 });
    shop.answer = (_, response) => json(response, 200, { cost: 8 });
    const { output } = (await tool({ run, node: 'price' })) as { output: string };
    const half = (input: StepInput) => attemptOf<StepOutcome>((signal) => runSetStep(deps, input, signal));
    expect(await half({ run, node: 'half', inputs: { price: output } })).toMatchObject({ nonRetryable: true });
    const edited = await order(run, 'retry', 'half', { given: { price: { amount: 8 } } });
    const done = await half({ run, node: 'half', inputs: { price: output }, order: edited });
    expect(await outputOf(done)).toEqual({ it: 4 });
  });

  test('by another name keeps what was edited before, until that is edited again', async () => {
    const graph = graphOf({
      inputs,
      nodes: [
        toolNode('price', 'shop.price'),
        {
          kind: 'set',
          id: 'sum',
          title: 'sum',
          values: [{ name: 'it', expr: 'price.amount + input.amount' }],
          checks: [{ expr: 'output.it > 100' }],
        },
      ],
    });
    const run = await startRun(fixture, graph, { amount: 5 });
    shop.answer = (_, response) => json(response, 200, { amount: 8 });
    const { output } = (await tool({ run, node: 'price' })) as { output: string };
    const sum = async (given: { [name: string]: Json }): Promise<unknown> => {
      const edited = await order(run, 'retry', 'sum', { given });
      const one = { run, node: 'sum', inputs: { price: output }, order: edited };
      return attemptOf<StepOutcome>((signal) => runSetStep(deps, one, signal));
    };
    expect(await sum({ price: { amount: 90 } })).toMatchObject(failed('check-failed'));
    expect(await sum({ input: { amount: 7 } })).toMatchObject(failed('check-failed'));
    expect(await sum({ price: { amount: 8 } })).toMatchObject(failed('check-failed'));
    expect(await outputOf(await sum({ price: { amount: 100 } }))).toEqual({ it: 107 });
  });

  test('an order about another step, or of another run, brings nothing', async () => {
    const run = await startRun(fixture, price(), { amount: 5 });
    const other = await startRun(fixture, price(), { amount: 5 });
    const edited = await order(other, 'retry', 'price', { given: { input: { amount: 99 } } });
    shop.answer = (_, response) => json(response, 200, { amount: 1 });
    await tool({ run, node: 'price', order: edited });
    expect(shop.asked.map(({ body }) => body)).toEqual([{ amount: 5 }]);
  });
});

describe('a resume after a value was edited', () => {
  const input = { amount: 5 };
  const asked = () => shop.asked.map(({ body }) => (body as { amount: number }).amount);

  /** A run whose price came out only with the amount that an operator gave in place of the input's. */
  async function editedRun(): Promise<{ run: string; done: unknown }> {
    const run = await startRun(fixture, price(), input);
    shop.answer = (_, response) => json(response, 200, { amount: 9 });
    expect(await tool({ run, node: 'price' })).toMatchObject(failed('check-failed'));
    const edited = await order(run, 'retry', 'price', { given: { input: { amount: 10 } } });
    const done = await tool({ run, node: 'price', order: edited });
    expect(await outputOf(done)).toEqual({ amount: 9 });
    expect(asked()).toEqual([5, 10]);
    return { run, done };
  }

  test('has what was done with it, and so has the resume after that', async () => {
    const { run: rootRun, done } = await editedRun();
    for (const run of [
      await startRun(fixture, price(), input, { rootRun }),
      await startRun(fixture, price(), input, { rootRun }),
    ]) {
      expect(await tool({ run, node: 'price' })).toEqual(done);
    }
    expect(asked()).toEqual([5, 10]);
  });

  test('gives it to the step that failed with it; a retry there keeps it, too', async () => {
    const rootRun = await startRun(fixture, price(), input);
    shop.answer = (_, response) => json(response, 200, { amount: 9 });
    await tool({ run: rootRun, node: 'price' });
    const edited = await order(rootRun, 'retry', 'price', { given: { input: { amount: 6 } } });
    expect(await tool({ run: rootRun, node: 'price', order: edited })).toMatchObject(failed('check-failed'));
    const run = await startRun(fixture, price(), input, { rootRun });
    expect(await tool({ run, node: 'price' })).toMatchObject(failed('check-failed'));
    const again = await order(run, 'retry', 'price');
    expect(await tool({ run, node: 'price', order: again })).toMatchObject(failed('check-failed'));
    expect(asked()).toEqual([5, 6, 6, 6]);
  });

  test('from that step gives it what the document says, and leaves the edit behind for good', async () => {
    const { run: rootRun } = await editedRun();
    const run = await startRun(fixture, price(), input, { rootRun, fresh: ['price'] });
    expect(await tool({ run, node: 'price' })).toMatchObject(failed('check-failed'));
    const next = await startRun(fixture, price(), input, { rootRun });
    expect(await tool({ run: next, node: 'price' })).toMatchObject(failed('check-failed'));
    expect(asked()).toEqual([5, 10, 5, 5]);
  });

  test('with another input gives it that: the edit stood in place of the value there was', async () => {
    const { run: rootRun } = await editedRun();
    const run = await startRun(fixture, price(), { amount: 20 }, { rootRun });
    await tool({ run, node: 'price' });
    expect(asked()).toEqual([5, 10, 20]);
  });

  test.each<[string, Graph]>([
    ['where the step is another', price({ timeoutMs: 400 })],
    ['that takes other inputs', { ...price(), inputs: [{ name: 'amount', type: { kind: 'integer' } }] }],
  ])('on a version %s gives it what the document says', async (_, graph) => {
    const { run: rootRun } = await editedRun();
    const run = await startRun(fixture, graph, input, { rootRun });
    await tool({ run, node: 'price' });
    expect(asked()).toEqual([5, 10, 5]);
  });

  test('on a version that is another elsewhere keeps what was done with it', async () => {
    const { run: rootRun, done } = await editedRun();
    const renamed = { ...price(), title: 'Other' };
    const run = await startRun(fixture, renamed, input, { rootRun });
    expect(await tool({ run, node: 'price' })).toEqual(done);
  });
});

describe('a supplied output', () => {
  test('is committed as the step’s, and its record names nobody’s agent', async () => {
    const run = await startRun(fixture, price(), { amount: 5 });
    shop.answer = (_, response) => json(response, 500, {});
    await tool({ run, node: 'price' });
    const command = await order(run, 'supply', 'price', { outputGiven: { amount: 3, more: 'is dropped' } });
    expect(await outputOf(await supply({ run, node: 'price', order: command }))).toEqual({ amount: 3 });
    expect(shop.asked.length).toBe(1);
    expect((await eventsOf(fixture, run, 'step.committed'))[0]).toMatchObject({ suppliedBy: command });
  });

  test('that fails a check parks the step again', async () => {
    const run = await startRun(fixture, price(), { amount: 5 });
    shop.answer = (_, response) => json(response, 500, {});
    await tool({ run, node: 'price' });
    const command = await order(run, 'supply', 'price', { outputGiven: { amount: 6 } });
    expect(await supply({ run, node: 'price', order: command })).toMatchObject(failed('check-failed'));
    expect(await stepOf(fixture, run, 'price')).toMatchObject({ status: 'failed', failureClass: 'check-failed' });
  });

  test('waits for the approval that the step asks for, and stands once it is given', async () => {
    const approvers = { need: 'any' as const, of: [{ role: 'manager' }] };
    const run = await startRun(fixture, price({ requiresApproval: approvers }), { amount: 5 });
    const command = await order(run, 'supply', 'price', { outputGiven: { amount: 3 } });
    const held = await supply({ run, node: 'price', order: command });
    expect(held).toMatchObject({ status: 'awaiting-approval', waitsFor: 'manager' });
    await decide(fixture, (held as { gate: string }).gate, 'approve');
    const done = await supply({ run, node: 'price', order: command, gates: [(held as { gate: string }).gate] });
    expect(await outputOf(done)).toEqual({ amount: 3 });
    expect(shop.asked).toEqual([]);
  });
});

describe('what became of a write', () => {
  async function parkedWrite(): Promise<{ run: string; effect: string }> {
    const run = await startRun(fixture, pay, { amount: 5 });
    shop.answer = (_, response) => response.destroy();
    expect(await tool({ run, node: 'pay' })).toMatchObject(failed('outcome-unknown'));
    return { run, effect: (await effectsOf(fixture, run))[0]?.effectKey ?? '' };
  }
  const settle = async (run: string, body: Parameters<typeof order>[3]) => {
    const command = await order(run, 'settle', 'pay', body);
    return { command, heard: await hear(deps, { run, ring: { command } }) };
  };

  test('happened: the step takes the answer given, and nothing is sent', async () => {
    const { run, effect } = await parkedWrite();
    const { command, heard } = await settle(run, { effect, answer: 'happened', outputGiven: { paid: 5 } });
    expect(heard).toEqual({ kind: 'order', order: { command, does: 'retry', node: 'pay' } });
    expect(await hear(deps, { run, ring: { command } })).toEqual(heard);
    expect(await outputOf(await tool({ run, node: 'pay', order: command }))).toEqual({ paid: 5 });
    expect(shop.asked.length).toBe(1);
    expect(await eventsOf(fixture, run, 'effect.answered')).toEqual([
      { type: 'effect.answered', node: 'pay', effect, answer: 'happened', status: 'succeeded', command, user: 'mona' },
    ]);
  });

  test.each(['did not happen', 'send again'] as const)(
    '%s: it is sent once more, under another key',
    async (answer) => {
      const { run, effect } = await parkedWrite();
      const { command } = await settle(run, { effect, answer });
      shop.answer = (_, response) => json(response, 200, { paid: 5 });
      expect(await outputOf(await tool({ run, node: 'pay', order: command }))).toEqual({ paid: 5 });
      expect(shop.asked.length).toBe(2);
      const [first, second] = await effectsOf(fixture, run);
      expect(first).toMatchObject({ effectKey: effect, answer, sends: 1 });
      expect(first?.status).toBe(answer === 'send again' ? 'unknown' : 'failed');
      expect(second).toMatchObject({ status: 'succeeded', answer: null, sends: 1 });
    },
  );

  test('an answer that the tool could not have given changes nothing, nor does a second answer', async () => {
    const { run, effect } = await parkedWrite();
    const wrong = await settle(run, { effect, answer: 'happened', outputGiven: { other: 1 } });
    expect(wrong.heard).toEqual({ kind: 'nothing' });
    expect(await commandRow(wrong.command)).toMatchObject({ heardAt: expect.any(Date), applied: false });
    await settle(run, { effect, answer: 'send again' });
    const late = await settle(run, { effect, answer: 'happened', outputGiven: { paid: 5 } });
    expect(late.heard).toEqual({ kind: 'nothing' });
    expect((await effectsOf(fixture, run))[0]).toMatchObject({ answer: 'send again', status: 'unknown' });
  });

  test('a different request under the same name is done under another, or taken as done', async () => {
    for (const [answer, sent, paid] of [
      ['happened', 1, 5],
      ['send again', 2, 6],
    ] as const) {
      const run = await startRun(fixture, pay, { amount: 5 });
      shop.asked.length = 0;
      shop.answer = ({ body }, response) => json(response, 200, { paid: (body as { amount: number }).amount });
      await tool({ run, node: 'pay' });
      const other = await order(run, 'retry', 'pay', { given: { input: { amount: 6 } } });
      expect(await tool({ run, node: 'pay', order: other })).toMatchObject(failed('effect-conflict'));
      await flushLog(deps, { run, status: 'needs-attention', log: [{ node: 'pay', to: 'applied', order: other }] });
      const [effect] = await effectsOf(fixture, run);
      const { command } = await settle(run, { effect: effect?.effectKey ?? '', answer });
      // What was edited before stays edited.
      expect(await outputOf(await tool({ run, node: 'pay', order: command }))).toEqual({ paid });
      expect(shop.asked.length).toBe(sent);
    }
  });
});

describe('the log of a run', () => {
  test('keeps what became of an order once, and a step that was left out is skipped', async () => {
    const run = await startRun(fixture, price(), { amount: 5 });
    shop.answer = (_, response) => json(response, 500, {});
    await tool({ run, node: 'price' });
    const command = await order(run, 'skip', 'price');
    const log = [
      { node: 'price', to: 'applied' as const, order: command },
      { node: 'price', to: 'bypassed' as const, order: command },
    ];
    await flushLog(deps, { run, status: 'running', paused: true, log });
    await flushLog(deps, { run, status: 'running', paused: true, log });
    expect(await commandRow(command)).toMatchObject({ applied: true });
    expect(await stepOf(fixture, run, 'price')).toMatchObject({ status: 'skipped', failureClass: 'transient' });
    expect((await eventsOf(fixture, run)).slice(-4)).toEqual([
      { type: 'command.applied', node: 'price', applied: true, command },
      { type: 'step.bypassed', node: 'price', command },
      { type: 'run.paused', node: null, paused: true },
      { type: 'run.status', node: null, status: 'running' },
    ]);
  });
});
