/** Taking back the writes of a cancelled run, by the tools that the document names for it. */
import type { Node } from '../compiler/graph.ts';
import type { Json } from '../compiler/types.ts';
import { artifactKey, getArtifact } from '../prisma/artifacts.ts';
import type { Actor, Tx } from '../prisma/open.ts';
import { appendEvents } from '../prisma/run-log.ts';
import { undoSlot, undoSlotPrefix } from '../prisma/taken-back.ts';
import type { RunActivities, Scoped } from './contract.ts';
import type { Dependencies } from './dependencies.ts';
import type { EffectClaim } from './effect-claim.ts';
import { performEffect } from './effects.ts';
import { applicationFailure, delayAfter, failureClasses, retryOf } from './failures.ts';
import type { RunInHand } from './run-row.ts';
import { readRun } from './run-row.ts';
import { argumentProblem } from './tools/call-tool.ts';
import { actsAsPerson } from './tools/credentials.ts';
import type { ToolDeclaration } from './tools/declarations.ts';
import { findTool, undoOf } from './tools/declarations.ts';
import { RequestProblem } from './tools/http.ts';
import { ToolProblem } from './tools/tool-problem.ts';
import { transitionEvents } from './transitions.ts';

/** Writes that one answer names. */
const pageOfWrites = 500;

/** How often calls are looked at that are under way, in milliseconds. */
const lookEveryMs = 500;

/**
 * Writes that happened and have a tool that takes them back, the latest first. Tries again until no call of a session is under
 * way: the run itself waits for those of its steps only.
 */
export async function listUndo(
  deps: Dependencies,
  input: Scoped & { from: number },
): ReturnType<RunActivities['listUndo']> {
  return readRun(deps, input, async (tx, run) => {
    // A run that another goes on with leaves it all that was done.
    if (run.row.resumedBy !== null) return { effects: [] };
    const nodes = run.loaded.graph.nodes.filter((node) => undoOf(node) !== undefined).map(({ id }) => id);
    const writes = { tenantId: run.actor.tenant, rootRunId: run.rootRun, node: { in: nodes } };
    // Held by the intent of a call, too: one that comes later finds the run cancelled.
    await tx.$queryRaw`SELECT 1 FROM run WHERE tenant_id = ${run.actor.tenant} AND id = ${run.row.id} FOR NO KEY UPDATE`;
    const underWay = await tx.effect.findFirst({
      where: { ...writes, turnId: { not: null }, status: 'intent', deadline: { gt: deps.clock() } },
      select: { node: true, deadline: true },
    });
    if (underWay !== null) {
      const delayMs = Math.min(lookEveryMs, underWay.deadline.getTime() - deps.clock().getTime());
      throw applicationFailure(underWay.node, 'transient', { retry: true, delayMs });
    }
    const rows = await tx.effect.findMany({
      where: {
        ...writes,
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
  const found = await readRun(deps, input, (tx, run) => writeIn(tx, deps, run, input.effect));
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

function findWrite(tx: Tx, tenantId: string, effectKey: string) {
  const include = { stepExecution: true, turn: true };
  return tx.effect.findUnique({ where: { tenantId_effectKey: { tenantId, effectKey } }, include });
}

async function writeIn(
  tx: Tx,
  deps: Dependencies,
  run: RunInHand,
  effect: string,
): Promise<{ claim: EffectClaim; tool: ToolDeclaration | undefined; args: { [name: string]: Json } } | undefined> {
  const tenant = run.actor.tenant;
  const row = await findWrite(tx, tenant, effect);
  const node = row === null ? undefined : run.loaded.nodes.get(row.node);
  const name = undoOf(node);
  const maker = row && makerOf(row);
  if (!row || !maker || node === undefined || name === undefined || row.status !== 'succeeded') return undefined;
  const practice = run.row.practice ?? undefined;
  const declared = isTold(deps, node, row.tool) ? findTool(deps.configuration, practice, name) : undefined;
  const tool = declared && (await mayCall(tx, maker.actor, declared)) ? declared : undefined;
  const request = await getArtifact(tx, tenant, row.requestDigest);
  const outcome = row.outcomeDigest === null ? null : await getArtifact(tx, tenant, row.outcomeDigest);
  const claim: EffectClaim = {
    ...maker,
    node,
    runId: run.row.id,
    rootRun: run.rootRun,
    artifactKey: await artifactKey(tx, tenant),
    takesBack: effect,
    ...(practice === undefined ? {} : { practice }),
  };
  return { claim, tool, args: tool === undefined ? {} : argumentsFor(tool, recordIn(request, 'args'), outcome) };
}

type Row = NonNullable<Awaited<ReturnType<typeof findWrite>>>;

/** The work that the write was made in, which is over: as whom it is taken back. */
function makerOf({ tenantId: tenant, stepExecution: step, turn }: Row) {
  if (step !== null) {
    const { id: execution, actorId: user, fence, attempt, path } = step;
    return { actor: { tenant, user }, execution, fence, attempt, path };
  }
  if (turn === null) return undefined;
  // Nobody has to hold a turn for what is done after it.
  const holds = async () => true;
  return { actor: { tenant, user: turn.ownerId }, turn: turn.id, holds, attempt: turn.fence, path: '' };
}

/** Nobody acts by the credential of somebody who is inactive. */
async function mayCall(tx: Tx, { tenant, user }: Actor, tool: ToolDeclaration): Promise<boolean> {
  if (!actsAsPerson(tool)) return true;
  const where = { tenantId_id: { tenantId: tenant, id: user } };
  return (await tx.user.findUnique({ where, select: { active: true } }))?.active === true;
}

/** Of a conversation that can make more writes than one, what takes which of them back is not said. */
function isTold(deps: Dependencies, node: Node, written: string): boolean {
  if (node.kind !== 'session') return true;
  const writes = node.tools.filter((name) => findTool(deps.configuration, undefined, name)?.effect === 'write');
  return writes.every((name) => name === written);
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

async function noted(deps: Dependencies, claim: EffectClaim, failureClass: string): Promise<{ undone: false }> {
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
