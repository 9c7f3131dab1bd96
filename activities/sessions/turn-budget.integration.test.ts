/** Budgets in sessions: what is used up is not exceeded, whoever used it, and the person reads why they are not answered. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Budget, NodeOf } from '../../compiler/graph.ts';
import type { Dependencies } from '../dependencies.ts';
import { runAgentStep } from '../run-agent-step.ts';
import { attemptOf } from '../testing/attempt.ts';
import type { Fixture } from '../testing/run-fixture.ts';
import { manager, openFixture, requester, retry, stepOf } from '../testing/run-fixture.ts';
import { runTurn } from './run-turn.ts';
import type { TalkedOver } from './testing/session-step.ts';
import { clerk, openTalk, sessionDependencies, talk, talkGraph } from './testing/session-step.ts';
import type { StreamingModel } from './testing/streaming-model.ts';
import { startStreamingModel } from './testing/streaming-model.ts';

let fixture: Fixture;
let model: StreamingModel;
let deps: Dependencies;
beforeAll(async () => {
  fixture = await openFixture();
  // A reply is of 15 tokens, 0.00006 USD.
  model = await startStreamingModel(() => 'How many days?');
  const small = { model: 'tiny-1', pricePerMillionTokens: { in: 1, out: 10 } };
  deps = sessionDependencies(fixture, model, { configuration: { models: { small } } });
});
afterAll(async () => {
  await model.close();
  await fixture.close();
});
beforeEach(() => {
  model.asked.length = 0;
});

const open = (budgets: { step?: Budget; agent?: Budget; document?: Budget }): Promise<TalkedOver> =>
  openTalk(
    fixture,
    deps,
    talkGraph(budgets.step ? { budget: budgets.step } : {}, {
      agents: [{ ...clerk, ...(budgets.agent ? { budget: budgets.agent } : {}) }],
      ...(budgets.document ? { budget: budgets.document } : {}),
    }),
  );
const turnOf = (id: string) =>
  fixture.api.actAs(requester, (tx) => tx.sessionTurn.findFirstOrThrow({ where: { id }, omit: { tenantId: true } }));

test.each([
  ['step', { tokens: 20 }, 'the step Talk it over, 30 of 20 tokens'],
  ['agent', { usd: 0.0001 }, 'the agent Clerk, 0.0001 of 0.0001 USD'],
  ['document', { tokens: 30, usd: 1 }, 'the document, 30 of 30 tokens and 0.0001 of 1 USD'],
])(
  'used up, the budget of the %s has the next turn refused before the model is asked, in words',
  async (of, budget, spent) => {
    const talked = await open({ [of]: budget });
    expect((await talked.talk(requester, 'Two, I think.')).state).toBe('done');
    // The reply that uses it up is given.
    expect((await talked.talk(requester, 'Or three.')).state).toBe('done');
    const third = await talked.talk(requester, 'Are you there?');
    expect(third.state).toBe('failed');
    expect(model.asked).toHaveLength(2);
    expect(await talked.last(requester, third.session, 'turn')).toEqual({
      state: 'failed',
      failure: 'budget',
      detail: `Of the budget of ${spent} are spent. No more is answered here.`,
    });
    // What was said is kept.
    const said = await fixture.api.actAs(requester, (tx) =>
      tx.message.findFirst({ where: { sessionId: third.session, body: 'Are you there?' } }),
    );
    expect(said?.turnId).toBe(third.turn);
  },
);

test('turns say for which step and by which agent, and what they were paid for', async () => {
  const talked = await open({});
  const { turn } = await talked.talk(requester, 'Two.');
  expect(await turnOf(turn)).toMatchObject({ agent: 'clerk', step: 'talk', tokens: 15, costUsd: 0.00006 });
});

test('a turn whose replies use it up ends at the next question; asked again, it asks no model', async () => {
  const talked = await open({ step: { tokens: 15 } });
  model.next = () => ({ calls: [{ name: 'read_proposal', args: {} }] });
  const asked = await talked.talk(requester, 'What is there?');
  model.next = () => 'How many days?';
  expect([asked.state, model.asked.length]).toEqual(['failed', 1]);
  await fixture.api.actAs(requester, (tx) =>
    tx.sessionTurn.updateMany({ where: { id: asked.turn }, data: { state: 'queued', failure: null, endedAt: null } }),
  );
  expect(await runTurn(deps, asked, new AbortController().signal)).toEqual({ state: 'failed' });
  expect(model.asked).toHaveLength(1);
  expect(await turnOf(asked.turn)).toMatchObject({ failure: 'budget', tokens: 15 });
});

test('everybody’s sessions on a proposal draw on one budget', async () => {
  const talked = await open({ step: { tokens: 30 } });
  await talked.talk(requester, 'Two.');
  await talked.talk(manager, 'Three.');
  expect((await talked.talk(requester, 'Four.')).state).toBe('failed');
  expect((await talked.talk(manager, 'Five.')).state).toBe('failed');
  expect(model.asked).toHaveLength(2);
});

test('what was talked over is spent of the document’s budget for steps too', async () => {
  const read: NodeOf<'agent'> = {
    id: 'read',
    title: 'Read',
    kind: 'agent',
    agent: 'clerk',
    instruction: 'Read.',
    uses: [],
    tools: [],
    gives: { kind: 'text' },
    checks: [],
    retry: retry(0),
    timeoutMs: 30_000,
  };
  const graph = talkGraph({}, { nodes: [talk, read], budget: { tokens: 15 } });
  const talked = await openTalk(fixture, deps, graph);
  await talked.talk(requester, 'Two.');
  const parked = await attemptOf((signal) => runAgentStep(deps, { run: talked.run, node: 'read' }, signal));
  expect(parked).toMatchObject({ type: 'waymark.budget' });
  expect((await stepOf(fixture, talked.run, 'read')).failureDetail).toBe(
    'Unexpected need of another answer with 15 of 15 tokens spent, expected the budget of the document to suffice',
  );
});
