/** Writes of sessions when their run is cancelled: taken back among those of its steps, as who made them. */
import { Client } from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createGraphCache } from '../../api/graph-cache.ts';
import { readResumePlan } from '../../api/resume-run.ts';
import type { Graph, NodeOf } from '../../compiler/graph.ts';
import type { Json } from '../../compiler/types.ts';
import { giveCommand } from '../../prisma/commands.ts';
import { putConnection } from '../../prisma/connections.ts';
import type { Actor } from '../../prisma/open.ts';
import type { StepOutcome } from '../contract.ts';
import type { Dependencies } from '../dependencies.ts';
import { runToolStep } from '../run-tool-step.ts';
import { finishRun } from '../runs.ts';
import { attemptOf } from '../testing/attempt.ts';
import type { Fixture } from '../testing/run-fixture.ts';
import {
  asRequester,
  decide,
  effectsOf,
  eventsOf,
  manager,
  openFixture,
  requester,
  tenant,
} from '../testing/run-fixture.ts';
import type { ToolServer } from '../testing/tool-server.ts';
import { json, startToolServer } from '../testing/tool-server.ts';
import { listUndo, undoWrite } from '../undo.ts';
import { runTurn } from './run-turn.ts';
import { askForWrite, sayYesTo } from './testing/asked-write.ts';
import type { TalkedOver } from './testing/session-step.ts';
import { openTalk, sessionDependencies, talk, talkGraph } from './testing/session-step.ts';
import type { StreamingModel } from './testing/streaming-model.ts';
import { startStreamingModel } from './testing/streaming-model.ts';

let fixture: Fixture;
let model: StreamingModel;
let desk: ToolServer;
let deps: Dependencies;
const never = new AbortController().signal;
const credentialKey = Buffer.alloc(32, 7);

beforeAll(async () => {
  fixture = await openFixture();
  model = await startStreamingModel(() => 'Nothing was scripted.');
  desk = await startToolServer();
  const tool = (path: string, input: string) => ({
    effect: 'write',
    description: path,
    http: { method: 'POST', url: `${desk.url}/${path}` },
    input: { type: 'object', properties: { [input]: {} }, required: [input], additionalProperties: false },
    output: {},
  });
  const own = (path: string, input: string) => {
    const { http, ...more } = tool(path, input);
    return { ...more, as: 'person', http: { ...http, headers: { authorization: 'Bearer-${credential}' } } };
  };
  const configuration = {
    allowedHosts: [desk.host],
    tools: {
      'rooms.book': tool('book', 'room'),
      'rooms.cancel': tool('cancel', 'booking'),
      'cars.book': tool('cars', 'car'),
      'own.book': own('own-book', 'room'),
      'own.cancel': own('own-cancel', 'booking'),
    },
  };
  deps = { ...sessionDependencies(fixture, model, { configuration }), credentialKey };
  for (const actor of [requester, manager]) {
    for (const name of ['own.book', 'own.cancel']) {
      await fixture.api.actAs(actor, (tx) => putConnection(tx, credentialKey, actor, name, `of-${actor.user}`));
    }
  }
});
afterAll(async () => {
  await Promise.all([model.close(), desk.close()]);
  await fixture.close();
});
beforeEach(() => {
  desk.asked.length = 0;
  desk.answer = ({ path }, response) => json(response, 200, { booking: `B-${path.slice(1)}` });
});

const booking: NodeOf<'tool'> = {
  kind: 'tool',
  id: 'book_first',
  title: 'Book first',
  tool: 'rooms.book',
  with: [{ name: 'room', expr: "'Red'" }],
  gives: { kind: 'anything' },
  checks: [],
  retry: { times: 0, initialMs: 1000, factor: 2, maxMs: 60_000 },
  timeoutMs: 300,
  undo: 'rooms.cancel',
};
const open = (step: Partial<NodeOf<'session'>>, parts: Partial<Graph> = {}): Promise<TalkedOver> =>
  openTalk(fixture, deps, talkGraph(step, parts));
const simple = { tools: ['rooms.book'], undo: 'rooms.cancel' };

/** Its owner has the write asked for, says yes, and the turn makes it. */
interface Asked {
  actor?: Actor;
  tool?: string;
  args?: Json;
}
async function write(talked: TalkedOver, asked: Asked = {}) {
  const begun = await begin(talked, asked);
  expect(await runTurn(deps, begun, never)).toEqual({ state: 'done' });
  return begun;
}
async function begin(talked: TalkedOver, asked: Asked = {}) {
  const begun = await sayYesTo({ fixture, deps }, await askForWrite({ fixture, model }, talked, asked), asked.actor);
  model.next = () => 'Done.';
  return begun;
}
const cancel = (run: string) =>
  fixture.api.actAs(requester, (tx) =>
    giveCommand(tx, { tenant, run, kind: 'cancel', user: requester.user, comment: '', now: new Date() }),
  );
/** What the run does once it was cancelled; gives what was taken back. */
async function undoAll(run: string): Promise<boolean[]> {
  desk.asked.length = 0;
  const undone: boolean[] = [];
  for (const { effect } of (await listUndo(deps, { run, from: 0 })).effects) {
    const { undone: once } = await undoWrite(deps, { run, effect });
    expect(await undoWrite(deps, { run, effect })).toEqual({ undone: once });
    undone.push(once);
  }
  return undone;
}
const asked = () => desk.asked.map(({ path, body, headers }) => [path, body, headers.authorization]);

test('they are taken back in one order with those of steps, the latest first, as whose session it is', async () => {
  const graph: Partial<Graph> = {
    nodes: [
      booking,
      { ...talk, tools: ['own.book'], undo: 'own.cancel', who: { need: 'any', of: [{ role: 'manager' }] } },
    ],
  };
  const talked = await open({ tools: ['own.book'] }, graph);
  const begun = await write(talked, { actor: manager, tool: 'own__book' });
  await attemptOf<StepOutcome>((signal) => runToolStep(deps, { run: talked.run, node: 'book_first' }, signal));
  await write(talked, { actor: manager, tool: 'own__book', args: { room: 'Green' } });
  expect(desk.asked.map(({ path }) => path)).toEqual(['/own-book', '/book', '/own-book']);
  await cancel(talked.run);
  expect(await undoAll(talked.run)).toEqual([true, true, true]);
  expect(asked()).toEqual([
    ['/own-cancel', { booking: 'B-own-book' }, 'Bearer-of-mona'],
    ['/cancel', { booking: 'B-book' }, undefined],
    ['/own-cancel', { booking: 'B-own-book' }, 'Bearer-of-mona'],
  ]);
  const intended = (await eventsOf(fixture, talked.run, 'effect.intended')).at(-1);
  const first = (await effectsOf(fixture, talked.run)).find(
    ({ turnId, slot }) => turnId === begun.turn && !slot.startsWith('undo'),
  );
  expect(intended).toMatchObject({ node: 'talk', turn: begun.turn, takesBack: first?.effectKey });
  await finishRun(deps, { run: talked.run, outcome: 'cancelled' });
  expect(await eventsOf(fixture, talked.run, 'run.ended')).toMatchObject([{ status: 'cancelled', effectsInAll: 6 }]);
});

test('without a tool that takes it back, a write stays and is in what the run’s end lists', async () => {
  const talked = await open({ tools: ['rooms.book'] });
  await write(talked);
  await cancel(talked.run);
  expect(await undoAll(talked.run)).toEqual([]);
  await finishRun(deps, { run: talked.run, outcome: 'cancelled' });
  expect(await eventsOf(fixture, talked.run, 'run.ended')).toMatchObject([
    { effects: [{ step: 'talk', tool: 'rooms.book', status: 'succeeded' }], effectsInAll: 1 },
  ]);
});

describe('a cancel', () => {
  test('waits for a call that is under way, and takes back what came of it', async () => {
    const talked = await open(simple);
    const begun = await begin(talked);
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    const { promise: arrived, resolve: arrive } = Promise.withResolvers<void>();
    desk.answer = async (_, response) => {
      arrive();
      await released;
      json(response, 200, { booking: 'B-late' });
    };
    const turn = runTurn(deps, begun, never);
    await arrived;
    await cancel(talked.run);
    await expect(listUndo(deps, { run: talked.run, from: 0 })).rejects.toMatchObject({
      type: 'waymark.transient',
      nonRetryable: false,
    });
    release();
    await turn;
    desk.answer = (_, response) => json(response, 200, {});
    expect(await undoAll(talked.run)).toEqual([true]);
    expect(asked()).toEqual([['/cancel', { booking: 'B-late' }, undefined]]);
  });

  test('does not wait for a call past its deadline', async () => {
    const talked = await open(simple);
    const begun = await write(talked);
    const data = { status: 'intent', deadline: new Date(0) };
    await asRequester(fixture, async (tx) => {
      const row = await tx.effect.findFirstOrThrow({ where: { turnId: begun.turn } });
      await tx.effect.create({ data: { ...row, ...data, effectKey: 'left', slot: 'session left', settledAt: null } });
    });
    expect((await listUndo(deps, { run: talked.run, from: 0 })).effects).toHaveLength(1);
  });

  test('that comes while a call is about to be made has it not made', async () => {
    const talked = await open(simple);
    const begun = await begin(talked);
    let isSending = false;
    const cancelled: Dependencies = {
      ...deps,
      breakers: {
        run(_, operation) {
          isSending = true;
          return operation();
        },
      },
      graphs: {
        ...deps.graphs,
        // In the transaction of the intent, after it looked for a cancel.
        async load(...of) {
          if (isSending) {
            isSending = false;
            await cancel(talked.run);
          }
          return deps.graphs.load(...of);
        },
      },
    };
    expect(await runTurn(cancelled, begun, never)).toEqual({ state: 'done' });
    expect(await talked.last(requester, begun.session, 'action')).toMatchObject({
      did: 'nothing',
      why: 'The run was cancelled, or another goes on with it.',
    });
    expect([desk.asked.length, (await effectsOf(fixture, talked.run)).length]).toEqual([0, 0]);
  });
});

describe('noted and not taken back is', () => {
  const failures = (run: string) => eventsOf(fixture, run, 'effect.undo-failed');

  test('a write of a step that could make several', async () => {
    const talked = await open({ tools: ['rooms.book', 'cars.book'], undo: 'rooms.cancel' });
    await write(talked, { tool: 'cars__book', args: { car: 'Van' } });
    await write(talked);
    await cancel(talked.run);
    expect(await undoAll(talked.run)).toEqual([false, false]);
    expect(desk.asked).toEqual([]);
    expect((await failures(talked.run)).map(({ class: why }) => why)).toEqual(['not-allowed', 'not-allowed']);
  });

  test('one that would be taken back by the credential of somebody who is inactive', async () => {
    const talked = await open({ tools: ['own.book'], undo: 'own.cancel' });
    await write(talked, { tool: 'own__book' });
    await cancel(talked.run);
    const owner = new Client({ connectionString: fixture.database.ownerUrl });
    await owner.connect();
    try {
      await owner.query(`UPDATE user_account SET active = false WHERE id = 'rita'`);
      expect(await undoAll(talked.run)).toEqual([false]);
    } finally {
      await owner.query(`UPDATE user_account SET active = true WHERE id = 'rita'`);
      await owner.end();
    }
    expect(desk.asked).toEqual([]);
    expect(await failures(talked.run)).toMatchObject([{ node: 'talk', class: 'not-allowed' }]);
  });
});

test('a turn that goes on after its write was taken back tells so, and does not make it again', async () => {
  const talked = await open(simple);
  const begun = await begin(talked);
  desk.answer = async (_, response) => {
    await asRequester(fixture, (tx) =>
      tx.sessionTurn.updateMany({ where: { id: begun.turn }, data: { fence: { increment: 1 } } }),
    );
    json(response, 200, { booking: 'B-1' });
  };
  expect(await runTurn(deps, begun, never)).toEqual({ state: 'lost' });
  desk.answer = (_, response) => json(response, 200, {});
  await cancel(talked.run);
  expect(await undoAll(talked.run)).toEqual([true]);
  desk.asked.length = 0;
  expect(await runTurn(deps, begun, never)).toEqual({ state: 'done' });
  expect(desk.asked).toEqual([]);
  expect(await talked.last(requester, begun.session, 'action')).toMatchObject({ did: 'called', takenBack: true });
  expect(model.asked.at(-1)?.answer).toBe('It was done, and was taken back when the run was cancelled.');
});

test('a run that goes on holds a conversation again that was done and of which a write was taken back, and once only', async () => {
  const talked = await open(simple);
  await write(talked);
  await decide(fixture, talked.gate, 'done');
  const person = { ...requester, name: 'Rita', email: 'rita@acme.test', active: true, roles: ['staff'] };
  const plan = () =>
    fixture.api.actAs(requester, (tx) => readResumePlan(tx, createGraphCache(), person, talked.run, {}));
  expect(await plan()).toMatchObject({ from: [], approvals: { kept: [{ step: 'talk' }], lapsed: [] } });
  await cancel(talked.run);
  await undoAll(talked.run);
  expect(await plan()).toMatchObject({ from: ['talk'], approvals: { kept: [], lapsed: [{ step: 'talk' }] } });
  // As it is when the conversation was held again, and done after that.
  await asRequester(fixture, (tx) =>
    tx.effect.updateMany({ where: { rootRunId: talked.run }, data: { settledAt: new Date(0) } }),
  );
  expect(await plan()).toMatchObject({ from: [] });
});
