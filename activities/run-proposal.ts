/**
 * The proposal of a run: opened when a step first needs it, read as it stands, people's edits included, and written by
 * steps over what was there when their work began.
 */
import type { Graph, Node, NodeOf } from '../compiler/graph.ts';
import { downstreamOf } from '../compiler/graph-order.ts';
import { expressionsOf, inputsOf, listsOf, workOf } from '../compiler/node-expressions.ts';
import { planProposal } from '../compiler/planned-proposal.ts';
import type { Contents } from '../compiler/proposal-definition.ts';
import { STATE } from '../compiler/proposal-definition.ts';
import type { Place } from '../compiler/proposal-places.ts';
import {
  asItStands,
  contentAt,
  contentsIn,
  ownerOf,
  pathOfPlace,
  placeOf,
  proposalReads,
  proposalValue,
  readsApartFrom,
  withContentAt,
  writesProposal,
} from '../compiler/proposal-places.ts';
import type { WritingNode } from '../compiler/skeleton.ts';
import { boundTo, guardedBy } from '../compiler/skeleton.ts';
import type { Json } from '../compiler/types.ts';
import { digestOf, getArtifact, putArtifact } from '../prisma/artifacts.ts';
import type { Tx } from '../prisma/open.ts';
import { openPlannedProposal } from '../prisma/open-planned-proposal.ts';
import { readContents, writeCompleted } from '../prisma/proposal-contents.ts';
import { holdProposal } from '../prisma/proposals.ts';
import type { Claim } from './claim.ts';
import type { Digest } from './contract.ts';
import type { Dependencies } from './dependencies.ts';
import type { StepFailure } from './failures.ts';
import { NotMade } from './failures.ts';
import type { LoadedGraph } from './graph-cache.ts';
import type { RunInHand } from './run-row.ts';
import { isItem } from './step-keys.ts';

export interface RunOfProposal {
  tenantId: string;
  rootRunId: string;
  requesterId: string;
  graphHash: string;
  title: string;
  inputDigest: Digest;
}

/** What a document names as an owner is no active person of the tenant. */
export class UnknownOwner extends NotMade {
  override readonly name = 'UnknownOwner';

  constructor(expression: string) {
    super(
      'not-allowed',
      `Unexpected value of ${expression}, expected an active person of the tenant to own a part of the proposal`,
    );
  }
}

/**
 * The contents of the proposal of the run's lineage, opened for who started the run if it is not there yet.
 * @throws UnknownOwner
 */
export async function contentsOf(
  tx: Tx,
  deps: Dependencies,
  run: RunOfProposal,
  loaded: LoadedGraph,
): Promise<Contents> {
  const { tenantId, rootRunId, requesterId, graphHash, title, inputDigest } = run;
  const where = { tenantId_runId: { tenantId, runId: rootRunId } };
  const include = { sections: true } as const;
  const known = await tx.proposal.findUnique({ where, include });
  if (known) return readContents(tx, tenantId, known.sections);
  const planned = planProposal(loaded.graph, deps.definitions, await getArtifact(tx, tenantId, inputDigest));
  // Defaults were held against their types when the document was compiled.
  if (!planned.ok) throw new Error(`the defaults of graph ${graphHash} do not fit its proposal`);
  const actor = { tenant: tenantId, user: requesterId };
  const opened = await openPlannedProposal(tx, actor, { title, graphHash, run: rootRunId, plan: planned.plan });
  if ('unknownPerson' in opened) throw new UnknownOwner(opened.unknownPerson);
  const { sections } = await tx.proposal.findUniqueOrThrow({ where, include });
  return readContents(tx, tenantId, sections);
}

/**
 * Digests, by name, of those of the values given that the proposal holds by now, and of what is read of `proposal` itself.
 * Without a reader, as the Result reads. @throws UnknownOwner
 */
export async function proposedInputs(
  tx: Tx,
  deps: Dependencies,
  run: RunOfProposal,
  loaded: LoadedGraph,
  reader: string | undefined,
  given: Readonly<Record<string, Digest>>,
): Promise<Record<string, Digest>> {
  const { graph } = loaded;
  if (graph.proposal === undefined) return {};
  const node = reader === undefined ? undefined : loaded.nodes.get(reader);
  const reads = proposalReads(node ? expressionsRead(graph, node) : graph.result.map(({ value }) => value));
  const owners = Object.keys(given).flatMap((name) => {
    const owner = ownerOf(graph, loaded.nodes, name, reader);
    return owner && writesProposal(graph, owner) ? [{ name, owner }] : [];
  });
  if (reads.length === 0 && owners.length === 0) return {};
  const contents = await contentsOf(tx, deps, run, loaded);
  const proposed: Record<string, Digest> = {};
  for (const { name, owner } of owners) {
    const digest = given[name] ?? '';
    const output = await getArtifact(tx, run.tenantId, digest);
    const standing = await putArtifact(tx, run.tenantId, asItStands(graph, owner, output, contents));
    if (standing !== digest) proposed[name] = standing;
  }
  if (reads.length > 0) proposed.proposal = await putArtifact(tx, run.tenantId, proposalValue(contents, reads));
  return proposed;
}

/**
 * Digest of what the step's work reads of the proposal, where what it is given has more in it: what only its checks read.
 * @throws UnknownOwner
 */
export async function proposalWorkedOn(
  tx: Tx,
  deps: Dependencies,
  run: RunOfProposal,
  loaded: LoadedGraph,
  node: Node,
): Promise<Digest | undefined> {
  const work = workOf(node);
  // Of most steps it is all that they read, and nothing has to be parsed to know that.
  if (work.length === expressionsOf(node).length) return undefined;
  const reads = proposalReads(work);
  if (reads.length === 0) return undefined;
  return putArtifact(tx, run.tenantId, proposalValue(await contentsOf(tx, deps, run, loaded), reads));
}

/** A gate shows also what the writes after it will be given. */
function expressionsRead(graph: Graph, node: Node): string[] {
  const guarded = node.kind === 'approve' ? guardedBy(graph, node.id).flatMap((write) => boundTo(graph, write)) : [];
  return [...expressionsOf(node), ...guarded];
}

/** What the write is given of the proposal, as far as no step after the gate writes it: what an approval is bound to. */
function readsBound(graph: Graph, gate: string, write: WritingNode): string[][] {
  const after = downstreamOf(graph, gate);
  const places = graph.nodes.flatMap((node) => (after.has(node.id) ? (placeOf(node) ?? []) : []));
  return readsApartFrom(proposalReads([...inputsOf(write), ...listsOf(write)]), places);
}

/** What of the proposal a gate is about: whoever decides decides on that, and nothing else is decided. */
export interface ProposalShown {
  /** Paths, as expressions read them. */
  reads: string[][];
  digest: Digest;
}

/** By the names the gate is given and the expressions it reads. Undefined where it shows nothing of a proposal. */
export async function proposalShown(
  tx: Tx,
  deps: Dependencies,
  { row, loaded }: RunInHand,
  gate: NodeOf<'approve'>,
  names: readonly string[],
): Promise<ProposalShown | undefined> {
  const { graph, nodes } = loaded;
  if (graph.proposal === undefined) return undefined;
  const placed = names.flatMap((name) => placesIn(graph, nodes.get(name))).map(pathOfPlace);
  const reads = [...proposalReads(expressionsRead(graph, gate)), ...placed];
  if (reads.length === 0) return undefined;
  const contents = await contentsOf(tx, deps, row, loaded);
  return { reads, digest: await putArtifact(tx, row.tenantId, proposalValue(contents, reads)) };
}

/** Of the step, or of those within the container that it is. */
function placesIn(graph: Graph, node: Node | undefined): Place[] {
  if (node === undefined) return [];
  const inner = graph.nodes.filter(({ parent }) => parent === node.id);
  return [...[placeOf(node) ?? []].flat(), ...inner.flatMap((one) => placesIn(graph, one))];
}

/** Digest of that as it stands; undefined where there is none. @throws UnknownOwner */
export async function boundNow(
  tx: Tx,
  deps: Dependencies,
  run: RunOfProposal,
  loaded: LoadedGraph,
  gate: string,
  write: WritingNode,
): Promise<Digest | undefined> {
  const reads = readsBound(loaded.graph, gate, write);
  if (reads.length === 0) return undefined;
  const contents = await contentsOf(tx, deps, run, loaded);
  return putArtifact(tx, run.tenantId, proposalValue(contents, reads));
}

/** Digest of that as the attempt that is to write was given it; undefined where there is none. */
export async function boundAsGiven(
  tx: Tx,
  claim: Claim,
  gate: string,
  write: WritingNode,
): Promise<Digest | undefined> {
  const reads = readsBound(claim.graph, gate, write);
  const given = claim.proposed?.proposal;
  if (reads.length === 0 || given === undefined) return undefined;
  const contents = contentsIn(await getArtifact(tx, claim.actor.tenant, given));
  return digestOf(claim.artifactKey, proposalValue(contents, reads));
}

/** Is what the reader knows by this name the output of a step that puts it into the proposal, or of a container of one? */
export function isInProposal(loaded: LoadedGraph, name: string, reader: string): boolean {
  const owner = ownerOf(loaded.graph, loaded.nodes, name, reader);
  return owner !== undefined && writesProposal(loaded.graph, owner);
}

/** Where this attempt puts its output: of a step that runs for each item, each puts its own. */
export function placeWritten({ node, path }: Pick<Claim, 'node' | 'path'>): Place | undefined {
  const place = placeOf(node);
  return place && 'each' in node && node.each && !isItem(node.id, path) ? undefined : place;
}

/** Digest of what the place holds, empty where it holds nothing. @throws UnknownOwner */
export async function baseOf(
  tx: Tx,
  deps: Dependencies,
  run: RunOfProposal,
  loaded: LoadedGraph,
  place: Place,
  key: Uint8Array,
): Promise<Digest> {
  return digestAt(key, await contentsOf(tx, deps, run, loaded), place);
}

function digestAt(key: Uint8Array, contents: Contents, place: Place): Digest {
  const content = contentAt(contents, place);
  return content === undefined ? '' : digestOf(key, content);
}

/** Writes as the run, over what was there when the work began. Nothing is written where that fails. */
export async function writeOutput(
  tx: Tx,
  deps: Dependencies,
  claim: Claim,
  place: Place,
  output: Json,
): Promise<StepFailure | undefined> {
  const { tenant } = claim.actor;
  const words = place.section === STATE ? `state ${place.path.join('.')}` : `section ${place.section}`;
  const where = { tenantId_runId: { tenantId: tenant, runId: claim.rootRun } };
  const { id } = await tx.proposal.findUniqueOrThrow({ where, select: { id: true } });
  const held = await holdProposal(tx, tenant, id);
  if (held.status !== 'open') {
    return { class: 'stale', detail: `Unexpected proposal that is closed, expected an open one to write ${words}` };
  }
  const contents = await readContents(tx, tenant, held.sections);
  if (digestAt(claim.artifactKey, contents, place) !== claim.base) {
    return {
      class: 'stale',
      detail: `Unexpected change of ${words} while the step was at work, expected nobody to write it meanwhile. Done again, the step writes over it`,
    };
  }
  const definition = deps.definitions.load(held.definition);
  const completed = definition.complete(place.section, withContentAt(contents, place, output), contents);
  if (!completed.ok) {
    const said = completed.violations.map(({ path, message }) => `${path || words}: ${message}`).join('; ');
    return {
      class: 'invalid-output',
      detail: `The proposal does not take the output as ${words}: ${said}`,
      final: true,
    };
  }
  await writeCompleted(tx, claim.actor, held, completed.contents, place.section, {
    source: 'step',
    sourceId: claim.node.id,
  });
  return undefined;
}
