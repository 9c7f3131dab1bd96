import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bodyOf } from '../../../prisma/commands.ts';
import type { ApiFixture } from '../../testing/api-fixture.ts';
import { asWorker, eventually, openApiFixture } from '../../testing/api-fixture.ts';
import { applyOrder, leaveWrite, parkStep, startErrand } from '../../testing/parked-step.ts';

let fixture: ApiFixture;
beforeAll(async () => {
  fixture = await openApiFixture();
});
afterAll(() => fixture.close());

const post = async (url: string, payload: object = {}, user = 'an', key: string = randomUUID()) =>
  fixture.app.inject({ method: 'POST', url, headers: await fixture.as(user, key), payload });
const commandOf = (id: string) =>
  fixture.store.actAs({ tenant: 'acme', user: 'an' }, (tx) => tx.command.findFirstOrThrow({ where: { id } }));
const contentOf = (digest: string) =>
  fixture.store.actAs({ tenant: 'acme', user: 'an' }, async (tx) =>
    JSON.parse((await tx.artifact.findFirstOrThrow({ where: { digest } })).content),
  );
const eventsOf = (run: string, type: string) =>
  fixture.store.actAs({ tenant: 'acme', user: 'an' }, async (tx) =>
    (await tx.runEvent.findMany({ where: { runId: run, type }, orderBy: { seq: 'asc' } })).map(({ node, body }) => ({
      node,
      ...JSON.parse(body),
    })),
  );
const reason = (response: { json(): { type: string } }) => response.json().type.replace('urn:waymark:problem:', '');

async function parked(step = 'price_it', more: Parameters<typeof parkStep>[3] = {}) {
  const run = await startErrand(fixture);
  const execution = await parkStep(fixture, run, step, more);
  return { run, execution, url: `/runs/${run}/steps/${step}` };
}

describe('retry', () => {
  test('leaves an order with who and why, rings the run, and says so in its log', async () => {
    const { run, url } = await parked();
    const response = await post(`${url}/retry`, { comment: 'the shop is back' }, 'olga');
    expect(response.statusCode).toBe(202);
    const { command } = response.json();
    expect(response.json()).toEqual({ run, command });
    expect(await commandOf(command)).toMatchObject({
      kind: 'retry',
      userId: 'olga',
      comment: 'the shop is back',
      node: 'price_it',
      path: '',
      body: '{}',
      heardAt: null,
      applied: null,
    });
    expect(await eventsOf(run, 'command.given')).toEqual([{ node: 'price_it', command, kind: 'retry', user: 'olga' }]);
    const journal = await fixture.app.inject({ url: `/runs/${run}/journal`, headers: await fixture.as('bo') });
    expect(journal.json().rows.at(-1)).toMatchObject({
      event: 'command.given',
      step: 'price_it',
      ordered: 'retry',
      by: 'olga',
      comment: 'the shop is back',
    });
    await eventually(() => fixture.workflows.rings.find(({ ring }) => 'command' in ring && ring.command === command));
  });

  test('with a key is given once, and asked again before it is done it is the same order', async () => {
    const { run, url } = await parked();
    const key = randomUUID();
    const answers = await Promise.all(Array.from({ length: 5 }, () => post(`${url}/retry`, {}, 'an', key)));
    expect(new Set(answers.map(({ body }) => body)).size).toBe(1);
    expect((await post(`${url}/retry`)).body).toBe(answers[0]?.body);
    expect(await eventsOf(run, 'command.given')).toHaveLength(1);
    expect(reason(await post(`${url}/retry`, { fresh: true }))).toBe('step-not-parked');
    await applyOrder(fixture, run, answers[0]?.json().command);
    expect((await post(`${url}/retry`)).json().command).not.toBe(answers[0]?.json().command);
  });

  test('a fresh answer is asked for under the next generation', async () => {
    const { url } = await parked();
    const { command } = (await post(`${url}/retry`, { fresh: true })).json();
    expect(bodyOf(await commandOf(command))).toEqual({ generation: 1 });
  });

  test('an edited input is kept by its digest, and what does not fit is refused by its place', async () => {
    const { url } = await parked();
    expect((await post(`${url}/retry`, { inputs: { input: { amount: -1 } } })).json()).toMatchObject({
      type: 'urn:waymark:problem:invalid-input',
      errors: [{ at: expect.stringContaining('inputs.input'), in: 'body' }],
    });
    expect((await post(`${url}/retry`, { inputs: { weather: 1 } })).json().errors).toEqual([
      { at: 'inputs.weather', in: 'body', message: 'Unexpected name, expected one that the step reads: input' },
    ]);
    const { command } = (await post(`${url}/retry`, { inputs: { input: { amount: 41 } } })).json();
    const { inputs } = bodyOf(await commandOf(command));
    expect(await contentOf(inputs?.input ?? '')).toEqual({ amount: 41 });
  });

  test('what an approval was given over is not edited behind it', async () => {
    const { url } = await parked('pay_it');
    const refused = await post(`${url}/retry`, { inputs: { price_it: { amount: 1 } } });
    expect(refused.json()).toMatchObject({
      type: 'urn:waymark:problem:not-for-this-step',
      detail: 'Manager approves approved what it reads as price_it.',
    });
  });

  test('one item is named by its path', async () => {
    const { run, url } = await parked('price_it', { path: 'each[1]' });
    expect(reason(await post(`${url}/retry`))).toBe('step-not-parked');
    const { command } = (await post(`${url}/retry`, { path: 'each[1]' })).json();
    expect(await commandOf(command)).toMatchObject({ path: 'each[1]' });
    expect(await eventsOf(run, 'command.given')).toMatchObject([{ path: 'each[1]' }]);
  });
});

describe('supply', () => {
  test('keeps the output by its digest', async () => {
    const { url } = await parked();
    const { command } = (await post(`${url}/supply`, { output: { amount: 12 } })).json();
    const { output } = bodyOf(await commandOf(command));
    expect(await contentOf(output ?? '')).toEqual({ amount: 12 });
  });

  test('refuses what is not of the type, and what a check refuses', async () => {
    const { url } = await parked();
    const ofType = await post(`${url}/supply`, { output: { amount: 'much' } });
    expect([ofType.statusCode, reason(ofType)]).toEqual([422, 'invalid-output']);
    expect(ofType.json().errors[0]).toMatchObject({ at: 'output.amount', in: 'body' });
    expect((await post(`${url}/supply`, { output: { amount: 41 } })).json().errors).toEqual([
      { at: 'output', in: 'body', message: 'Unexpected output, expected output.amount <= input.amount' },
    ]);
  });

  test('nobody supplies a verdict, and nobody an output whose write may have happened', async () => {
    const gate = await parked('manager_approves');
    expect(reason(await post(`${gate.url}/supply`, { output: { action: 'approve' } }))).toBe('not-for-this-step');
    const { run, execution, url } = await parked('pay_it', { failureClass: 'outcome-unknown' });
    await leaveWrite(fixture, run, execution, 'unknown');
    expect(reason(await post(`${url}/supply`, { output: {} }))).toBe('write-unsettled');
  });
});

describe('skip', () => {
  test('leaves out what nobody needs', async () => {
    const { url } = await parked('fetch_it');
    expect((await post(`${url}/skip`)).statusCode).toBe(202);
  });

  test('refuses a gate, a choice, and what something that follows would read', async () => {
    for (const [step, expected] of [
      ['manager_approves', 'not-for-this-step'],
      ['which_way', 'not-for-this-step'],
      ['price_it', 'step-is-needed'],
    ] as const) {
      const { url } = await parked(step);
      expect(reason(await post(`${url}/skip`)), step).toBe(expected);
    }
    const { url } = await parked();
    expect((await post(`${url}/skip`)).json().detail).toBe(
      'Which way, Manager approves, Pay it, Result would read its output. Supply an output instead.',
    );
  });
});

describe('who and when', () => {
  test('who started the run and operators may; others may not, and other tenants see no run', async () => {
    const { run, url } = await parked();
    for (const address of [`${url}/retry`, `${url}/skip`, `/runs/${run}/abort`, `/runs/${run}/pause`]) {
      expect(reason(await post(address, {}, 'bo')), address).toBe('not-permitted');
      expect((await post(address, {}, 'gus')).statusCode, address).toBe(404);
    }
  });

  test('a step that is not parked is told how it stands, and a step that is not there is not found', async () => {
    const run = await startErrand(fixture);
    const refused = await post(`/runs/${run}/steps/fetch_it/retry`);
    expect([refused.statusCode, refused.json().detail]).toEqual([
      409,
      'Expected a step that failed and waits for a person; it has not started.',
    ]);
    expect((await post(`/runs/${run}/steps/nothing/retry`)).statusCode).toBe(404);
    await asWorker(fixture, { ended: run, status: 'completed' });
    expect(reason(await post(`/runs/${run}/steps/fetch_it/retry`))).toBe('run-ended');
    expect(reason(await post(`/runs/${run}/pause`))).toBe('run-ended');
  });

  test('pause, unpause and abort leave an order each, the same one while it is not heard', async () => {
    const run = await startErrand(fixture);
    const first = (await post(`/runs/${run}/pause`, { comment: 'freeze' })).json().command;
    expect((await post(`/runs/${run}/pause`)).json().command).toBe(first);
    const back = (await post(`/runs/${run}/unpause`)).json().command;
    expect(back).not.toBe(first);
    expect((await post(`/runs/${run}/pause`)).json().command).not.toBe(first);
    await post(`/runs/${run}/abort`, {}, 'olga');
    expect((await eventsOf(run, 'command.given')).map(({ kind, user }) => [kind, user])).toEqual([
      ['pause', 'an'],
      ['unpause', 'an'],
      ['pause', 'an'],
      ['abort', 'olga'],
    ]);
  });
});

describe('what became of a write', () => {
  async function parkedWrite(status = 'unknown', failureClass = 'outcome-unknown') {
    const { run, execution, url } = await parked('pay_it', { failureClass });
    const effect = await leaveWrite(fixture, run, execution, status);
    return { run, url, answer: (body: object) => post(`/runs/${run}/effects/${effect}/answer`, body), effect };
  }

  test('is told as an order about its step, with what the tool answered', async () => {
    const { answer, effect } = await parkedWrite();
    const { command } = (await answer({ answer: 'happened', output: { paid: 3 }, comment: 'as the bank says' })).json();
    const row = await commandOf(command);
    expect(row).toMatchObject({ kind: 'settle', node: 'pay_it', comment: 'as the bank says' });
    const { output, ...body } = bodyOf(row);
    expect(body).toEqual({ effect, answer: 'happened' });
    expect(await contentOf(output ?? '')).toEqual({ paid: 3 });
    expect((await answer({ answer: 'happened', output: { paid: 3 }, comment: 'again' })).json().command).toBe(command);
    expect(reason(await answer({ answer: 'send again' }))).toBe('step-not-parked');
  });

  test('is asked only of a step that waits for it, and not against what is recorded', async () => {
    const other = await parkedWrite('unknown', 'tool-failed');
    expect((await other.answer({ answer: 'send again' })).json().detail).toBe(
      'Expected a write that a step waits for a person about; its step parked as tool-failed.',
    );
    const conflict = await parkedWrite('succeeded', 'effect-conflict');
    expect(reason(await conflict.answer({ answer: 'did not happen' }))).toBe('effect-not-asked');
    expect(reason(await conflict.answer({ answer: 'happened', output: {} }))).toBe('effect-not-asked');
    expect((await conflict.answer({ answer: 'happened' })).statusCode).toBe(202);
    expect((await post(`/runs/${conflict.run}/effects/nothing/answer`, { answer: 'send again' })).statusCode).toBe(404);
  });
});
