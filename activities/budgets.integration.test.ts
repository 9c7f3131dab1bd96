import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Budget, Graph } from '../compiler/graph.ts';
import type { Json } from '../compiler/types.ts';
import type { Dependencies } from './dependencies.ts';
import { runAgentStep } from './run-agent-step.ts';
import type { ScriptedModel } from './testing/agent-fixture.ts';
import {
  agentDependencies,
  goodReceipt,
  modelCalls,
  receiptGraph,
  startScriptedModel,
} from './testing/agent-fixture.ts';
import { attemptOf } from './testing/attempt.ts';
import type { Fixture } from './testing/run-fixture.ts';
import { openFixture, retry, startRun, stepOf } from './testing/run-fixture.ts';

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

/** A turn of 600 tokens, 0.0015 USD. */
const usage = { tokensIn: 500, tokensOut: 100 };
const good: Json = { content: goodReceipt, usage };
const bad: Json = { content: { merchant: '', amount: 1 }, usage };
const used = (failureClass: string) => ({ type: `waymark.${failureClass}`, nonRetryable: true });

interface Budgets {
  document?: Budget;
  agent?: Budget;
  step?: Budget;
}

/** Two steps of one agent, `read` and `again`. */
async function start(budgets: Budgets, read: Json[], again: Json[] = [good]): Promise<string> {
  const { document, agent, step } = budgets;
  const graph = receiptGraph({ retry: retry(5, 10), ...(step ? { budget: step } : {}) });
  const [node] = graph.nodes as Extract<Graph['nodes'][number], { kind: 'agent' }>[];
  if (!node) throw new Error('expected a step');
  const both: Graph = {
    ...graph,
    ...(document ? { budget: document } : {}),
    agents: graph.agents.map((one) => ({ ...one, ...(agent ? { budget: agent } : {}) })),
    nodes: [node, { ...node, id: 'again', title: 'Again' }],
  };
  const practice = JSON.stringify({ steps: { read: [{ turns: read }], again: [{ turns: again }] } });
  const run = await startRun(fixture, both, { receipt: 'Train', claimed: 650 }, { practice });
  model.scripts.set(run, practice);
  return run;
}

const attempt = (run: string, node: string, path?: string) =>
  attemptOf((signal) => runAgentStep(deps, { run, node, ...(path === undefined ? {} : { path }) }, signal));

test('a step is asked until its tokens are used up, parks before the next question, and does not ask again', async () => {
  const run = await start({ step: { tokens: 1200 } }, [bad, bad, bad, good]);
  expect(await attempt(run, 'read')).toMatchObject(used('budget'));
  expect(modelCalls(model, run)).toHaveLength(2);
  expect(await stepOf(fixture, run, 'read')).toMatchObject({
    failureClass: 'budget',
    failureDetail:
      'Unexpected need of another answer with 1200 of 1200 tokens spent, expected the budget of the step Read the receipt to suffice',
  });
  // What was answered is replayed without asking; what is not may not be asked.
  expect(await attempt(run, 'read')).toMatchObject(used('budget'));
  expect(modelCalls(model, run)).toHaveLength(2);
});

test('the answer that uses a budget up is taken', async () => {
  const run = await start({ step: { tokens: 700 } }, [bad, good]);
  expect(await attempt(run, 'read')).toMatchObject({ status: 'committed' });
});

test('a budget in US dollars counts what the configuration says that tokens cost', async () => {
  const run = await start({ step: { tokens: 100_000, usd: 0.003 } }, [bad, bad, good]);
  expect(await attempt(run, 'read')).toMatchObject(used('budget'));
  expect((await stepOf(fixture, run, 'read')).failureDetail).toContain(
    'with 1200 of 100000 tokens and 0.0030 of 0.003 USD spent',
  );
});

test('the budget of the document is shared by all steps, and that of an agent by all that it does', async () => {
  for (const [budgets, of] of [
    [{ document: { tokens: 600 } }, 'the document'],
    [{ agent: { tokens: 600 } }, 'the agent Clerk'],
  ] as const) {
    const run = await start(budgets, [good]);
    expect(await attempt(run, 'read')).toMatchObject({ status: 'committed' });
    expect(await attempt(run, 'again')).toMatchObject(used('budget'));
    expect((await stepOf(fixture, run, 'again')).failureDetail).toContain(`expected the budget of ${of} to suffice`);
    // Another run has a budget of its own.
    expect(await attempt(await start(budgets, [good]), 'again')).toMatchObject({ status: 'committed' });
  }
});

test('a step has one budget for all its passes, and another step has its own', async () => {
  const run = await start({ step: { tokens: 600 } }, [good]);
  expect(await attempt(run, 'read')).toMatchObject({ status: 'committed' });
  expect(await attempt(run, 'read', 'again#2')).toMatchObject(used('budget'));
  expect(await attempt(run, 'again')).toMatchObject({ status: 'committed' });
});
