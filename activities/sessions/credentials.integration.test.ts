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

async function saidTo(actor: Actor, proposal: string): Promise<string> {
  const asked = await world.say(actor, proposal, 'Who am I?');
  expect(await runTurn(world.deps, asked, never)).toEqual({ state: 'done' });
  return (await world.transcript(actor, asked.session)).at(-1)?.[2] ?? '';
}

test('a tool server that echoes credentials is sent each owner’s own, 100 of 100, two at a time on one proposal', async () => {
  const proposal = await world.propose();
  await world.share(proposal, ben, true);
  for (let nth = 0; nth < 50; nth++) {
    const [anns, bens] = await Promise.all([saidTo(ann, proposal), saidTo(ben, proposal)]);
    expect([anns.includes('Bearer-of-ann'), anns.includes('of-ben')]).toEqual([true, false]);
    expect([bens.includes('Bearer-of-ben'), bens.includes('of-ann')]).toEqual([true, false]);
  }
  const sent = echo.asked.map(({ headers }) => headers.authorization);
  expect(sent.filter((one) => one === 'Bearer-of-ann')).toHaveLength(50);
  expect(sent.filter((one) => one === 'Bearer-of-ben')).toHaveLength(50);
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
