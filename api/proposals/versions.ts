/** The history of a section or of the state: its versions, one of them, and the difference between two. */
import type { Json } from '../../compiler/types.ts';
import type { Actor, Tx } from '../../prisma/open.ts';
import { readDigests } from '../../prisma/proposal-contents.ts';
import { notFound } from '../errors.ts';
import { sectionOf, seeProposal } from './access.ts';
import type { Comparison } from './compare.ts';
import { compare } from './compare.ts';

export type VersionRow = Awaited<ReturnType<Tx['sectionVersion']['findMany']>>[number];

/** Newest first, at most `take`, below version `before`. @throws Problem not-found */
export async function listVersions(
  tx: Tx,
  actor: Actor,
  proposal: string,
  section: string,
  take: number,
  before: number | undefined,
): Promise<VersionRow[]> {
  const { name } = sectionOf(await seeProposal(tx, actor, proposal), section);
  return tx.sectionVersion.findMany({
    where: {
      tenantId: actor.tenant,
      proposalId: proposal,
      section: name,
      ...(before === undefined ? {} : { version: { lt: before } }),
    },
    orderBy: { version: 'desc' },
    take,
  });
}

export interface VersionDifference extends Comparison {
  from: { row: VersionRow; content: Json };
  to: { row: VersionRow; content: Json };
}

/** @throws Problem not-found */
export async function differenceOf(
  tx: Tx,
  actor: Actor,
  proposal: string,
  section: string,
  versions: { from: number; to: number },
): Promise<VersionDifference> {
  const { name } = sectionOf(await seeProposal(tx, actor, proposal), section);
  const rows = await tx.sectionVersion.findMany({
    where: {
      tenantId: actor.tenant,
      proposalId: proposal,
      section: name,
      version: { in: [versions.from, versions.to] },
    },
  });
  const contents = await readDigests(
    tx,
    actor.tenant,
    rows.map(({ digest }) => digest),
  );
  const at = (version: number) => {
    const row = rows.find((one) => one.version === version);
    const content = row && contents.get(row.digest);
    if (row === undefined || content === undefined) throw notFound(`version ${version}`);
    return { row, content };
  };
  const from = at(versions.from);
  const to = at(versions.to);
  return { from, to, ...compare(from.content, to.content) };
}
