/** kill -9 of the worker while turns of sessions are each in the middle of something: one kill, and what became of each. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { Said, StreamingModel, Told } from '../../activities/sessions/testing/streaming-model.ts';
import { startStreamingModel } from '../../activities/sessions/testing/streaming-model.ts';
import type { Json } from '../../compiler/types.ts';
import type { ApiClient } from '../system/api-client.ts';
import type { System } from '../system/stack-fixture.ts';
import { startSystem } from '../system/stack-fixture.ts';

const talk = `# Talk

## Agents
### Clerk
- model: small
- tools: payments.transfer, payments.through-the-door, letters.send

You do what you are asked for.

## Proposal
| Section | Type |
|---------|------|
| Notes   | text |

## Steps
### Talk it over
- session: assignee
- agent: [Clerk](#clerk)
- section: Notes

## Result
| Name  | Type | Value          |
|-------|------|----------------|
| notes | text | \`talk_it_over\` |
`;

interface Talk {
  run: string;
  session: string;
  proposal: string;
}
interface Message {
  kind: string;
  author: string;
  text?: string;
  data?: { [field: string]: Json };
}

let system: System;
let model: StreamingModel;
let an: ApiClient;
let document: string;
const talks = new Map<string, Talk>();
const silent = new Promise<Said>(() => undefined);
/** What the model says to each request of a session, by the word that its person says first in it. */
const scripts = new Map<string, (Said | Promise<Said>)[]>();
const askedOf = new Map<string, number>();

beforeAll(async () => {
  [system, model] = await Promise.all([startSystem(), startStreamingModel(answerOf)]);
  an = system.as('An Nguyen');
  document = await an.publish(talk);
  await system.worker.stop();
  await system.worker.start({ OPENAI_BASE_URL: model.url });

  system.tools.door.shut();
  system.tools.holdAnswersFor('just-paid');
  system.tools.holdAnswersFor('letter');
  const order = (to: string) => ({ to, amount: 40 });
  const edit = { name: 'edit_section', args: { section: 'Notes', base: null, content: 'Written once.' } };
  await Promise.all([
    begin('before-the-answer', { pieces: ['The be', ...Array.from({ length: 600 }, () => '.')], pauseMs: 100 }),
    begin('after-the-answer', { calls: [edit] }, silent),
    begin('not-yet-paid', { calls: [{ name: 'payments__through-the-door', args: order('not-yet-paid') }] }, 'Shall I?'),
    begin('just-paid', { calls: [{ name: 'payments__transfer', args: order('just-paid') }] }, 'Shall I?'),
    open('while-it-was-gone', 'Here again.'),
    begin('letter', { calls: [{ name: 'letters__send', args: { to: 'letter' } }] }, 'Shall I?'),
  ]);
  for (const name of ['not-yet-paid', 'just-paid', 'letter']) await sayYes(name);

  const inTheMiddle = async () => ({
    // What was said, that it is answered, and a piece of the answer.
    pieces: (await an.call('GET', `/sessions/${talkOf('before-the-answer').session}`)).body.messages >= 3,
    afterTheAnswer: askedOf.get('after-the-answer'),
    knocks: system.tools.door.knocks,
    justPaid: system.tools.paymentsTo('just-paid').length,
    letters: system.tools.lettersTo('letter'),
  });
  const middle = { pieces: true, afterTheAnswer: 2, knocks: 1, justPaid: 1, letters: 1 };
  await vi.waitFor(async () => expect(await inTheMiddle()).toEqual(middle), { timeout: 60_000, interval: 50 });
  await system.worker.kill();
  await say('while-it-was-gone');

  scripts.set('before-the-answer', ['The beginning and the end.']);
  scripts.set('after-the-answer', ['It is written.']);
  for (const name of ['not-yet-paid', 'just-paid', 'letter']) scripts.set(name, ['It is paid.']);
  system.tools.door.open();
  system.tools.release('just-paid');
  system.tools.release('letter');
  await system.worker.start({ OPENAI_BASE_URL: model.url });
  // Six runs, three starts of the worker: on a busy machine more than a hook is given.
}, 300_000);
afterAll(async () => {
  await system?.close();
  await model?.close();
});

function answerOf({ messages }: Told): Said | Promise<Said> {
  const name = messages.find(({ role }) => role === 'user')?.content ?? '';
  askedOf.set(name, (askedOf.get(name) ?? 0) + 1);
  const script = scripts.get(name) ?? [];
  return (script.length > 1 ? script.shift() : script[0]) ?? 'Nothing was scripted.';
}

/** A run that has come to its session, and the session of who started it. */
async function open(name: string, ...script: (Said | Promise<Said>)[]): Promise<void> {
  await openOf(document, name, ...script);
}

async function openOf(of: string, name: string, ...script: (Said | Promise<Said>)[]): Promise<void> {
  scripts.set(name, script);
  const run = await an.start(of, {});
  await system.openGateOf(run);
  const { body: proposal } = await an.call('POST', `/runs/${run}/proposal`);
  const { body: session } = await an.call('POST', `/proposals/${proposal.id}/sessions`, {});
  talks.set(name, { run, session: session.id, proposal: proposal.id });
}

async function say(name: string): Promise<void> {
  expect((await an.call('POST', `/sessions/${talkOf(name).session}/messages`, { text: name })).status).toBe(201);
}

async function begin(name: string, ...script: (Said | Promise<Said>)[]): Promise<void> {
  await open(name, ...script);
  await say(name);
}

async function sayYes(name: string): Promise<void> {
  const path = `/sessions/${talkOf(name).session}`;
  const [ask] = await vi.waitFor(
    async () => {
      const { asks, turn } = (await an.call('GET', path)).body;
      expect([asks.length, turn.state]).toEqual([1, 'done']);
      return asks;
    },
    { timeout: 60_000, interval: 50 },
  );
  const answer = await an.call('POST', `${path}/confirmations/${ask.id}`, { answer: 'yes' });
  expect(answer.body.outcome).toMatchObject({ did: 'begun' });
}

function talkOf(name: string): Talk {
  const found = talks.get(name);
  if (!found) throw new Error(`no talk ${name}`);
  return found;
}

/** The transcript as its owner reads it by page. */
async function messagesOf(name: string): Promise<Message[]> {
  return (await an.call('GET', `/sessions/${talkOf(name).session}/messages?limit=100`)).body.items;
}

/** What was said once the last turn has ended, and how its turns ended. */
async function ended(name: string) {
  const { turn } = await vi.waitFor(
    async () => {
      const { body } = await an.call('GET', `/sessions/${talkOf(name).session}`);
      expect(body.turn.state).toMatch(/done|failed|stopped/);
      return body;
    },
    { timeout: 110_000, interval: 200 },
  );
  const messages = await messagesOf(name);
  const states = messages.flatMap(({ kind, data }) => (kind === 'turn' ? [data] : []));
  return {
    turn,
    said: messages
      .filter(({ kind }) => kind !== 'turn')
      .map(({ author, kind, text, data }) => [author, kind, text ?? data]),
    /** How its turns ended, one after the other, and the attempts at the last. */
    ends: states.flatMap((data) => (data?.state === 'running' ? [] : [data?.state])),
    attempts: Number(states.findLast((data) => data?.state === 'running')?.attempt),
  };
}

test('killed while the model writes: the turn is taken up again and ends once, with one answer', async () => {
  const { said, ends, attempts } = await ended('before-the-answer');
  expect(said).toEqual([
    ['owner', 'text', 'before-the-answer'],
    ['agent', 'text', 'The beginning and the end.'],
  ]);
  expect(ends).toEqual(['done']);
  expect(attempts).toBeGreaterThan(1);
});

test('killed after an answer of the model and what it did: neither is asked for or done again', async () => {
  const { said, ends, attempts } = await ended('after-the-answer');
  expect(said).toEqual([
    ['owner', 'text', 'after-the-answer'],
    ['agent', 'action', expect.objectContaining({ did: 'wrote', section: 'Notes', version: 1 })],
    ['agent', 'text', 'It is written.'],
  ]);
  expect(ends).toEqual(['done']);
  expect(attempts).toBeGreaterThan(1);
  // The first answer, the one that never came, and the one in its place.
  expect(askedOf.get('after-the-answer')).toBe(3);
  const { body } = await an.call('GET', `/proposals/${talkOf('after-the-answer').proposal}`);
  expect(body.sections[0]).toMatchObject({ content: 'Written once.', version: 1 });
});

const confirmedAndCalled = (name: string, tool: string) => [
  ['owner', 'text', name],
  ['agent', 'asks', expect.objectContaining({ deed: expect.objectContaining({ does: 'call', tool }) })],
  ['agent', 'text', 'Shall I?'],
  ['owner', 'answer', expect.objectContaining({ answer: 'yes' })],
];

test.each([
  ['whose request had not arrived', 'not-yet-paid', 'payments.through-the-door', 1],
  ['that was made and not answered', 'just-paid', 'payments.transfer', 2],
])('killed in a confirmed write %s: it is made once, and told once', async (_, name, tool, requests) => {
  const { said, ends, attempts } = await ended(name);
  expect(said).toEqual([
    ...confirmedAndCalled(name, tool),
    ['agent', 'action', expect.objectContaining({ did: 'called', tool })],
    ['agent', 'text', 'It is paid.'],
  ]);
  expect(ends).toEqual(['done', 'done']);
  expect(attempts).toBeGreaterThan(1);
  expect(system.tools.paymentsTo(name)).toEqual([{ to: name, amount: 40 }]);
  expect(system.tools.requestsFor(name)).toBe(requests);
});

test('killed in a confirmed write that has neither key nor lookup: it is never called again, and its owner is told', async () => {
  const { turn, said, ends } = await ended('letter');
  expect(said).toEqual(confirmedAndCalled('letter', 'letters.send'));
  expect(turn.failure).toBe('outcome-unknown');
  expect(ends).toEqual(['done', 'failed']);
  expect(system.tools.lettersTo('letter')).toBe(1);
});

test('what an operator says became of that write is what its owner goes on from, and it is not made again', async () => {
  await ended('letter');
  const { run, session } = talkOf('letter');
  const [{ effect }] = (await an.call('GET', `/runs/${run}/state`)).body.effects;
  const answered = { answer: 'happened', output: { reference: 'L-by-hand' } };
  // From the deadline of the call on, which the worker died in.
  await vi.waitFor(
    async () => {
      const { status } = await system
        .as('Olga Petrova')
        .call('POST', `/runs/${run}/effects/${effect}/answer`, answered);
      expect(status).toBe(202);
    },
    { timeout: 60_000, interval: 500 },
  );
  await vi.waitFor(
    async () =>
      expect((await an.call('GET', `/runs/${run}/state`)).body.effects).toMatchObject([
        { effect, status: 'succeeded', answer: 'happened' },
      ]),
    { timeout: 60_000, interval: 100 },
  );
  expect((await an.call('POST', `/sessions/${session}/retry`, {})).status).toBeLessThan(300);
  const { said, ends } = await ended('letter');
  expect(said.slice(4)).toEqual([
    ['agent', 'action', expect.objectContaining({ did: 'learned', effect, answer: 'happened', by: 'olga' })],
    ['agent', 'action', expect.objectContaining({ did: 'called', tool: 'letters.send' })],
    ['agent', 'text', 'It is paid.'],
  ]);
  expect([ends.at(-1), system.tools.lettersTo('letter')]).toEqual(['done', 1]);
});

test('what was written in a session is taken back when the run is cancelled', async () => {
  const undoes = talk
    .replace('# Talk\n', '# Talk and think better of it\n')
    .replace('- section: Notes', '- tools: payments.transfer\n- section: Notes\n- undo: letters.send');
  const name = 'thought-better';
  const pay = { name: 'payments__transfer', args: { to: name, amount: 40 } };
  await openOf(await an.publish(undoes), name, { calls: [pay] }, 'Shall I?', 'It is paid.');
  await say(name);
  await sayYes(name);
  await vi.waitFor(async () => expect((await messagesOf(name)).at(-2)?.text).toBe('It is paid.'), {
    timeout: 60_000,
    interval: 100,
  });
  const { run } = talkOf(name);
  expect((await an.call('POST', `/runs/${run}/cancel`, {})).status).toBe(202);
  await system.until(run, 'cancelled');
  expect((await an.call('GET', `/runs/${run}/state`)).body.effects).toMatchObject([
    { step: 'talk_it_over', tool: 'payments.transfer', status: 'succeeded', undone: 'succeeded' },
  ]);
  expect([system.tools.paymentsTo(name).length, system.tools.lettersTo(name)]).toEqual([1, 1]);
});

test('what was said while no worker was there is answered once', async () => {
  const { said, ends } = await ended('while-it-was-gone');
  expect(said).toEqual([
    ['owner', 'text', 'while-it-was-gone'],
    ['agent', 'text', 'Here again.'],
  ]);
  expect([ends, askedOf.get('while-it-was-gone')]).toEqual([['done'], 1]);
});

test('a Reset of the session’s workflow, to each of its points, asks, says and calls nothing again', async () => {
  const before = { ...(await ended('just-paid')), asked: askedOf.get('just-paid') };
  const workflowId = `session/${talkOf('just-paid').session}`;
  const handle = system.temporal.workflow.getHandle(workflowId);
  const { runId } = await handle.describe();
  const { events } = await system.temporal.workflow.getHandle(workflowId, runId).fetchHistory();
  const points = (events ?? []).flatMap(({ eventId, workflowTaskCompletedEventAttributes: completed }) =>
    completed && eventId ? [eventId] : [],
  );
  expect(points.length).toBeGreaterThan(2);
  for (const point of points) {
    const reset = await system.temporal.workflowService.resetWorkflowExecution({
      namespace: system.namespace,
      workflowExecution: { workflowId, runId },
      workflowTaskFinishEventId: point,
      requestId: randomUUID(),
      reason: 'test',
    });
    await system.temporal.workflow.getHandle(workflowId, reset.runId ?? undefined).result();
  }
  expect({ ...(await ended('just-paid')), asked: askedOf.get('just-paid') }).toEqual(before);
  expect(system.tools.requestsFor('just-paid')).toBe(2);
});
