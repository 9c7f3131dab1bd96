import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Agent, Graph } from '../compiler/graph.ts';
import type { Json } from '../compiler/types.ts';
import type { Dependencies } from './dependencies.ts';
import { runAgentStep } from './run-agent-step.ts';
import type { ScriptedModel } from './testing/agent-fixture.ts';
import { agentDependencies, goodReceipt, receiptGraph, startScriptedModel } from './testing/agent-fixture.ts';
import { attemptOf } from './testing/attempt.ts';
import type { Fixture } from './testing/run-fixture.ts';
import { decide, effectsOf, eventsOf, openFixture, retry, startRun, stepOf } from './testing/run-fixture.ts';

let fixture: Fixture;
let model: ScriptedModel;
let deps: Dependencies;
beforeAll(async () => {
  fixture = await openFixture();
  model = await startScriptedModel();
  deps = agentDependencies(fixture, model, {
    configuration: { models: { small: { model: 'tiny-1', pricePerMillionTokens: { in: 1, out: 10 } } } },
  });
});
afterAll(async () => {
  await model.server.close();
  await fixture.close();
});

const usage = { tokensIn: 500, tokensOut: 100 };
const good: Json = { content: goodReceipt, usage };
const says = (content: string): Json => ({ content, usage });
const handTo = (agent: string, task: Json = { task: 'Read the amount' }): Json => ({
  toolCalls: [{ name: `delegate-to-${agent}`, arguments: task }],
  usage,
});
const calls = (name: string, args: Json): Json => ({ toolCalls: [{ name, arguments: args }], usage });
const tools: Json = {
  'policy.lookup': { effect: 'read', answers: [{ output: { limit: 500 } }] },
  'rates.lookup': { effect: 'read', answers: [{ output: { rate: 2 } }] },
  pay: { effect: 'write', callSlot: ['to'], answers: [{ output: { reference: 'R1' } }] },
};

const agent = (id: string, mayDelegateTo: string[], more: Partial<Agent> = {}): Agent => ({
  id,
  name: id[0]?.toUpperCase() + id.slice(1),
  model: 'small',
  tools: ['policy.lookup', 'pay'],
  mayDelegateTo,
  instruction: `You are the ${id}.`,
  ...more,
});

type AgentNode = Extract<Graph['nodes'][number], { kind: 'agent' }>;
interface Delegates {
  [agent: string]: Json[];
}

async function start(
  agents: Agent[],
  turns: Json[],
  delegates: Delegates,
  more: Partial<AgentNode> = {},
): Promise<string> {
  const node = { tools: ['policy.lookup', 'rates.lookup', 'pay'], retry: retry(2, 10), ...more };
  const graph = { ...receiptGraph(node), agents };
  const practice = JSON.stringify({ steps: { read: [{ turns, delegates }] }, tools });
  const run = await startRun(fixture, graph, { receipt: 'Train', claimed: 650 }, { practice });
  model.scripts.set(run, practice);
  return run;
}

const attempt = (run: string, more: { gates?: string[] } = {}) =>
  attemptOf((signal) => runAgentStep(deps, { run, node: 'read', ...more }, signal));
/** Who was asked, in order, and with what functions and messages. */
const asked = (run: string) =>
  model.server
    .requests()
    .filter((request) => request.run === run && request.path === '/v1/chat/completions')
    .map(({ asked: { delegate = 'clerk' }, body }) => {
      const { tools: functions = [], messages } = body as {
        tools?: { function: { name: string } }[];
        messages: { role: string; content: string }[];
      };
      return { agent: delegate, functions: functions.map((one) => one.function.name), messages };
    });
const who = (run: string) => asked(run).map((one) => one.agent);

test('an agent hands work to another, who sees the task alone, has the tools that both lists allow, and answers it', async () => {
  const run = await start(
    [agent('clerk', ['reader']), agent('reader', [], { tools: ['policy.lookup', 'mail.send'] })],
    [handTo('reader'), good],
    { reader: [calls('policy.lookup', {}), says('It is 640')] },
  );
  expect(await attempt(run)).toMatchObject({ status: 'committed' });
  expect(who(run)).toEqual(['clerk', 'reader', 'reader', 'clerk']);
  const [first, second, , last] = asked(run);
  expect(first?.functions).toEqual(['policy__lookup', 'rates__lookup', 'pay', 'delegate-to-reader']);
  expect(second?.functions).toEqual(['policy__lookup']);
  expect(second?.messages.map(({ role }) => role)).toEqual(['system', 'user']);
  expect(second?.messages[0]?.content).toMatch(/^You are the reader\./);
  expect(second?.messages[1]?.content).toBe(
    '<waymark:data name="task" source="agent Clerk" trust="untrusted">\nReadˆtheˆamount\n</waymark:data>',
  );
  expect(last?.messages.at(-1)?.content).toContain('source="agent Reader" trust="untrusted">\nItˆisˆ640\n');

  const turns = await eventsOf(fixture, run, 'step.turn');
  expect(turns.map(({ delegation, turn, kind, agent: by }) => [delegation, turn, kind, by])).toEqual([
    [undefined, 0, 'model', undefined],
    ['1', 0, 'model', 'reader'],
    ['1', 1, 'tool', 'reader'],
    ['1', 2, 'model', 'reader'],
    [undefined, 1, 'tool', undefined],
    [undefined, 2, 'model', undefined],
  ]);
  const [committed] = await eventsOf(fixture, run, 'step.committed');
  expect(committed).toMatchObject({ tokensIn: 2000, tokensOut: 400, costUsd: expect.closeTo(0.006) });
});

test('what a delegate was answered is asked once, though the attempt dies in its midst or after it', async () => {
  const failsAt = (attempts: number, turn: Json): Json => ({
    attempts: [...Array.from({ length: attempts }, () => ({ status: 503 })), turn],
  });
  const run = await start([agent('clerk', ['reader']), agent('reader', [])], [handTo('reader'), failsAt(2, good)], {
    reader: [calls('policy.lookup', {}), failsAt(1, says('It is 640'))],
  });
  for (let tried = 0; tried < 2; tried += 1) expect(await attempt(run)).toMatchObject({ type: 'waymark.transient' });
  expect(await attempt(run)).toMatchObject({ status: 'committed' });
  expect(who(run)).toEqual(['clerk', 'reader', 'reader', 'reader', 'clerk', 'clerk']);
});

const chain = (...ids: string[]): Agent[] => ids.map((id, index) => agent(id, ids.slice(index + 1, index + 2)));

test.each<[string, Agent[], Json[], Delegates, string[], string]>([
  [
    'an agent outside the matrix',
    [agent('clerk', ['reader']), agent('reader', []), agent('writer', [])],
    [handTo('writer')],
    {},
    ['clerk'],
    'Unexpected delegation by Clerk to Writer, expected an agent that it may delegate to: Reader',
  ],
  [
    'itself',
    [agent('clerk', ['clerk'])],
    [handTo('clerk')],
    {},
    ['clerk'],
    'Unexpected delegation by Clerk to Clerk, expected none to an agent that waits for the answer',
  ],
  [
    'one that is already in the chain',
    [agent('clerk', ['reader']), agent('reader', ['clerk'])],
    [handTo('reader')],
    { reader: [handTo('clerk')] },
    ['clerk', 'reader'],
    'Unexpected delegation by Reader to Clerk, expected none to an agent that waits for the answer',
  ],
  [
    'a fourth one below',
    chain('clerk', 'one', 'two', 'three', 'four'),
    [handTo('one')],
    { one: [handTo('two')], two: [handTo('three')], three: [handTo('four')] },
    ['clerk', 'one', 'two', 'three'],
    'Unexpected delegation by Three to Four, expected agents to hand work on at most 3 times',
  ],
])(
  'handing work to %s is not allowed, is journaled, and no model is asked',
  async (_, agents, turns, delegates, models, detail) => {
    const run = await start(agents, turns, delegates);
    expect(await attempt(run)).toMatchObject({ type: 'waymark.not-allowed', nonRetryable: true });
    expect(who(run)).toEqual(models);
    expect(await stepOf(fixture, run, 'read')).toMatchObject({ failureClass: 'not-allowed', failureDetail: detail });
    const turn = (await eventsOf(fixture, run, 'step.turn')).at(-1);
    expect(turn).toMatchObject({ kind: 'tool', source: expect.stringMatching(/^delegate-to-/) });
    // The last in line is offered nobody; what is not offered is asked again when it is called.
    expect(
      asked(run)
        .at(-1)
        ?.functions.filter((name) => name.startsWith('delegate-to-')),
    ).toEqual(agents[0]?.mayDelegateTo[0] === 'reader' && models.length === 1 ? ['delegate-to-reader'] : []);
  },
);

test('a delegate that calls a tool of the delegator alone is not allowed to', async () => {
  const run = await start(
    [agent('clerk', ['reader']), agent('reader', [], { tools: ['policy.lookup'] })],
    [handTo('reader')],
    { reader: [calls('rates.lookup', {})] },
  );
  expect(await attempt(run)).toMatchObject({ type: 'waymark.not-allowed' });
  expect((await stepOf(fixture, run, 'read')).failureDetail).toBe(
    "Unexpected call of rates__lookup, expected one of the step's tools: policy.lookup",
  );
});

test('a delegate spends of the budget of whom it works for, and of its own', async () => {
  const busy = { reader: [calls('policy.lookup', {}), calls('policy.lookup', {}), says('It is 640')] };
  for (const [agents, of] of [
    [[agent('clerk', ['reader'], { budget: { tokens: 1200 } }), agent('reader', [])], 'Clerk'],
    [[agent('clerk', ['reader']), agent('reader', [], { budget: { tokens: 600 } })], 'Reader'],
  ] as const) {
    const run = await start([...agents], [handTo('reader'), good], busy);
    expect(await attempt(run)).toMatchObject({ type: 'waymark.budget', nonRetryable: true });
    expect(who(run)).toEqual(['clerk', 'reader']);
    expect((await stepOf(fixture, run, 'read')).failureDetail).toContain(`the budget of the agent ${of} to suffice`);
  }
});

test('a write of a delegate is held for the step’s approval, made once, and in the name of the step’s actor', async () => {
  const run = await start(
    [agent('clerk', ['payer']), agent('payer', [])],
    [handTo('payer'), good],
    { payer: [calls('pay', { to: 'linh', amount: 5 }), says('paid')] },
    { requiresApproval: { need: 'any', of: [{ role: 'manager' }] } },
  );
  const held = await attempt(run);
  expect(held).toMatchObject({ status: 'awaiting-approval' });
  const { gate } = held as { gate: string };
  await decide(fixture, gate, 'approve');
  expect(await attempt(run, { gates: [gate] })).toMatchObject({ status: 'committed' });
  expect(await effectsOf(fixture, run)).toMatchObject([{ node: 'read', tool: 'pay', status: 'succeeded' }]);
  expect(who(run)).toEqual(['clerk', 'payer', 'payer', 'clerk']);
  expect(await stepOf(fixture, run, 'read')).toMatchObject({ actorId: 'rita' });
});

test('a delegation without a task goes back to the model with the reason, and costs a try', async () => {
  const run = await start(
    [agent('clerk', ['reader']), agent('reader', [])],
    [handTo('reader', { work: 'x' }), handTo('reader'), good],
    { reader: [says('It is 640')] },
  );
  expect(await attempt(run)).toMatchObject({ status: 'committed' });
  expect(who(run)).toEqual(['clerk', 'clerk', 'reader', 'clerk']);
  expect(await stepOf(fixture, run, 'read')).toMatchObject({ charged: 1 });
});
