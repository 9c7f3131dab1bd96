/** What an operator says became of a write of a session: recorded once, told to its owner, and gone on from when they ask. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { answerForEffect } from '../../api/answer-effect.ts';
import { Problem } from '../../api/errors.ts';
import { createGraphCache } from '../../api/graph-cache.ts';
import { viewOfSession } from '../../api/sessions/session-view.ts';
import { retry } from '../../api/sessions/turns.ts';
import type { Json } from '../../compiler/types.ts';
import type { EffectAnswer } from '../../prisma/commands.ts';
import type { Dependencies } from '../dependencies.ts';
import { hear } from '../runs.ts';
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
import { runTurn } from './run-turn.ts';
import { askForWrite, sayYesTo } from './testing/asked-write.ts';
import type { TalkedOver } from './testing/session-step.ts';
import { openTalk, sessionDependencies, talkGraph } from './testing/session-step.ts';
import type { StreamingModel } from './testing/streaming-model.ts';
import { startStreamingModel } from './testing/streaming-model.ts';

let fixture: Fixture;
let model: StreamingModel;
let desk: ToolServer;
let deps: Dependencies;
const never = new AbortController().signal;
const graphs = createGraphCache();
const output = { type: 'object', properties: { booking: { type: 'string' } }, required: ['booking'] };
const declared = { tools: new Map([['rooms.book', { effect: 'write', output } as const]]) };
const operator = { ...manager, name: 'Mona', email: 'mona@acme.test', active: true, roles: ['operator'] };

beforeAll(async () => {
  fixture = await openFixture();
  model = await startStreamingModel(() => 'Nothing was scripted.');
  desk = await startToolServer();
  const configuration = {
    allowedHosts: [desk.host],
    tools: {
      'rooms.book': {
        effect: 'write',
        description: 'Books a room',
        http: { method: 'POST', url: `${desk.url}/rooms` },
        input: { type: 'object' },
        output,
      },
    },
  };
  deps = sessionDependencies(fixture, model, { configuration });
});
afterAll(async () => {
  await Promise.all([model.close(), desk.close()]);
  await fixture.close();
});
beforeEach(() => {
  model.asked.length = 0;
  desk.asked.length = 0;
  desk.answer = (_, response) => response.destroy();
});

interface Lost {
  talked: TalkedOver;
  begun: { session: string; turn: string };
  confirmation: string;
  effect: string;
}

/** A write that was sent and not answered: nobody knows whether it happened, and its call is past its deadline. */
async function lostWrite(): Promise<Lost> {
  const talked = await openTalk(fixture, deps, talkGraph({ tools: ['rooms.book'] }));
  const asked = await askForWrite({ fixture, model }, talked);
  const begun = await sayYesTo({ fixture, deps }, asked);
  expect(await runTurn(deps, begun, never)).toEqual({ state: 'failed' });
  await expireCalls(begun.turn);
  const [row] = await effectsOf(fixture, talked.run);
  expect(row?.status).toBe('unknown');
  return { talked, begun, confirmation: asked.confirmation, effect: row?.effectKey ?? '' };
}
const expireCalls = (turn: string) =>
  fixture.store.actAs(requester, (tx) =>
    tx.effect.updateMany({ where: { tenantId: tenant, turnId: turn }, data: { deadline: new Date(0) } }),
  );

const give = ({ talked, effect }: Lost, answer: EffectAnswer, given?: Json, person = operator) =>
  fixture.api.actAs(person, (tx) =>
    answerForEffect(
      tx,
      { graphs, declared },
      person,
      { run: talked.run, effect },
      { answer, comment: 'I called them', ...(given === undefined ? {} : { output: given }) },
    ),
  );
const refusal = (giving: Promise<unknown>) =>
  giving.then(
    () => 'taken',
    (problem: unknown) => (problem instanceof Problem ? `${problem.slug}: ${problem.extras.detail}` : problem),
  );
/** The run hears of the answer, its owner asks for the turn again, and it is answered. */
async function goOn({ talked, begun }: Lost, command: string): Promise<{ state: string }> {
  expect(await hear(deps, { run: talked.run, ring: { command } })).toEqual({ kind: 'nothing' });
  return again(begun);
}
async function again(begun: Lost['begun']): Promise<{ state: string }> {
  await fixture.api.actAs(requester, (tx) => retry(tx, requester, begun.session));
  model.next = () => 'I see.';
  return runTurn(deps, begun, never);
}
const actionsOf = (turn: string) =>
  asRequester(fixture, async (tx) =>
    (await tx.message.findMany({ where: { turnId: turn, kind: 'action' }, orderBy: { seq: 'asc' } })).map(
      ({ author, body }): Record<string, Json> => ({ author, ...(JSON.parse(body) as Record<string, Json>) }),
    ),
  );
/** What the session's owner was told about its writes. */
const toldOf = (turn: string) =>
  fixture.api.actAs(requester, async (tx) =>
    (await tx.notification.findMany({ where: { userId: requester.user, body: { contains: turn } } })).map(
      ({ kind, address, body }) => ({ kind, address, body: JSON.parse(body) as Json }),
    ),
  );
const commandOf = (id: string) => asRequester(fixture, (tx) => tx.command.findFirstOrThrow({ where: { id } }));

test('happened: asked again, the turn goes on from the answer that was given, tells who gave it, and calls nothing', async () => {
  const lost = await lostWrite();
  const { command } = await give(lost, 'happened', { booking: 'B-7' });
  expect(await goOn(lost, command)).toEqual({ state: 'done' });
  expect(desk.asked).toHaveLength(1);
  expect(model.asked.at(-1)?.answer).toMatch(/^It is done\. [\s\S]*trust="untrusted"[\s\S]*B-7/);
  const { session, turn } = lost.begun;
  expect(await toldOf(turn)).toEqual([
    {
      kind: 'write-answered',
      address: `/sessions/${session}`,
      body: { proposal: lost.talked.proposal, session, turn, answer: 'happened', by: 'mona' },
    },
  ]);
  const about = { author: 'agent', tool: 'rooms.book', confirmation: lost.confirmation };
  const learned = { ...about, did: 'learned', effect: lost.effect, answer: 'happened', by: 'mona' };
  expect(await actionsOf(lost.begun.turn)).toEqual([learned, { ...about, did: 'called' }]);
  expect(await commandOf(command)).toMatchObject({
    kind: 'settle',
    node: 'talk',
    userId: 'mona',
    comment: 'I called them',
    applied: true,
  });
  expect((await eventsOf(fixture, lost.talked.run)).slice(-3)).toMatchObject([
    { type: 'command.given', kind: 'settle', command, user: 'mona' },
    {
      type: 'effect.answered',
      node: 'talk',
      effect: lost.effect,
      answer: 'happened',
      status: 'succeeded',
      command,
      user: 'mona',
    },
    { type: 'command.applied', node: 'talk', command, applied: true },
  ]);
});

test('did not happen: asked again, the turn makes the call under another key, once', async () => {
  const lost = await lostWrite();
  const { command } = await give(lost, 'did not happen');
  desk.answer = (_, response) => json(response, 200, { booking: 'B-8' });
  expect(await goOn(lost, command)).toEqual({ state: 'done' });
  expect(desk.asked).toHaveLength(2);
  const [first, second] = await effectsOf(fixture, lost.talked.run);
  expect(first).toMatchObject({ effectKey: lost.effect, status: 'failed', answer: 'did not happen', sends: 1 });
  expect(second).toMatchObject({ status: 'succeeded', answer: null, sends: 1, turnId: lost.begun.turn });
  expect((await actionsOf(lost.begun.turn)).map(({ did, answer }) => [did, answer])).toEqual([
    ['learned', 'did not happen'],
    ['called', undefined],
  ]);
});

test('did not happen, and lost once more: the second is asked about by itself, and each answer is told once', async () => {
  const lost = await lostWrite();
  expect(await goOn(lost, (await give(lost, 'did not happen')).command)).toEqual({ state: 'failed' });
  await expireCalls(lost.begun.turn);
  expect(await again(lost.begun)).toEqual({ state: 'failed' });
  expect(desk.asked).toHaveLength(2);
  const effect = (await effectsOf(fixture, lost.talked.run)).find(({ answer }) => answer === null)?.effectKey ?? '';
  const { command } = await give({ ...lost, effect }, 'happened', { booking: 'B-9' });
  expect(await goOn(lost, command)).toEqual({ state: 'done' });
  expect(desk.asked).toHaveLength(2);
  expect((await actionsOf(lost.begun.turn)).map(({ did, effect: of, answer }) => [did, of, answer])).toEqual([
    ['learned', lost.effect, 'did not happen'],
    ['learned', effect, 'happened'],
    ['called', undefined, undefined],
  ]);
});

test('did not happen, and the step is done since: it is not made, and is not said to be unknown', async () => {
  const lost = await lostWrite();
  const { command } = await give(lost, 'did not happen');
  await decide(fixture, lost.talked.gate, 'done');
  expect(await goOn(lost, command)).toEqual({ state: 'done' });
  expect(desk.asked).toHaveLength(1);
  expect((await actionsOf(lost.begun.turn)).at(-1)).toMatchObject({ did: 'nothing' });
});

test('an answer that comes while the call is made again has it made under another key', async () => {
  const lost = await lostWrite();
  let isSending = false;
  const answeredMeanwhile: Dependencies = {
    ...deps,
    breakers: {
      run(_, operation) {
        isSending = true;
        return operation();
      },
    },
    store: {
      ...deps.store,
      async actAs(actor, work) {
        const given = await deps.store.actAs(actor, work);
        // The key was chosen in this transaction; its intent is written in the next.
        if (isSending) {
          isSending = false;
          const data = { status: 'failed', answer: 'did not happen' };
          await deps.store.actAs(actor, (tx) => tx.effect.updateMany({ where: { effectKey: lost.effect }, data }));
        }
        return given;
      },
    },
  };
  desk.answer = (_, response) => json(response, 200, { booking: 'B-12' });
  await fixture.api.actAs(requester, (tx) => retry(tx, requester, lost.begun.session));
  model.next = () => 'I see.';
  expect(await runTurn(answeredMeanwhile, lost.begun, never)).toEqual({ state: 'done' });
  expect((await effectsOf(fixture, lost.talked.run)).map(({ status, sends }) => [status, sends])).toEqual([
    ['failed', 1],
    ['succeeded', 1],
  ]);
});

test('until its owner asks for the turn again, nothing is written in the session; it shows them that there is an answer', async () => {
  const lost = await lostWrite();
  const seqOf = () => asRequester(fixture, (tx) => tx.session.findFirstOrThrow({ where: { id: lost.begun.session } }));
  const before = await seqOf();
  const shown = async (user: string) =>
    (await fixture.api.actAs({ tenant, user }, (tx) => viewOfSession(tx, before, user))).turn?.answered;
  expect(await shown('rita')).toBeUndefined();
  const { command } = await give(lost, 'happened', { booking: 'B-10' });
  await hear(deps, { run: lost.talked.run, ring: { command } });
  expect(await seqOf()).toEqual(before);
  expect([await shown('rita'), await shown('mona')]).toEqual(['happened', undefined]);
  expect(await again(lost.begun)).toEqual({ state: 'done' });
  expect(await shown('rita')).toBeUndefined();
});

test('who answers about a write of their own session is not told what they said', async () => {
  const lost = await lostWrite();
  const { command } = await give(lost, 'happened', { booking: 'B-12' }, { ...operator, ...requester });
  expect(await goOn(lost, command)).toEqual({ state: 'done' });
  expect(await toldOf(lost.begun.turn)).toEqual([]);
});

test('the first answer counts, heard twice it is one', async () => {
  const lost = await lostWrite();
  const { command } = await give(lost, 'happened', { booking: 'B-11' });
  expect(await give(lost, 'happened', { booking: 'B-11' })).toEqual({ command });
  expect(await refusal(give(lost, 'did not happen'))).toMatch(
    /^step-not-parked: .* an order about it is on its way\.$/,
  );
  for (let times = 0; times < 2; times++) await hear(deps, { run: lost.talked.run, ring: { command } });
  expect(await eventsOf(fixture, lost.talked.run, 'effect.answered')).toHaveLength(1);
  expect(await eventsOf(fixture, lost.talked.run, 'command.applied')).toHaveLength(1);
  expect(await refusal(give(lost, 'did not happen'))).toMatch(/somebody said that it happened\.$/);
});

describe('refused is', () => {
  const expected = 'Expected a write of a session of which nobody knows whether it happened';

  test('to send it again: that is its owner’s to ask for', async () => {
    const lost = await lostWrite();
    expect(await refusal(give(lost, 'send again'))).toBe(
      `effect-not-asked: ${expected}; who has the session asks for it again there.`,
    );
  });

  test('an answer that the tool could not have given, whether the API or the worker knows its type', async () => {
    const lost = await lostWrite();
    expect(await refusal(give(lost, 'happened', { room: 'Blue' }))).toMatch(/^invalid-output: /);
    declared.tools.delete('rooms.book');
    const { command } = await give(lost, 'happened', { room: 'Blue' }).finally(() =>
      declared.tools.set('rooms.book', { effect: 'write', output }),
    );
    expect(await hear(deps, { run: lost.talked.run, ring: { command } })).toEqual({ kind: 'nothing' });
    expect((await commandOf(command)).applied).toBe(false);
    expect((await effectsOf(fixture, lost.talked.run))[0]).toMatchObject({ status: 'unknown', answer: null });
  });

  test('to whoever may not order the run about', async () => {
    const lost = await lostWrite();
    expect(await refusal(give(lost, 'happened', { booking: 'B' }, { ...operator, roles: ['manager'] }))).toMatch(
      /^not-permitted: /,
    );
  });

  test('while the call may be under way, and while its turn is', async () => {
    const lost = await lostWrite();
    const deadline = new Date(Date.now() + 60_000);
    await asRequester(fixture, (tx) => tx.effect.updateMany({ where: { effectKey: lost.effect }, data: { deadline } }));
    expect(await refusal(give(lost, 'did not happen'))).toBe(
      `effect-not-asked: ${expected}; until ${deadline.toISOString()} it may be under way.`,
    );
    await fixture.api.actAs(requester, (tx) => retry(tx, requester, lost.begun.session));
    expect(await refusal(give(lost, 'did not happen'))).toBe(`effect-not-asked: ${expected}; its turn is under way.`);
  });

  test('once it is known', async () => {
    const lost = await lostWrite();
    const becomes = (status: string) =>
      asRequester(fixture, (tx) => tx.effect.updateMany({ where: { effectKey: lost.effect }, data: { status } }));
    await becomes('failed');
    expect(await refusal(give(lost, 'happened', { booking: 'B' }))).toMatch(/that it did not happen is recorded\.$/);
    await becomes('succeeded');
    expect(await refusal(give(lost, 'happened'))).toMatch(/that it happened is recorded\.$/);
  });
});
