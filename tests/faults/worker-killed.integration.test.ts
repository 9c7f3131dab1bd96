/** kill -9 of the worker while four runs are each in the middle of something: one kill, and what became of each. */
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { Journal } from '../system/api-client.ts';
import { claim, write } from '../system/documents.ts';
import type { System } from '../system/stack-fixture.ts';
import { eventsOf, startSystem } from '../system/stack-fixture.ts';

let system: System;
let runs: { asking: string; notYetPaid: string; justPaid: string; letter: string };
const receipt = { merchant: 'Railways', amount: 120 };

beforeAll(async () => {
  system = await startSystem();
  const { models, tools, worker } = system;
  const an = system.as('An Nguyen');
  const [claims, doors, payments, letters] = await Promise.all([
    an.publish(claim),
    an.publish(write('Payment through the door', 'payments.through-the-door', ['to', 'amount'])),
    an.publish(write('Payment', 'payments.transfer', ['to', 'amount'])),
    an.publish(write('Letter', 'letters.send', ['to'])),
  ]);
  models.script(
    'asking-receipt',
    { calls: [{ tool: 'policy.lookup', arguments: { about: 'trains' } }] },
    { silence: true },
  );
  tools.door.shut();
  tools.holdAnswersFor('just-paid');
  tools.holdAnswersFor('letter');

  const start = (document: string, to: string) => an.start(document, { to, amount: 40 });
  const [asking, notYetPaid, justPaid, letter] = await Promise.all([
    an.start(claims, { receipt: 'asking-receipt', claimed: 200, claimant: 'asking' }),
    start(doors, 'not-yet-paid'),
    start(payments, 'just-paid'),
    start(letters, 'letter'),
  ]);
  runs = { asking, notYetPaid, justPaid, letter };

  const inTheMiddle = () => ({
    modelRequests: models.asked('asking-receipt').length,
    policyReads: tools.policyReads,
    knocks: tools.door.knocks,
    notYetPaid: tools.requestsFor('not-yet-paid'),
    justPaid: tools.paymentsTo('just-paid').length,
    letters: tools.lettersTo('letter'),
  });
  const middle = { modelRequests: 2, policyReads: 1, knocks: 1, notYetPaid: 0, justPaid: 1, letters: 1 };
  await vi.waitFor(() => expect(inTheMiddle()).toEqual(middle), { timeout: 30_000, interval: 50 });
  await worker.kill();
  const ended = await Promise.all(Object.values(runs).map((run) => attemptsOf(run)));
  // Nothing had failed by itself before: all four were cut off.
  expect(ended).toEqual([1, 1, 1, 1]);

  models.script('asking-receipt', { says: receipt });
  tools.door.open();
  tools.release('just-paid');
  tools.release('letter');
  await worker.start();
});
afterAll(() => system?.close());

async function journalOf(run: string): Promise<Journal> {
  return system.as('An Nguyen').journal(run);
}

async function attemptsOf(run: string): Promise<number> {
  const { rows } = await journalOf(run);
  expect(rows.filter(({ event }) => event === 'step.retrying' || event === 'step.failed')).toEqual([]);
  return Math.max(...rows.map(({ attempt }) => attempt ?? 0));
}

test('an agent step goes on after its recorded turns: the first is asked once, its tool is read once, one commit', async () => {
  const { result } = await system.until(runs.asking, 'completed');
  expect(result).toEqual({ receipt, paid: { reference: expect.stringMatching(/^P-/) } });
  expect(eventsOf(await journalOf(runs.asking), 'read_the_receipt')).toEqual([
    'step.started #1',
    'step.turn #1',
    'step.turn #1',
    'step.started #2',
    'step.turn #2',
    'step.validated #2',
    'step.committed #2',
  ]);
  const firstTurns = system.models
    .asked('asking-receipt')
    .filter(({ messages }) => messages.every(({ role }) => role !== 'tool'));
  expect(firstTurns).toHaveLength(1);
  expect(system.models.asked('asking-receipt')).toHaveLength(3);
  expect(system.tools.policyReads).toBe(1);
  expect(system.tools.paymentsTo('asking')).toEqual([{ to: 'asking', amount: 120 }]);
});

test('a write whose request had not arrived is made once', async () => {
  await system.until(runs.notYetPaid, 'completed');
  expect(system.tools.paymentsTo('not-yet-paid')).toEqual([{ to: 'not-yet-paid', amount: 40 }]);
  expect(system.tools.requestsFor('not-yet-paid')).toBe(1);
});

test('a write that was done but not answered is asked for again under its key, and done once', async () => {
  await system.until(runs.justPaid, 'completed');
  expect(system.tools.paymentsTo('just-paid')).toEqual([{ to: 'just-paid', amount: 40 }]);
  expect(system.tools.requestsFor('just-paid')).toBe(2);
  const { rows } = await journalOf(runs.justPaid);
  expect(rows.filter(({ event }) => event === 'effect.settled').map(({ status }) => status)).toEqual(['succeeded']);
  expect(rows.filter(({ event }) => event === 'step.committed')).toHaveLength(1);
});

test('a write by a tool with neither key nor lookup parks as outcome-unknown and is never called again', async () => {
  const { steps } = await system.until(runs.letter, 'needs-attention');
  expect(steps).toMatchObject([{ id: 'write', state: 'failed', failure: { class: 'outcome-unknown' } }]);
  const { rows } = await journalOf(runs.letter);
  expect(rows.filter(({ event }) => event === 'step.failed')).toMatchObject([{ class: 'outcome-unknown' }]);
  // Well past every retry and deadline of the step.
  await new Promise((resolve) => setTimeout(resolve, 3000));
  expect(system.tools.lettersTo('letter')).toBe(1);
  expect((await system.as('An Nguyen').run(runs.letter)).status).toBe('needs-attention');
});
