/** Many writers on one proposal, by two APIs. `WAYMARK_ALL_ROUNDS` in the environment makes it 100 writers of 100 rounds. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Graph } from '../../compiler/graph.ts';
import type { Store } from '../../prisma/open.ts';
import { openStore } from '../../prisma/open.ts';
import { verifyProposalChain } from '../../prisma/proposal-log.ts';
import type { ApiFixture } from '../testing/api-fixture.ts';
import { openApiFixture } from '../testing/api-fixture.ts';
import type { ProposalClient } from '../testing/proposal-client.ts';
import { outcome, proposalClient } from '../testing/proposal-client.ts';
import { onboarding, publishGraph, startProposalOf } from '../testing/proposal-documents.ts';

const writers = 100;
const rounds = process.env.WAYMARK_ALL_ROUNDS === undefined ? 10 : 100;
const an = { tenant: 'acme', user: 'an' };

/** What the managers own, what its assignee writes, and what is one person's own. */
const places = [
  { section: 'Equipment', people: ['an', 'mai', 'minh'], of: 60 },
  { section: 'Welcome', people: ['an'], of: 20 },
  { section: 'Notes of the buddy', people: ['bo'], of: 20 },
];
const handbook: Graph = {
  ...onboarding,
  id: 'handbook',
  ...(onboarding.proposal && {
    proposal: {
      ...onboarding.proposal,
      sections: onboarding.proposal.sections.map((section) =>
        section.field.name === 'Equipment' ? { ...section, owner: { role: 'manager' } } : section,
      ),
    },
  }),
};

let fixture: ApiFixture;
/** Of one API each. */
let stores: Store[];
let client: ProposalClient;
beforeAll(async () => {
  fixture = await openApiFixture();
  await publishGraph(fixture, handbook);
  const open = () => openStore({ url: fixture.database.apiUrl, role: 'api', max: 10 });
  stores = await Promise.all([open(), open()]);
  client = proposalClient(fixture, await Promise.all(stores.map((store) => fixture.secondApp({ store }))));
});
afterAll(async () => {
  await fixture.close();
  await Promise.all(stores.map((store) => store.close()));
});

interface Written {
  section: string;
  version: number;
  content: string;
  by: string;
}

test(`of ${writers} writers in ${rounds} rounds each success is a version, in an unbroken history, and nothing is lost`, async () => {
  const id = await startProposalOf(fixture, 'handbook', 'an', { buddy: 'bo' });
  const first = (await rowsOf(id)).proposal.lockVersion;
  const written: Written[] = [];
  let conflicts = 0;

  /** Reads the version and writes over it, as a client does. */
  async function attempt(writer: number, round: number): Promise<void> {
    const { section, people } = placeOf(writer);
    const by = people[writer % people.length] ?? '';
    const content = `writer ${writer}, round ${round}`;
    const { sections } = await client.get(`/proposals/${id}`, by);
    const { version } = sections.find(({ name }: { name: string }) => name === section);
    const answer = await client.put(id, section, content, version, by);
    if (answer.statusCode === 200) written.push({ section, version: answer.json().version, content, by });
    else {
      expect(outcome(answer)).toEqual([412, 'version-conflict']);
      conflicts += 1;
    }
  }

  // Twice as many at once as there are connections: the pool gives up on who waits too long for one.
  const queue = Array.from({ length: writers * rounds }, (_, n) => [n % writers, Math.floor(n / writers)] as const);
  await Promise.all(
    Array.from({ length: 40 }, async () => {
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) await attempt(...next);
    }),
  );

  expect(written.length + conflicts).toBe(writers * rounds);
  expect(conflicts).toBeGreaterThan(0);
  const { proposal, versions, textOf } = await rowsOf(id);
  for (const { section, people } of places) {
    const history = versions.filter((version) => version.section === section);
    // Every success, in the order of its version, and nothing else.
    const ofSection = written.filter((one) => one.section === section);
    ofSection.sort((one, other) => one.version - other.version);
    expect(
      history.map(({ version, digest, userId }) => ({ section, version, content: textOf.get(digest), by: userId })),
    ).toEqual(ofSection);
    expect(history.map(({ version }) => version)).toEqual(ofSection.map((_, index) => index + 1));
    expect(history.map(({ baseDigest }) => baseDigest)).toEqual([
      null,
      ...history.slice(0, -1).map(({ digest }) => digest),
    ]);
    expect([...new Set(history.map(({ userId }) => userId))].toSorted()).toEqual(people);
    expect(proposal.sections.find(({ name }) => name === section)?.lockVersion).toBe(ofSection.length);
  }
  expect(proposal.lockVersion).toBe(first + written.length);
  expect(verifyProposalChain(proposal.events, proposal)).toEqual({ ok: true });
}, 1_800_000);

function placeOf(writer: number): (typeof places)[number] {
  let upTo = 0;
  for (const place of places) {
    upTo += place.of;
    if (writer < upTo) return place;
  }
  throw new Error(`writer ${writer} has no place`);
}

async function rowsOf(id: string) {
  return fixture.store.actAs(an, async (tx) => ({
    proposal: await tx.proposal.findUniqueOrThrow({
      where: { tenantId_id: { tenantId: 'acme', id } },
      include: { sections: true, events: { orderBy: { seq: 'asc' } } },
    }),
    versions: await tx.sectionVersion.findMany({ where: { proposalId: id }, orderBy: { version: 'asc' } }),
    textOf: new Map((await tx.artifact.findMany()).map(({ digest, content }) => [digest, JSON.parse(content)])),
  }));
}
