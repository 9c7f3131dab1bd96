/** What the owner of a session does by the API while the worker is at its turn: neither makes the other fail. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { TurnClaim } from '../../../activities/sessions/claim-turn.ts';
import { claimTurn } from '../../../activities/sessions/claim-turn.ts';
import { proposalTools } from '../../../activities/sessions/proposal-tools.ts';
import { runTurn } from '../../../activities/sessions/run-turn.ts';
import { sessionDependencies } from '../../../activities/sessions/testing/session-step.ts';
import type { StreamingModel } from '../../../activities/sessions/testing/streaming-model.ts';
import { startStreamingModel } from '../../../activities/sessions/testing/streaming-model.ts';
import { TurnJournal } from '../../../activities/sessions/turn-journal.ts';
import type { ApiFixture } from '../../testing/api-fixture.ts';
import { eventually, openApiFixture } from '../../testing/api-fixture.ts';
import type { ProposalClient } from '../../testing/proposal-client.ts';
import { proposalClient } from '../../testing/proposal-client.ts';
import { expense, publishGraph, startProposalOf } from '../../testing/proposal-documents.ts';
import { askOwnerOf } from '../../testing/session-questions.ts';

let fixture: ApiFixture;
let client: ProposalClient;
let model: StreamingModel;
let deps: ReturnType<typeof sessionDependencies>;
beforeAll(async () => {
  fixture = await openApiFixture();
  client = proposalClient(fixture);
  await publishGraph(fixture, expense);
  model = await startStreamingModel(() => 'Nothing was scripted.');
  deps = sessionDependencies({ ...fixture, store: fixture.worker, api: fixture.store }, model);
});
afterAll(async () => {
  await fixture.close();
  await model.close();
});

const rounds = 100;

interface Talk {
  proposal: string;
  session: string;
}

async function talk(): Promise<Talk> {
  const proposal = await startProposalOf(fixture, 'expense-report', 'an');
  const session = (await client.call('POST', `/proposals/${proposal}/sessions`, 'an', {})).json().id;
  return { proposal, session };
}

async function say(session: string, text: string): Promise<{ session: string; turn: string }> {
  const said = await client.call('POST', `/sessions/${session}/messages`, 'an', { text });
  return { session, turn: said.json().turn.id };
}

/** Says something, and has the worker take up the turn that answers it. */
async function takenUp(session: string): Promise<TurnClaim> {
  const taken = await claimTurn(deps, await say(session, 'Go on.'));
  if ('ended' in taken) throw new Error(`the turn is ${taken.ended}`);
  return taken.claimed;
}

test(`a stop that meets pieces being written: ${rounds} of ${rounds} are answered, and each turn ends with all it wrote`, async () => {
  const { session } = await talk();
  for (let round = 0; round < rounds; round += 1) {
    const claim = await takenUp(session);
    const journal = new TurnJournal(deps, claim);
    let written = '';
    let refused = false;
    const writing = (async () => {
      for (let stopping = false; !stopping && !refused; ) {
        written += 'word ';
        ({ stopping } = await journal.piece('word '));
      }
      await journal.end({ state: 'stopped' }, written);
    })();
    const stopped = await client.call('POST', `/sessions/${session}/stop`, 'an', {});
    refused = stopped.statusCode !== 200;
    await writing;
    expect(stopped.statusCode, stopped.body).toBe(200);
    const { turn } = await client.get(`/sessions/${session}`, 'an');
    expect([turn.id, turn.state]).toEqual([claim.turn, 'stopped']);
    const last = await fixture.store.actAs(claim.actor, (tx) =>
      tx.message.findFirst({ where: { turnId: claim.turn, kind: 'text', author: 'agent' } }),
    );
    expect(last?.body).toBe(written);
  }
});

test(`a yes that meets an edit of the agent: ${rounds} of ${rounds} are answered, one of the two writes and the other suggests`, async () => {
  const { proposal, session } = await talk();
  const base = async (): Promise<string | null> => {
    const { sections } = await client.get(`/proposals/${proposal}`, 'an');
    return sections.find(({ name }: { name: string }) => name === 'Purpose').digest ?? null;
  };
  for (let round = 0; round < rounds; round += 1) {
    const claim = await takenUp(session);
    const journal = new TurnJournal(deps, claim);
    const edit = { section: 'Purpose', base: await base() };
    const asked = { does: 'edit', ...edit, content: `confirmed ${round}` } as const;
    const confirmation = await askOwnerOf(fixture, session, asked, 'an');
    const url = `/sessions/${session}/confirmations/${confirmation}`;
    const confirm = () => client.call('POST', url, 'an', { answer: 'yes' });
    const record = () =>
      journal.record('tool', { round }, { source: 'edit_section', latencyMs: 0 }, async (tx) => {
        const done = await proposalTools.edit_section?.run(
          { tx, deps, claim },
          { ...edit, content: `edited ${round}` },
        );
        if (done === undefined) throw new Error('there is no such tool');
        return done;
      });
    const [answered, edited] = await Promise.all([confirm(), record()]);
    expect(answered.statusCode, answered.body).toBe(200);
    await journal.end({ state: 'done' });
    const { did } = answered.json().outcome;
    expect([did, (edited as { did: string }).did].sort()).toEqual(['suggested', 'wrote']);
  }
});

test('an answer that is stopped while it comes stays as far as it had come, and is given whole when it is asked for again', async () => {
  const { session } = await talk();
  const asked = await say(session, 'Tell me everything.');
  model.next = () => ({ pieces: Array.from({ length: 1_000 }, (_, at) => `${at} `), pauseMs: 20 });
  const never = new AbortController().signal;
  const ending = runTurn(deps, asked, never);
  const messages = (kind: string) =>
    fixture.store.actAs({ tenant: 'acme', user: 'an' }, (tx) =>
      tx.message.findMany({ where: { turnId: asked.turn, kind, author: 'agent' }, orderBy: { seq: 'asc' } }),
    );
  await eventually(async () => ((await messages('piece')).length > 0 ? true : undefined));
  const stopped = await client.call('POST', `/sessions/${session}/stop`, 'an', {});
  expect([stopped.statusCode, stopped.json().turn]).toMatchObject([200, { state: 'running', stopping: true }]);
  expect(await ending).toEqual({ state: 'stopped' });
  const [partial] = await messages('text');
  expect(partial?.body).toMatch(/^0 1 /);
  expect(partial?.body).not.toContain('999');
  expect(partial?.body.startsWith((await messages('piece')).map(({ body }) => body).join(''))).toBe(true);

  const again = await client.call('POST', `/sessions/${session}/retry`, 'an', {});
  expect([again.statusCode, again.json()]).toMatchObject([200, { id: asked.turn, state: 'queued', stopping: false }]);
  model.next = () => 'This is all of it.';
  expect(await runTurn(deps, asked, never)).toEqual({ state: 'done' });
  const { items } = await client.get(`/sessions/${session}/messages`, 'an');
  expect(
    items.map((one: { author: string; kind: string; text?: string; data?: object }) => [
      one.author,
      one.kind,
      one.text ?? one.data,
    ]),
  ).toEqual([
    ['owner', 'text', 'Tell me everything.'],
    ['agent', 'turn', { state: 'running', attempt: 1 }],
    ['agent', 'text', partial?.body],
    ['agent', 'turn', { state: 'stopped' }],
    ['owner', 'turn', { state: 'queued' }],
    ['agent', 'turn', { state: 'running', attempt: 2 }],
    ['agent', 'text', 'This is all of it.'],
    ['agent', 'turn', { state: 'done' }],
  ]);
  expect((await client.get(`/sessions/${session}`, 'an')).turn).toMatchObject({ id: asked.turn, state: 'done' });
});
