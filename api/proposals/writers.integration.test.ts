/** Many writers on one proposal. `WAYMARK_ALL_ROUNDS` in the environment makes it 100 writers of 100 rounds. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createDefinitionCache } from '../../compiler/proposal-definition.ts';
import type { Store } from '../../prisma/open.ts';
import { openStore } from '../../prisma/open.ts';
import { verifyProposalChain } from '../../prisma/proposal-log.ts';
import { Problem } from '../errors.ts';
import type { ApiFixture } from '../testing/api-fixture.ts';
import { openApiFixture } from '../testing/api-fixture.ts';
import { expense, publishGraph, startProposalOf } from '../testing/proposal-documents.ts';
import { sectionOf, seeProposal } from './access.ts';
import { editSection } from './contents.ts';

const writers = 100;
const rounds = process.env.WAYMARK_ALL_ROUNDS === undefined ? 10 : 100;
const actor = { tenant: 'acme', user: 'an' };

let fixture: ApiFixture;
/** As two APIs have. */
let stores: Store[];
beforeAll(async () => {
  fixture = await openApiFixture();
  await publishGraph(fixture, expense);
  const open = () => openStore({ url: fixture.database.apiUrl, role: 'api', max: 10 });
  stores = await Promise.all([open(), open()]);
});
afterAll(async () => {
  await Promise.all(stores.map((store) => store.close()));
  await fixture.close();
});

test(`of ${writers} writers in ${rounds} rounds each success is a version, in an unbroken history, and nothing is lost`, async () => {
  const id = await startProposalOf(fixture, 'expense-report', 'an');
  const definitions = createDefinitionCache();
  const written: { version: number; content: string }[] = [];
  let conflicts = 0;

  /** Reads the version and writes over it, as a client does. */
  async function attempt(writer: number, round: number): Promise<void> {
    const store = stores[writer % stores.length] as Store;
    const content = `writer ${writer}, round ${round}`;
    const version = await store.actAs(
      actor,
      async (tx) => sectionOf(await seeProposal(tx, actor, id), 'Purpose').lockVersion,
    );
    try {
      const edit = { proposal: id, section: 'Purpose', version, change: () => content };
      const edited = await store.actAs(actor, (tx) => editSection(tx, definitions, actor, edit), { timeoutMs: 60_000 });
      written.push({ version: edited.version, content });
    } catch (error) {
      if (!(error instanceof Problem) || error.slug !== 'version-conflict') throw error;
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
  const rows = await fixture.store.actAs(actor, async (tx) => ({
    proposal: await tx.proposal.findUniqueOrThrow({
      where: { tenantId_id: { tenantId: 'acme', id } },
      include: { sections: true, events: { orderBy: { seq: 'asc' } } },
    }),
    versions: await tx.sectionVersion.findMany({
      where: { proposalId: id, section: 'Purpose' },
      orderBy: { version: 'asc' },
    }),
    artifacts: await tx.artifact.findMany(),
  }));
  const { proposal, versions } = rows;
  const textOf = new Map(rows.artifacts.map(({ digest, content }) => [digest, JSON.parse(content)]));
  // Every success, in the order of its version, and nothing else.
  written.sort((one, other) => one.version - other.version);
  expect(versions.map(({ version, digest }) => ({ version, content: textOf.get(digest) }))).toEqual(written);
  expect(versions.map(({ version }) => version)).toEqual(written.map((_, index) => index + 1));
  expect(versions.map(({ baseDigest }) => baseDigest)).toEqual([
    null,
    ...versions.slice(0, -1).map(({ digest }) => digest),
  ]);
  // Two defaults were there before the first writer.
  expect(proposal.lockVersion).toBe(written.length + 2);
  expect(proposal.sections.find(({ name }) => name === 'Purpose')?.lockVersion).toBe(written.length);
  expect(verifyProposalChain(proposal.events, proposal)).toEqual({ ok: true });
}, 900_000);
