/** Taking back the writes of a cancelled run, by the tools that the document names for it. */
import type { Json } from '../compiler/types.ts';
import { artifactKey, getArtifact } from '../prisma/artifacts.ts';
import { appendEvents } from '../prisma/run-log.ts';
import type { Claim, RunScope } from './claim.ts';
import { scopeOf } from './claim.ts';
import type { RunActivities, Scoped } from './contract.ts';
import type { Dependencies } from './dependencies.ts';
import { performEffect } from './effects.ts';
import { applicationFailure, delayAfter, failureClasses, retryOf } from './failures.ts';
import type { RunInHand } from './run-row.ts';
import { readRun } from './run-row.ts';
import { undoSlot, undoSlotPrefix } from './taken-back.ts';
import { argumentProblem } from './tools/call-tool.ts';
import type { ToolDeclaration } from './tools/declarations.ts';
import { findTool, undoOf } from './tools/declarations.ts';
import { RequestProblem } from './tools/http.ts';
import { ToolProblem } from './tools/tool-problem.ts';
import { transitionEvents } from './transitions.ts';

/** Writes that one answer names. */
const pageOfWrites = 500;

/** Writes that happened and have a tool that takes them back, the latest first. */
export async function listUndo(
  deps: Dependencies,
  input: Scoped & { from: number },
): ReturnType<RunActivities['listUndo']> {
  return readRun(deps, input, async (tx, run) => {
    // A run that another goes on with leaves it all that was done.
    if (run.row.resumedBy !== null) return { effects: [] };
    const nodes = run.loaded.graph.nodes.filter((node) => undoOf(node) !== undefined).map(({ id }) => id);
    const rows = await tx.effect.findMany({
      where: {
        tenantId: run.actor.tenant,
        rootRunId: run.rootRun,
        node: { in: nodes },
        status: 'succeeded',
        slot: { not: { startsWith: undoSlotPrefix } },
      },
      orderBy: [{ settledAt: 'desc' }, { effectKey: 'desc' }],
      skip: input.from,
      take: pageOfWrites,
      select: { effectKey: true, node: true },
    });
    await appendEvents(tx, await transitionEvents(tx, deps, run.row, input.log));
    return { effects: rows.map(({ effectKey, node }) => ({ effect: effectKey, node })) };
  });
}

/**
 * Takes the write back, once however often it is asked. What cannot be cured by trying again is noted, and is no failure: a
 * run that is cancelled ends.
 */
export async function undoWrite(
  deps: Dependencies,
  input: Scoped & { effect: string },
): ReturnType<RunActivities['undoWrite']> {
  const scope = await scopeOf(deps, input.run);
  const found = await readRun(deps, input, (tx, run) => writeIn(tx, deps, run, { ...input, scope }));
  if (found === undefined) return { undone: false };
  const { claim, tool, args } = found;
  const wrong =
    tool === undefined ? 'not-allowed' : argumentProblem(tool, args) === undefined ? undefined : 'tool-failed';
  if (tool === undefined || wrong !== undefined) return noted(deps, claim, wrong ?? 'not-allowed');
  try {
    const gateCheck = async () => ({ stands: true }) as const;
    await performEffect(deps, claim, { tool, slot: undoSlot(input.effect), args, gateCheck });
    return { undone: true };
  } catch (problem) {
    if (problem instanceof RequestProblem) return noted(deps, claim, 'not-allowed');
    if (!(problem instanceof ToolProblem)) throw problem;
    const { failure } = problem;
    if (!failureClasses[failure.class].retried || failure.final) return noted(deps, claim, failure.class);
    const delayMs = Math.max(failure.retryAfterMs ?? delayAfter(retryOf(claim.node), 1), failure.atLeastMs ?? 0);
    throw applicationFailure(claim.node.id, failure.class, { retry: true, delayMs });
  }
}

type Tx = Parameters<Parameters<typeof readRun>[2]>[0];

async function writeIn(
  tx: Tx,
  deps: Dependencies,
  run: RunInHand,
  { effect, scope }: { effect: string; scope: RunScope },
): Promise<{ claim: Claim; tool: ToolDeclaration | undefined; args: { [name: string]: Json } } | undefined> {
  const tenant = run.actor.tenant;
  const row = await tx.effect.findUnique({
    where: { tenantId_effectKey: { tenantId: tenant, effectKey: effect } },
    include: { stepExecution: true },
  });
  const node = row === null ? undefined : run.loaded.nodes.get(row.node);
  const name = undoOf(node);
  const step = row?.stepExecution;
  if (!row || !step || node === undefined || name === undefined || row.status !== 'succeeded') return undefined;
  const practice = run.row.practice ?? undefined;
  const tool = findTool(deps.configuration, practice, name);
  const request = await getArtifact(tx, tenant, row.requestDigest);
  const outcome = row.outcomeDigest === null ? null : await getArtifact(tx, tenant, row.outcomeDigest);
  const claim: Claim = {
    scope,
    actor: { tenant, user: step.actorId },
    graph: run.loaded.graph,
    graphHash: run.row.graphHash,
    loaded: run.loaded,
    node,
    execution: step.id,
    fence: step.fence,
    attempt: step.attempt,
    charged: 0,
    memoKey: step.memoKey,
    generation: step.generation,
    path: step.path,
    runId: run.row.id,
    rootRun: run.rootRun,
    traceId: run.row.traceId,
    runInput: run.runInput,
    inputDigests: {},
    givenDigests: {},
    artifactKey: await artifactKey(tx, tenant),
    claimedAt: deps.clock(),
    takesBack: effect,
    ...(practice === undefined ? {} : { practice }),
  };
  return { claim, tool, args: tool === undefined ? {} : argumentsFor(tool, recordIn(request, 'args'), outcome) };
}

/** What the tool takes of what the write answered and of what it was given, the answer first. */
function argumentsFor(
  tool: ToolDeclaration,
  given: { [name: string]: Json },
  answered: Json,
): { [name: string]: Json } {
  const known = { ...given, ...asRecord(answered) };
  const named = asRecord((tool.input.properties as Json | undefined) ?? null);
  const names = Object.keys(named);
  if (names.length === 0) return known;
  return Object.fromEntries(Object.entries(known).filter(([name]) => names.includes(name)));
}

function recordIn(value: Json, field: string): { [name: string]: Json } {
  return asRecord(asRecord(value)[field] ?? null);
}

function asRecord(value: Json): { [name: string]: Json } {
  return value !== null && typeof value === 'object' && !Array.isArray(value) ? value : {};
}

async function noted(deps: Dependencies, claim: Claim, failureClass: string): Promise<{ undone: false }> {
  await deps.store.actAs(claim.actor, (tx) =>
    appendEvents(tx, [
      {
        run: claim.runId,
        type: 'effect.undo-failed',
        sourceKey: `effect.undo-failed:${claim.takesBack}`,
        node: claim.node.id,
        body: { effect: claim.takesBack ?? '', class: failureClass },
      },
    ]),
  );
  return { undone: false };
}
