/** Content that is too long to be shown at once: how an agent reads it to its end, and that it writes over none that it has not read. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Json } from '../../compiler/types.ts';
import type { Actor } from '../../prisma/open.ts';
import { dataMark, placeholder } from '../models/clean-text.ts';
import { runTurn } from './run-turn.ts';
import type { SessionFixture } from './testing/session-fixture.ts';
import { ann, ben, openSessionFixture } from './testing/session-fixture.ts';
import type { Said, StreamingModel } from './testing/streaming-model.ts';
import { startStreamingModel } from './testing/streaming-model.ts';

let model: StreamingModel;
let world: SessionFixture;
beforeAll(async () => {
  model = await startStreamingModel(() => 'Nothing was scripted.');
  world = await openSessionFixture(model);
});
afterAll(async () => {
  await world.close();
  await model.close();
});

interface Shown {
  /** Of the parts that were shown. */
  heads: { section?: string; digest?: string | null; cut?: true; more?: string }[];
  /** What stands in the blocks. */
  text: string;
}

function shownIn(answer: string): Shown {
  const text = [...answer.matchAll(/^<waymark:data .*>\n([\s\S]*?)\n<\/waymark:data>$/gm)]
    .map(([, body]) => body)
    .join('');
  return { heads: JSON.parse(answer.split('\n')[0] ?? '[]'), text };
}

/** Has the actor's agent make these calls, each as the answer to the one before has it; gives the answers. */
async function calling(
  actor: Actor,
  proposal: string,
  next: (answers: string[]) => { name: string; args: Json } | undefined,
): Promise<string[]> {
  const answers: string[] = [];
  model.next = ({ messages, answer }): Said => {
    if (messages.at(-1)?.role === 'tool') answers.push(answer);
    const call = next(answers);
    return call === undefined ? 'Done.' : { calls: [call] };
  };
  expect(await runTurn(world.deps, await world.say(actor, proposal, 'Go on.'), new AbortController().signal)).toEqual({
    state: 'done',
  });
  return answers;
}

const inOrder =
  (...calls: { name: string; args: Json }[]) =>
  (answers: string[]) =>
    calls[answers.length];

/** Reads the costs to their end, page by page. */
const allPages = (answers: string[]): { name: string; args: Json } | undefined => {
  const before = answers.at(-1);
  if (before === undefined) return { name: 'read_proposal', args: { section: 'Costs' } };
  const [head] = shownIn(before).heads;
  return head?.more === undefined ? undefined : { name: 'read_proposal', args: { section: 'Costs', from: head.more } };
};

const long = Array.from({ length: 15_000 }, (_, at) => `word-${at}`).join(' ');

test('a section that was cut has no digest, and what an agent would write in its place is not written', async () => {
  const proposal = await world.propose();
  await world.write(ann, proposal, 'Costs', long);
  const edit = (base: string | null) => ({ name: 'edit_section', args: { section: 'Costs', base, content: 'short' } });
  const [read, guessed, blind] = await calling(
    ann,
    proposal,
    inOrder({ name: 'read_proposal', args: {} }, edit('unknown'), edit(null)),
  );
  const { heads } = shownIn(read ?? '');
  expect(heads.find(({ section }) => section === 'Costs')).toEqual({ section: 'Costs', cut: true, mayEdit: true });
  expect(heads.find(({ section }) => section === 'Summary')).toEqual({
    section: 'Summary',
    digest: null,
    mayEdit: true,
  });
  expect(JSON.parse(guessed ?? '')).toMatchObject({ did: 'nothing' });
  expect(JSON.parse(blind ?? '')).toMatchObject({ did: 'suggested', status: 'stale' });
  expect((await world.contents(proposal)).Costs).toBe(long);
});

test('read alone, page by page to its end, it is shown whole and may be written', async () => {
  const proposal = await world.propose();
  await world.write(ann, proposal, 'Costs', long);
  let written = false;
  const answers = await calling(ann, proposal, (told) => {
    if (written) return undefined;
    const page = allPages(told);
    if (page !== undefined) return page;
    written = true;
    const base = shownIn(told.at(-1) ?? '').heads[0]?.digest ?? null;
    return { name: 'edit_section', args: { section: 'Costs', base, content: 'short' } };
  });
  const pages = answers.slice(0, -1).map(shownIn);
  expect(pages.length).toBeGreaterThan(2);
  expect(pages.map(({ text }) => text).join('')).toBe(long);
  expect(pages.slice(0, -1).every(({ heads: [head] }) => head?.digest === undefined)).toBe(true);
  expect(JSON.parse(answers.at(-1) ?? '')).toMatchObject({ did: 'wrote', section: 'Costs' });
  expect((await world.contents(proposal)).Costs).toBe('short');
});

test('so is what somebody else wrote, also where cleaning makes it longer and characters are of two halves', async () => {
  const proposal = await world.propose();
  const theirs = `${'</s>'.repeat(9_000)}x${'😀'.repeat(9_000)} the end`;
  await world.write(ben, proposal, 'Costs', theirs);
  const pages = (await calling(ann, proposal, allPages)).map(shownIn);
  const all = pages.map(({ text }) => text).join('');
  expect(all.replaceAll(dataMark, ' ')).toBe(theirs.replaceAll('</s>', placeholder));
});

test('nobody comes to the end by a place of their own making, or by one in content that has changed since', async () => {
  const proposal = await world.propose();
  await world.write(ann, proposal, 'Costs', long);
  const goingOn = (from: string) => ({ name: 'read_proposal', args: { section: 'Costs', from } });
  const [first, skipped] = await calling(ann, proposal, (answers) => {
    if (answers.length === 0) return { name: 'read_proposal', args: { section: 'Costs' } };
    if (answers.length > 1) return undefined;
    const more = shownIn(answers[0] ?? '').heads[0]?.more ?? '';
    return goingOn(more.replace(/^\d+/, String(long.length - 5)));
  });
  const more = shownIn(first ?? '').heads[0]?.more ?? '';
  expect(skipped).toMatch(/^There is nothing to go on from there/);
  await world.write(ann, proposal, 'Costs', long.replace('word-0', 'changed'));
  const [later] = await calling(ann, proposal, inOrder(goingOn(more)));
  expect(later).toMatch(/^There is nothing to go on from there/);
});
