/** Opening a proposal: of a document, without a run; or of a run, from its Result. */
import type { Graph } from '../../compiler/graph.ts';
import { planProposal } from '../../compiler/planned-proposal.ts';
import type { Contents, DefinitionCache } from '../../compiler/proposal-definition.ts';
import type { Json } from '../../compiler/types.ts';
import { getArtifact } from '../../prisma/artifacts.ts';
import type { Actor, Identity, Tx } from '../../prisma/open.ts';
import { openPlannedProposal } from '../../prisma/open-planned-proposal.ts';
import { findProposal, sightOf } from '../../prisma/proposal-rights.ts';
import type { HeldProposal } from '../../prisma/proposals.ts';
import { notFound, Problem } from '../errors.ts';
import type { GraphCache } from '../graph-cache.ts';
import { operatingRoles } from '../operators.ts';
import { findRun } from '../run-handlers.ts';
import { invalidContent } from './contents.ts';
import { isService } from './reassign.ts';

export interface ProposalRequest {
  /** Opens by the version of a document published last, or exactly by the version of a graph's hash. */
  of: { document: string } | { graphHash: string };
  /** The document's title unless said. */
  title?: string;
  /** Inputs of the document, for the expressions that name owners. */
  input: Json;
}

interface Opening {
  graph: Graph;
  graphHash: string;
  title: string;
  input: Json;
  run?: string;
  /** From the run's Result, by name; where it has one. */
  result?: Contents;
}

interface Caches {
  graphs: GraphCache;
  definitions: DefinitionCache;
}

/** @returns its id. @throws Problem not-found; unknown-person, for an owner who is none */
export async function startProposal(tx: Tx, caches: Caches, actor: Actor, request: ProposalRequest): Promise<string> {
  const { tenant } = actor;
  const document =
    'document' in request.of
      ? await tx.document.findUnique({ where: { tenantId_id: { tenantId: tenant, id: request.of.document } } })
      : undefined;
  if (document === null) throw notFound('document');
  const graphHash = 'graphHash' in request.of ? request.of.graphHash : (document?.graphHash ?? '');
  const loaded = await caches.graphs.load(tx, tenant, graphHash);
  if (loaded === undefined) throw notFound('graph');
  const { graph } = loaded;
  const id = await open(tx, caches, actor, {
    graph,
    graphHash,
    title: request.title ?? graph.title,
    input: request.input,
  });
  if (id === undefined) throw new Error('a proposal without a run is in nobody’s way');
  return id;
}

/**
 * Opens the proposal of a run's lineage, or gives the one there is: for who started the run; where that is a service, for
 * whoever may order runs about. With `## Proposal` in the
 * document it may be opened while the run goes on; without, its sections are the rows of the Result, which must be there.
 * @throws Problem not-found, also for who does not see the one there is; not-permitted; no-result; unknown-person
 */
export async function openOfRun(
  tx: Tx,
  caches: Caches,
  actor: Identity,
  runId: string,
  title: string | undefined,
): Promise<{ proposal: HeldProposal; isNew: boolean }> {
  const { tenant } = actor;
  const run = await findRun(tx, tenant, runId);
  if (run.requesterId !== actor.user) await mustStandIn(tx, actor, run.requesterId);
  const loaded = await caches.graphs.load(tx, tenant, run.graphHash);
  if (loaded === undefined) throw notFound('graph');
  const ofLineage = { where: { tenantId_runId: { tenantId: tenant, runId: run.rootRunId } }, select: { id: true } };
  const known = await tx.proposal.findUnique(ofLineage);
  if (known !== null) return { proposal: await given(tx, actor, known.id), isNew: false };
  if (run.resultDigest === null && loaded.graph.proposal === undefined) {
    throw new Problem('no-result', {
      detail: 'Its document has no `## Proposal`, so that it can be opened when the run has its Result.',
    });
  }
  const result = run.resultDigest === null ? undefined : await getArtifact(tx, tenant, run.resultDigest);
  const id = await open(tx, caches, actor, {
    graph: loaded.graph,
    graphHash: run.graphHash,
    title: title ?? run.title,
    input: await getArtifact(tx, tenant, run.inputDigest),
    run: run.rootRunId,
    ...(isRecord(result) ? { result } : {}),
  });
  const now = id ?? (await tx.proposal.findUniqueOrThrow(ofLineage)).id;
  return { proposal: await given(tx, actor, now), isNew: id !== undefined };
}

/** @throws Problem not-permitted where a person started the run, or the actor may not order runs about */
async function mustStandIn(tx: Tx, actor: Identity, requester: string): Promise<void> {
  if (!(await isService(tx, actor.tenant, requester))) {
    throw new Problem('not-permitted', { detail: 'Who started the run opens it, and may share it with you.' });
  }
  if (actor.roles.some((role) => operatingRoles.includes(role))) return;
  const who = `someone with the role ${operatingRoles.join(' or ')}`;
  throw new Problem('not-permitted', { detail: `A service started the run, so that ${who} opens it.` });
}

/** To its people, and to who may give it to a person since its assignee is a service. @throws Problem not-found */
async function given(tx: Tx, actor: Actor, id: string): Promise<HeldProposal> {
  const proposal = await findProposal(tx, actor.tenant, id);
  if (proposal === undefined) throw notFound('proposal');
  if ((await sightOf(tx, actor, proposal)) !== undefined) return proposal;
  if (proposal.assigneeId !== null && (await isService(tx, actor.tenant, proposal.assigneeId))) return proposal;
  throw notFound('proposal');
}

async function open(tx: Tx, caches: Caches, actor: Actor, opening: Opening): Promise<string | undefined> {
  const { graph, graphHash, title, input, run, result } = opening;
  const planned = planProposal(graph, caches.definitions, input, result);
  if (!planned.ok) throw invalidContent(planned.violations);
  const found = await openPlannedProposal(tx, actor, {
    title,
    graphHash,
    ...(run === undefined ? {} : { run }),
    plan: planned.plan,
  });
  if ('opened' in found) return found.opened;
  throw new Problem('unknown-person', {
    detail: `The owner \`${found.unknownPerson}\` is no active person of your tenant.`,
  });
}

function isRecord(value: Json | undefined): value is { [name: string]: Json } {
  return value !== undefined && value !== null && typeof value === 'object' && !Array.isArray(value);
}
