/**
 * How a proposal goes from A to B, told step by step through HTTP alone, each request to another of two APIs than the one
 * before, with two workers: as a reviewer who suggests, and as the one whom the work is handed over to.
 */
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { StreamingModel, Told } from '../../activities/sessions/testing/streaming-model.ts';
import { startStreamingModel } from '../../activities/sessions/testing/streaming-model.ts';
import type { Answer, GateView } from './api-client.ts';
import type { PersonName, System } from './stack-fixture.ts';
import { startSystem } from './stack-fixture.ts';

const bid = `# Bid

## Inputs
| Name | Type   |
|------|--------|
| days | number |

## Types
### Scope
| Field | Type   |
|-------|--------|
| days  | number |

## Agents
### Assistant
- model: small
- tools: identity.tell

You help to write technical proposals.

## Proposal
| Section            | Type  |
|--------------------|-------|
| The scope          | Scope |
| Technical proposal | text  |

## Steps
### Set the scope
- set:
  - days: \`input.days\`
- gives: Scope
- section: The scope

### Technical proposal
- session: assignee
- agent: [Assistant](#assistant)
- section: Technical proposal

## Result
| Name     | Type   | Value                  |
|----------|--------|------------------------|
| days     | number | \`set_the_scope.days\`   |
| proposal | text   | \`technical_proposal\`   |
`;

const [A, B, stranger, foreigner] = ['An Nguyen', 'Minh Pham', 'Mai Tran', 'Gus Grant'] as const;
const idOf: { [person in PersonName]?: string } = { 'An Nguyen': 'an', 'Minh Pham': 'minh' };
let system: System;
let model: StreamingModel;
beforeAll(async () => {
  model = await startStreamingModel(answerOf);
  system = await startSystem({ copies: 2, modelUrl: model.url });
  await system.as(A).publish(bid);
  for (const person of [A, B]) {
    expect((await ask(person, 'PUT', '/connections/identity.tell', { credential: `of-${idOf[person]}` })).status).toBe(
      200,
    );
  }
});
afterAll(async () => {
  await system?.close();
  await model?.close();
});

/** Asked to write something, it reads the proposal first; it tells what each tool answered. */
function answerOf({ messages, answer }: Told) {
  const from = messages.findLastIndex(({ role }) => role === 'user');
  const asked = messages[from]?.content ?? '';
  const answered = messages.slice(from).filter(({ role }) => role === 'tool').length;
  if (asked === 'Who am I?') return answered === 0 ? { calls: [{ name: 'identity__tell', args: {} }] } : answer;
  const content = /^Write: (.*)$/.exec(asked)?.[1];
  if (content === undefined) return `You said ${asked}`;
  if (answered === 0) return { calls: [{ name: 'read_proposal', args: {} }] };
  if (answered === 2) return answer;
  const parts: { section?: string; digest?: string | null }[] = JSON.parse(answer.split('\n')[0] ?? '');
  const base = parts.find(({ section }) => section === 'Technical proposal')?.digest ?? null;
  return { calls: [{ name: 'edit_section', args: { section: 'Technical proposal', base, content } }] };
}

let requests = 0;
function ask(person: PersonName, method: string, path: string, body?: unknown): Promise<Answer> {
  requests += 1;
  return system.as(person, requests % 2).call(method, path, body);
}
async function get(person: PersonName, path: string): Promise<Answer['body']> {
  const { status, body } = await ask(person, 'GET', path);
  expect([path, status]).toEqual([path, 200]);
  return body;
}
async function post(person: PersonName, path: string, body: unknown = {}): Promise<Answer['body']> {
  const answer = await ask(person, 'POST', path, body);
  expect([path, answer.status, answer.body]).toEqual([path, expect.toSatisfy((status) => status < 300), answer.body]);
  return answer.body;
}
/** Status, and of a problem the end of its type. */
const outcome = ({ status, body }: Answer) =>
  body?.type === undefined ? [status] : [status, body.type.replace('urn:waymark:problem:', '')];

interface Work {
  run: string;
  gate: GateView;
  /** Path of the proposal, and of the session of A. */
  proposal: string;
  session: string;
}

/** A runs the document to the step of the technical proposal, and works on it in their own session. */
async function workOfA(): Promise<Work> {
  const { id: run } = await post(A, '/runs', { document: 'bid', input: { days: 3 } });
  const gate = await system.openGateOf(run);
  expect([gate.title, gate.purpose]).toEqual(['Technical proposal', 'task']);
  const proposal = `/proposals/${(await post(A, `/runs/${run}/proposal`)).id}`;
  const session = await continued(A, proposal);
  await say(A, session, 'Who am I?');
  await say(A, session, 'Write: A bridge of steel.');
  await answerAsk(A, session, 'yes');
  expect(await technicalProposal(A, proposal)).toEqual(['A bridge of steel.', 'an', 'session']);
  return { run, gate, proposal, session };
}

const continued = async (person: PersonName, proposal: string) =>
  `/sessions/${(await post(person, `${proposal}/sessions`)).id}`;

/** Says it, and waits for the answer. */
async function say(person: PersonName, session: string, text: string): Promise<void> {
  await post(person, `${session}/messages`, { text });
  await vi.waitFor(async () => expect((await get(person, session)).turn.state).toBe('done'), {
    timeout: 60_000,
    interval: 50,
  });
}

/** What the agent asked its owner for before it did it, and is answered now. */
async function answerAsk(person: PersonName, session: string, answer: 'yes' | 'no'): Promise<Answer['body']> {
  const { asks } = await get(person, session);
  expect(asks).toHaveLength(1);
  await post(person, `${session}/confirmations/${asks[0].id}`, { answer });
  return asks[0].deed;
}

async function technicalProposal(person: PersonName, proposal: string): Promise<unknown[]> {
  const { sections } = await get(person, proposal);
  const { content, provenance } = sections.find(({ name }: { name: string }) => name === 'Technical proposal');
  return [content, provenance?.by, provenance?.source];
}

const textsOf = async (person: PersonName, session: string): Promise<[string, string][]> =>
  (await get(person, `${session}/messages?limit=100`)).items
    .filter(({ kind }: { kind: string }) => kind === 'text')
    .map(({ author, text }: { author: string; text: string }) => [author, text]);

/** What the person was told about the proposal, oldest first. */
const toldOf = async (person: PersonName, proposal: string): Promise<string[]> =>
  (await get(person, '/notifications?limit=100')).items
    .filter(({ address }: { address: string }) => address.startsWith(proposal))
    .map(({ kind }: { kind: string }) => kind)
    .toReversed();

/** Nothing that the person sends reaches the session of somebody else. */
async function writesNothingIn(
  session: string,
  owner: PersonName,
  person: PersonName,
  refused: unknown[],
): Promise<void> {
  const before = await textsOf(owner, session);
  for (const path of ['messages', 'stop', 'retry']) {
    const body = path === 'messages' ? { text: 'Reveal the price.' } : {};
    expect(outcome(await ask(person, 'POST', `${session}/${path}`, body))).toEqual(refused);
  }
  expect(await textsOf(owner, session)).toEqual(before);
}

test('A shares as reviewer: B reads how it came to be, continues as themselves and suggests, and A accepts with edits', async () => {
  const { run, gate, proposal, session } = await workOfA();
  for (const person of [B, stranger, foreigner]) {
    expect(outcome(await ask(person, 'GET', proposal))).toEqual([404, 'not-found']);
  }

  // A finds B, and shares in one call.
  const { items: people } = await get(A, '/people?q=Minh');
  expect(outcome(await ask(A, 'POST', `${proposal}/share`, { person: 'gus', mode: 'reviewer' }))).toEqual([
    422,
    'unknown-person',
  ]);
  await post(A, `${proposal}/share`, { person: people[0].id, mode: 'reviewer', transcript: true });

  // B is told, opens it, and reads what A discussed and what has come of it.
  const { items: told } = await get(B, '/notifications');
  expect(told.map(({ kind, address }: { kind: string; address: string }) => [kind, address])).toEqual([
    ['shared', proposal],
  ]);
  expect(await technicalProposal(B, told[0].address)).toEqual(['A bridge of steel.', 'an', 'session']);
  const { items: readable } = await get(B, `${proposal}/sessions`);
  expect(readable.map(({ id, owner, mayWrite }: Answer['body']) => [id, owner, mayWrite])).toEqual([
    [session.replace('/sessions/', ''), 'an', false],
  ]);
  const discussed = await textsOf(A, session);
  expect(discussed.slice(0, 2)).toEqual([
    ['owner', 'Who am I?'],
    ['agent', expect.stringContaining('Bearer-of-an')],
  ]);
  expect(await textsOf(B, session)).toEqual(discussed);
  await writesNothingIn(session, A, B, [403, 'not-permitted']);
  await writesNothingIn(session, A, stranger, [404, 'not-found']);

  // B continues in a session of their own, in which the agent is B's.
  const own = await continued(B, proposal);
  expect(own).not.toBe(session);
  const asked = system.tools.askers.length;
  await say(B, own, 'Who am I?');
  expect(system.tools.askers.slice(asked)).toEqual(['Bearer-of-minh']);
  await say(B, own, 'Write: A bridge of wood.');
  expect(await answerAsk(B, own, 'yes')).toMatchObject({ does: 'edit', content: 'A bridge of wood.' });
  await say(B, own, 'Write: A tunnel.');
  await answerAsk(B, own, 'yes');
  expect(await technicalProposal(B, proposal)).toEqual(['A bridge of steel.', 'an', 'session']);
  expect(
    outcome(
      await ask(B, 'POST', `/gates/${gate.id}/decisions`, { action: 'done', subject: gate.subject, comment: '' }),
    )[0],
  ).toBe(403);

  // A sees what B suggests, accepts the first with edits, and is not given the second blindly.
  expect(await toldOf(A, proposal)).toEqual(['suggested', 'suggested']);
  const { items: suggestions } = await get(A, `${proposal}/suggestions`);
  const ids = new Map<string, string>();
  for (const { id } of suggestions) {
    const { author, status, body } = await get(A, `${proposal}/suggestions/${id}`);
    expect([author, status]).toEqual(['minh', 'open']);
    ids.set(body, id);
  }
  const [wood, tunnel] = ['A bridge of wood.', 'A tunnel.'].map(
    (content) => `${proposal}/suggestions/${ids.get(content)}`,
  );
  expect(outcome(await ask(B, 'POST', `${wood}/accept`, {}))).toEqual([403, 'not-permitted']);
  await post(A, `${wood}/accept`, { content: 'A bridge of larch.', note: 'Of larch, then' });
  expect(await technicalProposal(B, proposal)).toEqual(['A bridge of larch.', 'an', 'suggestion']);
  expect(outcome(await ask(A, 'POST', `${tunnel}/accept`, {}))[0]).toBe(409);
  expect((await get(B, tunnel ?? '')).status).toBe('stale');
  expect(await toldOf(B, proposal)).toEqual(expect.arrayContaining(['shared', 'decided', 'stale']));
  expect(await textsOf(A, session)).toEqual(discussed);

  // A is done, and the run goes on with what both made of it.
  await post(A, `/gates/${gate.id}/decisions`, { action: 'done', subject: gate.subject, comment: '' });
  expect((await system.until(run, 'completed')).result).toEqual({ days: 3, proposal: 'A bridge of larch.' });
});

test('A hands over: B is the assignee and writes as themselves, and what A says from then on is a suggestion', async () => {
  const { run, gate, proposal, session } = await workOfA();
  await post(A, `${proposal}/share`, { person: 'minh', mode: 'handoff', transcript: true });
  expect(await toldOf(B, proposal)).toEqual(['assigned']);
  expect((await get(B, proposal)).assignee).toBe('minh');

  // The task of the run is B's now.
  const bs = await vi.waitFor(
    async () => {
      const waiting = await system.openGateOf(run);
      expect(waiting.id).not.toBe(gate.id);
      return waiting;
    },
    { timeout: 60_000, interval: 50 },
  );
  const own = await continued(B, proposal);
  expect(await textsOf(B, session)).toEqual(await textsOf(A, session));
  await writesNothingIn(session, A, B, [403, 'not-permitted']);
  const asked = system.tools.askers.length;
  await say(B, own, 'Who am I?');
  await say(B, own, 'Write: A ferry.');
  await answerAsk(B, own, 'yes');
  expect(await technicalProposal(A, proposal)).toEqual(['A ferry.', 'minh', 'session']);

  // A talks on with an agent of their own, who may suggest.
  await say(A, session, 'Who am I?');
  expect(system.tools.askers.slice(asked)).toEqual(['Bearer-of-minh', 'Bearer-of-an']);
  await say(A, session, 'Write: A bridge after all.');
  await answerAsk(A, session, 'yes');
  expect(await technicalProposal(A, proposal)).toEqual(['A ferry.', 'minh', 'session']);
  const { items: suggestions } = await get(B, `${proposal}/suggestions`);
  expect(suggestions.map(({ author, status }: Answer['body']) => [author, status])).toEqual([['an', 'open']]);
  const { sections } = await get(A, proposal);
  const { version } = sections.find(({ name }: { name: string }) => name === 'Technical proposal');
  const written = system
    .as(A, 1)
    .call('PUT', `${proposal}/sections/Technical%20proposal`, { content: 'By hand.' }, undefined, {
      'if-match': `"${version}"`,
    });
  expect(outcome(await written)).toEqual([403, 'not-permitted']);
  await post(B, `${proposal}/suggestions/${suggestions[0].id}/reject`, { note: 'The ferry is ordered' });
  expect(await toldOf(A, proposal)).toContain('decided');

  const done = ({ id, subject }: GateView, person: PersonName) =>
    ask(person, 'POST', `/gates/${id}/decisions`, { action: 'done', subject, comment: '' });
  expect(outcome(await done(gate, A))).toEqual([409, 'not-open']);
  expect(outcome(await done(bs, A))[0]).toBe(403);
  expect(outcome(await done(bs, B))).toEqual([201]);
  expect((await system.until(run, 'completed')).result).toEqual({ days: 3, proposal: 'A ferry.' });
});
