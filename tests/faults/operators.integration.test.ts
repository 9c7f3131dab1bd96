/** Failure as a place to go on from: each order of an operator, through the whole system, on a step that really failed. */
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { order, reading, write } from '../system/documents.ts';
import type { ModelAnswer } from '../system/scripted-model.ts';
import type { System } from '../system/stack-fixture.ts';
import { startSystem } from '../system/stack-fixture.ts';

let system: System;
beforeAll(async () => {
  system = await startSystem();
});
afterAll(() => system?.close());

const an = () => system.as('An Nguyen');
const good: ModelAnswer = { says: { merchant: 'Railways', amount: 100 } };
const bad: ModelAnswer = { text: 'Sure! It was 100.' };

async function startReading(title: string, ...answers: ModelAnswer[]): Promise<{ run: string; marker: string }> {
  const marker = `${title.toLowerCase().replaceAll(' ', '-')}-receipt`;
  system.models.script(marker, ...answers);
  const document = await an().publish(reading(title, marker));
  return { marker, run: await an().start(document, { receipt: marker, claimed: 200 }) };
}

async function give(run: string, what: string, body: object = {}): Promise<void> {
  expect(await an().call('POST', `/runs/${run}/${what}`, body)).toMatchObject({ status: 202 });
}

const stateOf = async (run: string) => (await an().call('GET', `/runs/${run}/state`)).body;
const ended = (run: string, status: string) =>
  vi.waitFor(async () => expect((await stateOf(run)).status).toBe(status), { timeout: 60_000, interval: 100 });

test.concurrent('a retry goes on with the conversation, and the run completes', async () => {
  const { run, marker } = await startReading('Asked again', bad, bad, good);
  await system.until(run, 'needs-attention');
  await give(run, 'steps/read/retry', { comment: 'once more' });
  const { result } = await system.until(run, 'completed');
  expect(result).toEqual({ receipt: { merchant: 'Railways', amount: 100 } });
  // What it answered before was not asked for again.
  expect(system.models.asked(marker)).toHaveLength(3);
  expect(system.models.asked(marker).at(-1)?.messages.length).toBeGreaterThan(3);
});

test.concurrent('a fresh answer is asked for from the beginning', async () => {
  const { run, marker } = await startReading('Asked afresh', { refuses: 'I may not' }, good);
  await system.until(run, 'needs-attention');
  await give(run, 'steps/read/retry', { fresh: true });
  await system.until(run, 'completed');
  const [first, second] = system.models.asked(marker);
  expect(second?.messages).toEqual(first?.messages);
});

test.concurrent('an output that a person supplies is the step’s', async () => {
  const { run, marker } = await startReading('Supplied', bad);
  await system.until(run, 'needs-attention');
  const refused = await an().call('POST', `/runs/${run}/steps/read/supply`, { output: { merchant: 'X', amount: 201 } });
  expect([refused.status, refused.body.type]).toEqual([422, 'urn:waymark:problem:invalid-output']);
  await give(run, 'steps/read/supply', { output: { merchant: 'By hand', amount: 12 } });
  expect((await system.until(run, 'completed')).result).toEqual({ receipt: { merchant: 'By hand', amount: 12 } });
  expect(system.models.asked(marker)).toHaveLength(2);
});

test.concurrent('a letter of which nobody knows whether it was sent: a person says so, and it is not sent again', async () => {
  const to = 'Silent House';
  system.tools.holdAnswersFor(to);
  const document = await an().publish(write('Letter unanswered', 'letters.send', ['to']));
  const run = await an().start(document, { to, amount: 1 });
  await system.until(run, 'needs-attention');
  const { effects, steps } = await stateOf(run);
  expect(effects).toMatchObject([{ step: 'write', tool: 'letters.send', status: 'unknown' }]);
  expect(steps).toMatchObject([{ step: 'write', status: 'failed', class: 'outcome-unknown' }]);
  await give(run, `effects/${effects[0].effect}/answer`, { answer: 'happened', output: { reference: 'L-by-hand' } });
  expect((await system.until(run, 'completed')).result).toEqual({ done: { reference: 'L-by-hand' } });
  expect(system.tools.lettersTo(to)).toBe(1);
  expect((await stateOf(run)).effects).toMatchObject([{ status: 'succeeded', answer: 'happened' }]);
});

test.concurrent('an abort ends the run as failed, and its workflow, too', async () => {
  const { run } = await startReading('Aborted', bad);
  const { workflowId } = await system.until(run, 'needs-attention');
  await give(run, 'abort', { comment: 'not worth it' });
  await ended(run, 'failed');
  await vi.waitFor(
    async () => expect((await system.temporal.workflow.getHandle(workflowId).describe()).status.name).toBe('FAILED'),
    { timeout: 20_000 },
  );
  const late = await an().call('POST', `/runs/${run}/steps/read/retry`, {});
  expect([late.status, late.body.type]).toEqual([409, 'urn:waymark:problem:run-ended']);
});

test.concurrent('a paused run takes a decision and starts nothing until it goes on', async () => {
  const supplier = 'Paused Goods';
  const run = await an().start(await an().publish(order.replace('# Order', '# Paused order')), {
    amount: 70,
    supplier,
  });
  const { id: gate, subject } = await system.openGateOf(run);
  await give(run, 'pause');
  await vi.waitFor(async () => expect((await stateOf(run)).paused).toBe(true), { timeout: 20_000 });
  expect((await system.as('Mai Tran').decide(gate, { action: 'approve', subject })).status).toBe(201);
  await vi.waitFor(async () => expect((await stateOf(run)).status).toBe('running'), { timeout: 20_000 });
  expect(system.tools.requestsFor(supplier)).toBe(0);
  await give(run, 'unpause');
  await system.until(run, 'completed');
  expect(system.tools.requestsFor(supplier)).toBe(1);
});

const nested = `{"merchant": ${'['.repeat(20_000)}${']'.repeat(20_000)}, "amount": 1}`;
const poisons: [title: string, answer: ModelAnswer][] = [
  ['Bad for ever', bad],
  ['Unknown tool', { calls: [{ tool: 'nowhere.tool', arguments: {} }] }],
  ['Huge output', { says: { merchant: 'x'.repeat(17 * 1024 * 1024), amount: 1 } }],
  ['Deep nesting', { text: nested }],
];

test('poisoned runs park within 30 seconds, and runs beside them complete', async ({ task }) => {
  const started = Date.now();
  const poisoned = await Promise.all(poisons.map(([title, answer]) => startReading(`Poison ${title}`, answer)));
  const healthy = await Promise.all([1, 2, 3].map((one) => startReading(`Healthy ${one}`, good)));
  await Promise.all(healthy.map(({ run }) => system.until(run, 'completed')));
  await Promise.all(poisoned.map(({ run }) => system.until(run, 'needs-attention')));
  // A bar for a machine that does nothing else, as others are.
  if (process.env.WAYMARK_FAULT_TIMES !== undefined) expect(Date.now() - started).toBeLessThan(30_000);
  for (const { run } of poisoned) await give(run, 'abort');
  await Promise.all(poisoned.map(({ run }) => ended(run, 'failed')));
  Object.assign(task.meta, { tried: poisoned.length + healthy.length, lost: 0 });
});
