/** Opening a proposal as a graph plans it: the people it names are looked up, its first contents stored. */
import type { NamedOwner, PlannedProposal } from '../compiler/planned-proposal.ts';
import type { Actor, Tx } from './act-as.ts';
import { putArtifact } from './artifacts.ts';
import type { NewProposal } from './proposals.ts';
import { openProposal } from './proposals.ts';

export interface PlannedOpening {
  title: string;
  graphHash: string;
  /** The first run of its lineage. */
  run?: string;
  plan: PlannedProposal;
}

export type Opened =
  | { opened: string }
  /** The run had one already. */
  | { opened: undefined }
  /** The expression that names an owner who is no active person of the tenant. */
  | { unknownPerson: string };

type Owner = { person: string } | { role: string };

export async function openPlannedProposal(tx: Tx, actor: Actor, opening: PlannedOpening): Promise<Opened> {
  const { plan, title, graphHash, run } = opening;
  const unknown: string[] = [];
  const ownerOf = async (named: NamedOwner): Promise<Owner> => {
    if ('role' in named) return named;
    const person = await personNamed(tx, actor.tenant, named.person);
    if (person === undefined) unknown.push(named.expression);
    return { person: person ?? '' };
  };
  const sections: NewProposal['sections'] = [];
  for (const { name, owner } of plan.sections) {
    sections.push(owner === undefined ? { name } : { name, owner: await ownerOf(owner) });
  }
  const assignee = await assigneeOf(tx, actor, plan.owner && (await ownerOf(plan.owner)));
  const [unknownPerson] = unknown;
  if (unknownPerson !== undefined) return { unknownPerson };
  const contents: NewProposal['contents'] = [];
  for (const { section, value, source } of plan.contents) {
    contents.push({ section, digest: await putArtifact(tx, actor.tenant, value), source });
  }
  const opened = await openProposal(tx, actor, {
    title,
    graphHash,
    ...(run === undefined ? {} : { run }),
    definition: plan.definition,
    assignee,
    sections,
    contents,
  });
  return { opened };
}

/** The starter where they are one of the owners; else the person, or the role of which somebody is to claim it. */
async function assigneeOf(tx: Tx, { tenant, user }: Actor, owner: Owner | undefined): Promise<Owner> {
  if (owner === undefined) return { person: user };
  if ('person' in owner) return owner;
  const has = await tx.membership.count({ where: { tenantId: tenant, userId: user, role: owner.role } });
  return has > 0 ? { person: user } : owner;
}

async function personNamed(tx: Tx, tenant: string, named: unknown): Promise<string | undefined> {
  if (typeof named !== 'string') return undefined;
  const person = await tx.user.findFirst({
    where: { tenantId: tenant, active: true, kind: 'person', OR: [{ id: named }, { email: named }] },
    select: { id: true },
  });
  return person?.id;
}
