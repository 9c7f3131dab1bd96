/** Whose credential a tool sees in a session: that of its owner, and nobody else's. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { credentialOf, forgetConnection, putConnection } from '../../prisma/connections.ts';
import type { Actor } from '../../prisma/open.ts';
import type { ToolServer } from '../testing/tool-server.ts';
import { json, startToolServer } from '../testing/tool-server.ts';
import { runTurn } from './run-turn.ts';
import type { SessionFixture } from './testing/session-fixture.ts';
import { ann, ben, cal, credentialKey, openSessionFixture } from './testing/session-fixture.ts';
import type { StreamingModel } from './testing/streaming-model.ts';
import { startStreamingModel } from './testing/streaming-model.ts';

let model: StreamingModel;
let echo: ToolServer;
let world: SessionFixture;
const never = new AbortController().signal;

beforeAll(async () => {
  echo = await startToolServer();
  echo.answer = ({ headers }, response) => json(response, 200, { sent: headers.authorization ?? 'nothing' });
  // Calls the tool, and then says what it answered.
  model = await startStreamingModel(({ messages, answer }) =>
    messages.at(-1)?.role === 'tool' ? answer : { calls: [{ name: 'whoami', args: {} }] },
  );
  const whoami = {
    effect: 'read',
    as: 'person',
    description: 'Says who asks',
    http: { method: 'GET', url: `${echo.url}/me`, headers: { Authorization: 'Bearer-${credential}' } },
    input: { type: 'object', properties: {}, additionalProperties: false },
    output: {},
  };
  const configuration = { allowedHosts: [echo.host], tools: { whoami } };
  world = await openSessionFixture(model, { configuration, tools: ['whoami'] });
  for (const actor of [ann, ben]) {
    await world.api.actAs(actor, (tx) => putConnection(tx, credentialKey, actor, 'whoami', `of-${actor.user}`));
  }
});
afterAll(async () => {
  await world.close();
  await Promise.all([model.close(), echo.close()]);
});

const answerTurn = (asked: { session: string; turn: string }) => runTurn(world.deps, asked, never);

async function saidTo(actor: Actor, proposal: string): Promise<string> {
  const asked = await world.say(actor, proposal, 'Who am I?');
  expect(await answerTurn(asked)).toEqual({ state: 'done' });
  return (await world.transcript(actor, asked.session)).at(-1)?.[2] ?? '';
}

/** The turn fails before the tool is called, and is asked for again. */
async function saidOnRetry(actor: Actor, proposal: string): Promise<string> {
  const asked = await world.say(actor, proposal, 'Who am I?');
  const says = model.next;
  model.next = () => ({ status: 400 });
  expect(await answerTurn(asked)).toEqual({ state: 'failed' });
  model.next = says;
  await world.api.actAs(actor, (tx) =>
    tx.sessionTurn.updateMany({ where: { id: asked.turn }, data: { state: 'queued', failure: null, endedAt: null } }),
  );
  expect(await answerTurn(asked)).toEqual({ state: 'done' });
  return (await world.transcript(actor, asked.session)).at(-1)?.[2] ?? '';
}

/** The worker is lost while the tool answers: another attempt calls it again, which counts as a call of its own. */
async function saidOnSecondAttempt(actor: Actor, proposal: string): Promise<string> {
  const asked = await world.say(actor, proposal, 'Who am I?');
  const lost = new AbortController();
  const answers = echo.answer;
  echo.answer = () => lost.abort(new Error('the worker is gone'));
  await expect(runTurn(world.deps, asked, lost.signal)).rejects.toThrow();
  echo.answer = answers;
  expect(await answerTurn(asked)).toEqual({ state: 'done' });
  return (await world.transcript(actor, asked.session)).at(-1)?.[2] ?? '';
}

test('a tool server that echoes credentials is sent each owner’s own, 100 of 100 for each of two on one proposal: at once, retried and after handoffs', async () => {
  const proposal = await world.propose();
  await world.share(proposal, ben, true);
  const isOwn = (said: string, own: Actor, other: Actor): void => {
    expect([said.includes(`Bearer-of-${own.user}`), said.includes(`of-${other.user}`)]).toEqual([true, false]);
  };
  const both = async (times: number): Promise<void> => {
    for (let nth = 0; nth < times; nth += 1) {
      const [anns, bens] = await Promise.all([saidTo(ann, proposal), saidTo(ben, proposal)]);
      isOwn(anns, ann, ben);
      isOwn(bens, ben, ann);
    }
  };
  await both(50);
  for (const [own, other] of [
    [ann, ben],
    [ben, ann],
  ] as const) {
    isOwn(await saidOnRetry(own, proposal), own, other);
    isOwn(await saidOnSecondAttempt(own, proposal), own, other);
  }
  await world.handOver(proposal, ben);
  await both(27);
  await world.handOver(proposal, cal);
  await both(20);
  const sent = echo.asked.map(({ headers }) => headers.authorization);
  expect(sent.filter((one) => one === 'Bearer-of-ann')).toHaveLength(100);
  expect(sent.filter((one) => one === 'Bearer-of-ben')).toHaveLength(100);
  expect(sent).toHaveLength(200);
});

test('who has connected nothing calls nothing, whoever else has', async () => {
  const proposal = await world.propose();
  await world.share(proposal, cal);
  const before = echo.asked.length;
  expect(await saidTo(cal, proposal)).toContain('without a credential');
  await world.api.actAs(ben, (tx) => forgetConnection(tx, ben, 'whoami'));
  await world.share(proposal, ben);
  expect(await saidTo(ben, proposal)).toContain('without a credential');
  expect(echo.asked.length).toBe(before);
});

test.each([
  ['is inactive', () => world.setActive(ben, false)],
  ['has lost access', (proposal: string) => world.revoke(proposal, ben)],
])('a credential is not used any more once its owner %s, also within a turn', async (_, lose) => {
  await world.api.actAs(ben, (tx) => putConnection(tx, credentialKey, ben, 'whoami', 'of-ben'));
  const proposal = await world.propose();
  await world.share(proposal, ben);
  const asked = await world.say(ben, proposal, 'Who am I?');
  const before = [echo.asked.length, model.asked.length + 1];
  const says = model.next;
  model.next = async (told) => {
    await lose(proposal);
    return says(told);
  };
  try {
    expect(await runTurn(world.deps, asked, never)).toEqual({ state: 'failed' });
  } finally {
    model.next = says;
    await world.setActive(ben, true);
  }
  const row = await world.api.actAs(ben, (tx) => tx.sessionTurn.findFirstOrThrow({ where: { id: asked.turn } }));
  expect(row.failure).toBe('not-allowed');
  expect([echo.asked.length, model.asked.length]).toEqual(before);
});

test('the model is not asked what to make of an answer that came when its owner had become inactive', async () => {
  const proposal = await world.propose();
  const asked = await world.say(ann, proposal, 'Who am I?');
  const before = model.asked.length;
  const answers = echo.answer;
  echo.answer = (request, response) => {
    void world.setActive(ann, false).then(() => answers(request, response));
  };
  try {
    expect(await runTurn(world.deps, asked, never)).toEqual({ state: 'failed' });
  } finally {
    echo.answer = answers;
    await world.setActive(ann, true);
  }
  expect(model.asked.length - before).toBe(1);
});

test('what a tool gave is untrusted: a write after it asks first', async () => {
  const proposal = await world.propose();
  const asked = await world.say(ann, proposal, 'Who am I?');
  await runTurn(world.deps, asked, never);
  const row = await world.api.actAs(ann, (tx) => tx.sessionTurn.findFirstOrThrow({ where: { id: asked.turn } }));
  expect(row.untrusted).toBe(true);
});

test('a credential is seen by its owner’s transactions alone, and opens as nobody else’s and for no other tool', async () => {
  const seenAs = (actor: Actor, of: Actor, tool = 'whoami') =>
    world.worker.actAs(actor, (tx) => credentialOf(tx, credentialKey, of, tool));
  expect(await seenAs(ann, ann)).toBe('of-ann');
  expect(await seenAs(ben, ann)).toBeUndefined();
  expect(await seenAs(ann, ann, 'another')).toBeUndefined();
  // A row that was moved, by whoever can: sealed for Ann, it does not open as Cal's.
  await world.api.actAs(cal, (tx) => putConnection(tx, credentialKey, cal, 'whoami', 'of-cal'));
  const sealed = await world.worker.actAs(ann, (tx) => tx.connection.findFirstOrThrow({ where: { userId: 'ann' } }));
  await world.api.actAs(cal, (tx) =>
    tx.connection.updateMany({ where: { userId: 'cal' }, data: { sealed: sealed.sealed } }),
  );
  await expect(seenAs(cal, cal)).rejects.toThrow();
  const written = await world.api.actAs(ben, (tx) =>
    tx.connection.updateMany({ where: { userId: 'ann' }, data: { sealed: '' } }),
  );
  expect(written.count).toBe(0);
});
