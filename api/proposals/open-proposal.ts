/** Opening a proposal: of a document, without a run; or of a run, from its Result. */
import { canonicalJson } from '../../compiler/canonical.ts';
import { ExpressionError, evaluate } from '../../compiler/expressions/evaluate.ts';
import type { Approver, Graph } from '../../compiler/graph.ts';
import type { Contents, DefinitionCache } from '../../compiler/proposal-definition.ts';
import { definitionOf, STATE } from '../../compiler/proposal-definition.ts';
import type { Json } from '../../compiler/types.ts';
import { getArtifact, putArtifact } from '../../prisma/artifacts.ts';
import type { Actor, Tx } from '../../prisma/open.ts';
import type { ContentChange, VersionSource } from '../../prisma/proposals.ts';
import { openProposal } from '../../prisma/proposals.ts';
import { notFound, Problem } from '../errors.ts';
import type { GraphCache } from '../graph-cache.ts';
import { findRun } from '../run-handlers.ts';
import { invalidContent } from './contents.ts';

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
 * Opens the proposal of a run's lineage, which is for who started it, or gives the one there is. With `## Proposal` in the
 * document it may be opened while the run goes on; without, its sections are the rows of the Result, which must be there.
 * @throws Problem not-found; not-permitted; no-result; unknown-person
 */
export async function openOfRun(
  tx: Tx,
  caches: Caches,
  actor: Actor,
  runId: string,
  title: string | undefined,
): Promise<{ id: string; isNew: boolean }> {
  const { tenant } = actor;
  const run = await findRun(tx, tenant, runId);
  if (run.requesterId !== actor.user) {
    throw new Problem('not-permitted', { detail: 'Who started the run opens it, and may share it with you.' });
  }
  const loaded = await caches.graphs.load(tx, tenant, run.graphHash);
  if (loaded === undefined) throw notFound('graph');
  const ofLineage = { where: { tenantId_runId: { tenantId: tenant, runId: run.rootRunId } }, select: { id: true } };
  const known = await tx.proposal.findUnique(ofLineage);
  if (known !== null) return { id: known.id, isNew: false };
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
  if (id !== undefined) return { id, isNew: true };
  return { id: (await tx.proposal.findUniqueOrThrow(ofLineage)).id, isNew: false };
}

async function open(tx: Tx, caches: Caches, actor: Actor, opening: Opening): Promise<string | undefined> {
  const { graph, input } = opening;
  const { definition, owner, owners } = definitionOf(graph);
  const text = canonicalJson(definition);
  const names = [...definition.sections.map(({ name }) => name), ...(definition.state === undefined ? [] : [STATE])];
  const sections = [];
  for (const name of names) {
    const one = owners.get(name);
    sections.push({ name, ...(one === undefined ? {} : { owner: await resolve(tx, actor, one, input) }) });
  }
  return openProposal(tx, actor, {
    title: opening.title,
    graphHash: opening.graphHash,
    ...(opening.run === undefined ? {} : { run: opening.run }),
    definition: text,
    assignee: owner === undefined ? { person: actor.user } : await assigneeOf(tx, actor, owner, input),
    sections,
    contents: await firstContents(tx, caches.definitions, actor, text, opening.result ?? {}),
  });
}

/** Defaults, then what the Result has of the sections, then what code computes from both. */
async function firstContents(
  tx: Tx,
  definitions: DefinitionCache,
  actor: Actor,
  text: string,
  result: Contents,
): Promise<ContentChange[]> {
  const definition = definitions.load(text);
  let contents = definition.initial();
  const sources = new Map<string, VersionSource>(Object.keys(contents).map((name) => [name, 'default']));
  for (const { name, computed } of definition.sections) {
    const value = result[name];
    if (value === undefined || computed !== undefined) continue;
    const completed = definition.complete(name, value, contents);
    if (!completed.ok) throw invalidContent(completed.violations);
    contents = { ...contents, ...completed.contents };
    sources.set(name, 'result');
  }
  const changes: ContentChange[] = [];
  for (const [name, content] of Object.entries(contents)) {
    const computed = definition.field(name)?.computed !== undefined;
    changes.push({
      section: name,
      digest: await putArtifact(tx, actor.tenant, content),
      source: computed ? 'computed' : (sources.get(name) ?? 'computed'),
    });
  }
  return changes;
}

/** The starter where they are one of the owners; else the person, or the role of which somebody is to claim it. */
async function assigneeOf(
  tx: Tx,
  actor: Actor,
  owner: Approver,
  input: Json,
): Promise<{ person: string } | { role: string }> {
  const found = await resolve(tx, actor, owner, input);
  if ('person' in found) return found;
  const key = { tenantId: actor.tenant, userId: actor.user };
  const has = await tx.membership.count({ where: { ...key, role: found.role } });
  return has > 0 ? { person: actor.user } : found;
}

/** @throws Problem unknown-person */
async function resolve(
  tx: Tx,
  { tenant }: Actor,
  owner: Approver,
  input: Json,
): Promise<{ person: string } | { role: string }> {
  if ('role' in owner) return { role: owner.role };
  const named = namedBy(owner.person, input);
  const person =
    typeof named !== 'string'
      ? null
      : await tx.user.findFirst({
          where: { tenantId: tenant, active: true, kind: 'person', OR: [{ id: named }, { email: named }] },
          select: { id: true },
        });
  if (person === null) {
    throw new Problem('unknown-person', {
      detail: `The owner \`${owner.person}\` is no active person of your tenant.`,
    });
  }
  return { person: person.id };
}

function namedBy(expression: string, input: Json): Json {
  try {
    return evaluate(expression, { input });
  } catch (error) {
    if (error instanceof ExpressionError) return null;
    throw error;
  }
}

function isRecord(value: Json | undefined): value is { [name: string]: Json } {
  return value !== undefined && value !== null && typeof value === 'object' && !Array.isArray(value);
}
