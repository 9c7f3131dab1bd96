/** What an agent reads is read by the person it works for, and noted so. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runTurn } from './run-turn.ts';
import type { SessionFixture } from './testing/session-fixture.ts';
import { ann, ben, openSessionFixture } from './testing/session-fixture.ts';
import type { Said, StreamingModel } from './testing/streaming-model.ts';
import { startStreamingModel } from './testing/streaming-model.ts';

let model: StreamingModel;
let world: SessionFixture;
beforeAll(async () => {
  model = await startStreamingModel(() => 'Noted.');
  world = await openSessionFixture(model);
});
afterAll(async () => {
  await world.close();
  await model.close();
});

const script = (...says: Said[]) => {
  let at = 0;
  model.next = () => says[Math.min(at++, says.length - 1)] ?? '';
};
const answerTurn = (asked: { session: string; turn: string }) =>
  runTurn(world.deps, asked, new AbortController().signal);
const readsOf = (proposal: string) =>
  world.api.actAs(ann, async (tx) =>
    (await tx.readEvent.findMany({ where: { thing: proposal }, orderBy: { seq: 'asc' } })).map(
      ({ reader, what, part }) => [reader, what, part],
    ),
  );

test('an agent that reads the proposal and a transcript reads them as the owner of its session', async () => {
  const proposal = await world.propose();
  const anns = await world.say(ann, proposal, 'The costs are 42.');
  await answerTurn(anns);
  expect(await readsOf(proposal)).toEqual([]);
  await world.share(proposal, ben, true);
  const asked = await world.say(ben, proposal, 'Read all of it.');
  const reads = [
    { name: 'read_proposal', args: {} },
    { name: 'read_transcript', args: { person: 'ann' } },
  ];
  script({ calls: reads }, 'I have read it.');
  expect(await answerTurn(asked)).toEqual({ state: 'done' });
  expect(await readsOf(proposal)).toEqual([
    ['ben', 'proposal.read', ''],
    ['ben', 'transcript.read', anns.session],
  ]);
});

test('a transcript that was not granted is not read, and nothing is noted', async () => {
  const proposal = await world.propose();
  await answerTurn(await world.say(ann, proposal, 'The secret is 42.'));
  await world.share(proposal, ben);
  const asked = await world.say(ben, proposal, 'Read what Ann discussed.');
  script({ calls: [{ name: 'read_transcript', args: { person: 'ann' } }] }, 'Nothing.');
  await answerTurn(asked);
  expect(await readsOf(proposal)).toEqual([]);
});
