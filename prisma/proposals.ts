/**
 * Proposals in the store: opening one, holding one, and writing versions of its contents. What may be written, and by
 * whom, is for the caller to decide while it holds the proposal; that a version follows the one before it, that the history and the log
 * say so, and that suggestions over the old content become stale, is seen to here.
 */
import { randomUUID } from 'node:crypto';
import type { Actor, Tx } from './act-as.ts';
import type { Digest } from './artifacts.ts';
import type { Prisma } from './generated/client.ts';
import type { NewNotification } from './notifications.ts';
import { holdersOf, notify } from './notifications.ts';
import type { NewProposalEvent } from './proposal-log.ts';
import { appendProposalEvents } from './proposal-log.ts';

export type VersionSource = 'person' | 'session' | 'step' | 'suggestion' | 'result' | 'default' | 'computed';

export type HeldProposal = Prisma.ProposalGetPayload<{ include: { sections: true } }>;

export interface ContentChange {
  /** A section's name; empty for the state. */
  section: string;
  /** Of the artifact with the new content. */
  digest: Digest;
  source: VersionSource;
  /** The step, the suggestion or the turn of a session it comes from. */
  sourceId?: string;
}

export interface NewProposal {
  title: string;
  graphHash?: string;
  /** The first run of its lineage. A run has one proposal. */
  run?: string;
  /** JSON of all that is needed to validate its contents. */
  definition: string;
  assignee: { person: string } | { role: string };
  /** In order, the state (where there is one) last. */
  sections: { name: string; owner?: { person: string } | { role: string } }[];
  contents: ContentChange[];
}

/** Path in the API of a proposal. */
export const addressOf = (proposal: string): string => `/proposals/${proposal}`;

/**
 * Opens a proposal, started by the actor, who becomes a collaborator; an assignee who is someone else becomes one too.
 * Told are the others for whom it is: the assignee or all who hold the role that it waits for, and the persons who own a
 * section. Undefined when the run has a proposal already.
 */
export async function openProposal(tx: Tx, actor: Actor, opened: NewProposal): Promise<string | undefined> {
  const { tenant, user } = actor;
  const id = randomUUID();
  const at = new Date();
  const assignee = 'person' in opened.assignee ? opened.assignee.person : null;
  const { count } = await tx.proposal.createMany({
    data: [
      {
        tenantId: tenant,
        id,
        title: opened.title,
        graphHash: opened.graphHash ?? null,
        runId: opened.run ?? null,
        definition: opened.definition,
        startedBy: user,
        assigneeId: assignee,
        assigneeRole: 'role' in opened.assignee ? opened.assignee.role : null,
        createdAt: at,
      },
    ],
    skipDuplicates: true,
  });
  if (count === 0) return undefined;
  await tx.section.createMany({
    data: opened.sections.map(({ name, owner }, position) => ({
      tenantId: tenant,
      proposalId: id,
      name,
      position,
      ownerRole: owner && 'role' in owner ? owner.role : null,
      ownerId: owner && 'person' in owner ? owner.person : null,
    })),
  });
  const people = [...new Set([user, ...(assignee === null ? [] : [assignee])])];
  await tx.collaborator.createMany({
    data: people.map((person) => ({
      tenantId: tenant,
      proposalId: id,
      userId: person,
      mode: person === assignee ? 'handoff' : 'reviewer',
      addedBy: user,
      addedAt: at,
    })),
  });
  await appendProposalEvents(tx, id, [
    {
      type: 'proposal.opened',
      body: {
        user,
        ...(opened.run === undefined ? {} : { run: opened.run }),
        ...(opened.graphHash === undefined ? {} : { graph: opened.graphHash }),
        ...(assignee === null ? {} : { assignee }),
      },
    },
  ]);
  const waitsFor = 'role' in opened.assignee ? opened.assignee.role : undefined;
  const told = new Set([
    ...(waitsFor === undefined ? [] : await holdersOf(tx, tenant, waitsFor)),
    ...(assignee === null ? [] : [assignee]),
    ...opened.sections.flatMap(({ owner }) => (owner && 'person' in owner ? [owner.person] : [])),
  ]);
  told.delete(user);
  const body = { proposal: id, ...(waitsFor === undefined ? {} : { role: waitsFor }) };
  await notify(
    tx,
    tenant,
    [...told].map((one) => ({
      user: one,
      kind: 'assigned',
      proposal: id,
      address: addressOf(id),
      body,
      sourceKey: `assigned:${id}:0`,
    })),
  );
  await writeContents(tx, actor, await holdProposal(tx, tenant, id), opened.contents);
  return id;
}

/**
 * The proposal with its sections in order, held until the transaction ends: nobody else writes, hands over or decides
 * meanwhile. Throws when the tenant has none of that id.
 */
export async function holdProposal(tx: Tx, tenant: string, id: string): Promise<HeldProposal> {
  await tx.$queryRaw`SELECT 1 FROM proposal WHERE tenant_id = ${tenant} AND id = ${id} FOR NO KEY UPDATE`;
  return tx.proposal.findUniqueOrThrow({
    where: { tenantId_id: { tenantId: tenant, id } },
    include: { sections: { orderBy: { position: 'asc' } } },
  });
}

/**
 * Writes a version of each section whose content is another than it has. `held` is the proposal as holdProposal gave it
 * in this transaction; the one returned is as it stands afterwards.
 */
export async function writeContents(
  tx: Tx,
  { tenant, user }: Actor,
  held: HeldProposal,
  changes: ContentChange[],
): Promise<HeldProposal> {
  const at = new Date();
  const events: NewProposalEvent[] = [];
  const sections = new Map(held.sections.map((section) => [section.name, section]));
  for (const { section: name, digest, source, sourceId } of changes) {
    const section = sections.get(name);
    if (section === undefined) throw new Error(`proposal ${held.id} has no such section`);
    if (section.digest === digest) continue;
    const version = section.lockVersion + 1;
    const base = section.digest;
    const key = { tenantId: tenant, proposalId: held.id };
    // The history first: two writers of one version, who did not hold the proposal, fail here.
    await tx.sectionVersion.createMany({
      data: [
        {
          ...key,
          section: name,
          version,
          digest,
          baseDigest: base,
          userId: user,
          source,
          sourceId: sourceId ?? null,
          at,
        },
      ],
    });
    await tx.section.updateMany({ where: { ...key, name }, data: { digest, lockVersion: version } });
    sections.set(name, { ...section, digest, lockVersion: version });
    events.push({
      type: 'proposal.written',
      section: name,
      body: { version, base, digest, user, source, ...(sourceId === undefined ? {} : { sourceId }) },
      sourceKey: `written:${name}:${version}`,
    });
  }
  if (events.length === 0) return held;
  const lockVersion = held.lockVersion + events.length;
  await tx.proposal.updateMany({ where: { tenantId: tenant, id: held.id }, data: { lockVersion } });
  events.push(...(await makeStale(tx, tenant, held.id, [...sections.values()])));
  await appendProposalEvents(tx, held.id, events);
  return { ...held, lockVersion, sections: held.sections.map((section) => sections.get(section.name) ?? section) };
}

/** Open suggestions over content that is not there any more. Comments say something of a section, whatever it holds. */
async function makeStale(
  tx: Tx,
  tenant: string,
  proposal: string,
  sections: { name: string; digest: string | null }[],
): Promise<NewProposalEvent[]> {
  const open = await tx.suggestion.findMany({
    where: { tenantId: tenant, proposalId: proposal, status: 'open', kind: { not: 'comment' } },
    select: { id: true, authorId: true, section: true, baseDigest: true },
  });
  const stale = open.filter((one) =>
    sections.some(({ name, digest }) => name === one.section && digest !== one.baseDigest),
  );
  if (stale.length === 0) return [];
  await tx.suggestion.updateMany({
    where: { tenantId: tenant, id: { in: stale.map(({ id }) => id) } },
    data: { status: 'stale' },
  });
  await notify(
    tx,
    tenant,
    stale.map(
      ({ id, authorId }): NewNotification => ({
        user: authorId,
        kind: 'stale',
        proposal,
        address: `${addressOf(proposal)}/suggestions/${id}`,
        body: { proposal, suggestion: id },
        sourceKey: `stale:${id}`,
      }),
    ),
  );
  return stale.map(({ id, section }) => ({
    type: 'suggestion.stale',
    ...(section === null ? {} : { section }),
    body: { suggestion: id },
    sourceKey: `stale:${id}`,
  }));
}
