/** What a model server does wrong, through the whole system: the class, the number of requests, the journal, the end. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { reading } from '../system/documents.ts';
import type { ModelAnswer } from '../system/scripted-model.ts';
import type { System } from '../system/stack-fixture.ts';
import { eventsOf, startSystem } from '../system/stack-fixture.ts';

let system: System;
beforeAll(async () => {
  system = await startSystem();
});
afterAll(() => system?.close());

const good: ModelAnswer = { says: { merchant: 'Railways', amount: 100 } };
const tooMuch: ModelAnswer = { says: { merchant: 'Railways', amount: 300 } };
const cutOff: ModelAnswer = { text: '{"merchant": "Rail', finishReason: 'length' };
const throttled: ModelAnswer = { status: 429, headers: { 'retry-after': '2' } };

/** The first answer, which is not good; the step may try once more. */
const curable: [title: string, bad: ModelAnswer, failureClass: string, sameAttempt: boolean][] = [
  ['Not JSON', { text: 'Sure! It was 100.' }, 'invalid-output', true],
  ['Missing field', { says: { merchant: 'Railways' } }, 'invalid-output', true],
  ['Broken check', tooMuch, 'check-failed', true],
  ['Cut off by length', cutOff, 'truncated', true],
  ['No answer in time', { silence: true }, 'timeout', false],
  ['Server error', { status: 503 }, 'transient', false],
];

/** A model of its own for each document, so that no breaker counts another's failures. */
async function startReading(title: string, ...answers: ModelAnswer[]): Promise<{ run: string; marker: string }> {
  const marker = `${title.toLowerCase().replaceAll(' ', '-')}-receipt`;
  system.models.script(marker, ...answers);
  const an = system.as('An Nguyen');
  const document = await an.publish(reading(title, marker));
  return { marker, run: await an.start(document, { receipt: marker, claimed: 200 }) };
}

const journalOf = async (run: string) => eventsOf(await system.as('An Nguyen').journal(run), 'read');

test.concurrent.each(curable)(
  '%s, once: the run recovers with two requests',
  async (title, bad, failure, sameAttempt) => {
    const { run, marker } = await startReading(`${title} once`, bad, good);
    const { result } = await system.until(run, 'completed');
    expect(result).toEqual({ receipt: { merchant: 'Railways', amount: 100 } });
    expect(system.models.asked(marker)).toHaveLength(2);
    // A bad answer is a recorded turn, and the model is told in the same attempt; a call that brought none is made anew.
    expect(await journalOf(run)).toEqual(
      sameAttempt
        ? [
            'step.started #1',
            'step.turn #1',
            `step.retrying ${failure} #1`,
            'step.turn #1',
            'step.validated #1',
            'step.committed #1',
          ]
        : [
            'step.started #1',
            `step.retrying ${failure} #1`,
            'step.started #2',
            'step.turn #2',
            'step.validated #2',
            'step.committed #2',
          ],
    );
    const last = system.models.asked(marker).at(-1)?.messages ?? [];
    expect(last.filter(({ role }) => role === 'user')).toHaveLength(sameAttempt ? 2 : 1);
  },
);

test.concurrent.each(curable)('%s, for ever: parked after two requests', async (title, bad, failure, sameAttempt) => {
  const { run, marker } = await startReading(`${title} for ever`, bad);
  const { steps } = await system.until(run, 'needs-attention');
  expect(steps).toMatchObject([{ id: 'read', state: 'failed', failure: { class: failure } }]);
  expect(system.models.asked(marker)).toHaveLength(2);
  expect(await journalOf(run)).toEqual(
    sameAttempt
      ? ['step.started #1', 'step.turn #1', `step.retrying ${failure} #1`, 'step.turn #1', `step.failed ${failure} #1`]
      : ['step.started #1', `step.retrying ${failure} #1`, 'step.started #2', `step.failed ${failure} #2`],
  );
});

test.concurrent.each<[title: string, ModelAnswer, failureClass: string, hasTurn: boolean]>([
  ['Refused', { refuses: 'I would rather not.' }, 'refusal', true],
  ['Filtered', { text: '', finishReason: 'content_filter' }, 'refusal', true],
  ['Filtered by status', { status: 400, error: { message: 'no', code: 'content_filter' } }, 'refusal', false],
  ['Quota used up', { status: 429, error: { message: 'no', code: 'insufficient_quota' } }, 'budget', false],
  ['Key not accepted', { status: 401 }, 'not-allowed', false],
])('%s: parked at once, after one request', async (title, bad, failure, hasTurn) => {
  const { run, marker } = await startReading(title, bad);
  const { steps } = await system.until(run, 'needs-attention');
  expect(steps).toMatchObject([{ id: 'read', state: 'failed', failure: { class: failure } }]);
  expect(system.models.asked(marker)).toHaveLength(1);
  expect(await journalOf(run)).toEqual([
    'step.started #1',
    ...(hasTurn ? ['step.turn #1'] : []),
    `step.failed ${failure} #1`,
  ]);
});

test.concurrent('429 with retry-after: waits as long as asked, and is charged no try', async () => {
  // More often than the step may fail.
  const { run, marker } = await startReading('Throttled', throttled, throttled, throttled, good);
  await system.until(run, 'completed');
  const times = system.models.asked(marker).map(({ at }) => at);
  expect(times).toHaveLength(4);
  for (const [index, at] of times.slice(1).entries()) expect(at - (times[index] ?? at)).toBeGreaterThanOrEqual(1990);
  const events = await journalOf(run);
  expect(events.filter((event) => event.startsWith('step.retrying'))).toEqual([
    'step.retrying throttled #1',
    'step.retrying throttled #2',
    'step.retrying throttled #3',
  ]);
});
