/** Resuming: a new run of the same lineage, which finds by their keys the steps, effects and decisions that still stand. */
import { randomUUID } from 'node:crypto';
import type { Graph } from '../compiler/graph.ts';
import type { Json } from '../compiler/types.ts';
import { getArtifact } from '../prisma/artifacts.ts';
import { gateLapsed } from '../prisma/gate-events.ts';
import type { Identity, Tx } from '../prisma/open.ts';
import { takenBack } from '../prisma/taken-back.ts';
import { beginRun, refuseWhatIsNotRun, storeInput } from './begin-run.ts';
import { notFound, Problem } from './errors.ts';
import { actionsOf } from './gate-rows.ts';
import type { GraphCache } from './graph-cache.ts';
import { giveOrder, requireOperator } from './operators.ts';
import { recordedWork } from './recorded-work.ts';
import type { ResumePlan } from './resume-plan.ts';
import { planResume } from './resume-plan.ts';
import type { RunRow } from './run-view.ts';

export interface ResumeChoice {
  /** Id of a step: it and what it contains are done again. Of a run that was rejected, its rejections unless said. */
  from?: string;
  /** Hash of a published version; the run's own unless said. */
  graph?: string;
  /** The run's own unless said. */
  input?: Json;
}

export interface ResumeOrder extends ResumeChoice {
  /** Of the plan that was read. */
  digest: string;
  /** Effects of steps that the version no longer has. */
  acknowledge: string[];
}

/** @throws Problem not-found, not-permitted, already-resumed, not-runnable or invalid-input */
export async function readResumePlan(
  tx: Tx,
  graphs: GraphCache,
  person: Identity,
  id: string,
  choice: ResumeChoice,
): Promise<ResumePlan> {
  return (await prepare(tx, graphs, person, id, choice)).plan;
}

/**
 * Starts the run that goes on. What it goes on from takes no more steps, and ends once it has heard.
 * @throws Problem as the plan does, and plan-changed or effects-not-acknowledged
 */
export async function resumeRun(
  tx: Tx,
  graphs: GraphCache,
  person: Identity,
  id: string,
  order: ResumeOrder,
): Promise<string> {
  const tenantId = person.tenant;
  // Two at once are one after the other; the second finds it resumed.
  await tx.$queryRaw`SELECT 1 FROM run WHERE tenant_id = ${tenantId} AND id = ${id} FOR UPDATE`;
  const { run, plan, input, graph } = await prepare(tx, graphs, person, id, order);
  if (plan.digest !== order.digest) throw new Problem('plan-changed');
  const missing = plan.effects.toAcknowledge.filter(({ effect }) => !order.acknowledge.includes(effect));
  if (missing.length > 0) {
    const errors = missing.map(({ effect, step, tool }) => ({
      at: '/acknowledge',
      in: 'body' as const,
      message: `Unexpected silence about ${effect} (${tool} by ${step}), expected it to be acknowledged`,
    }));
    throw new Problem('effects-not-acknowledged', { errors });
  }
  const lapsed = await tx.gate.findMany({
    where: { tenantId, rootRunId: run.rootRunId, node: { in: plan.from }, status: { not: 'lapsed' } },
    select: { id: true, node: true },
  });
  await tx.gate.updateMany({
    where: { tenantId, id: { in: lapsed.map((gate) => gate.id) } },
    data: { status: 'lapsed' },
  });

  const next = randomUUID();
  await tx.run.update({ where: { tenantId_id: { tenantId, id } }, data: { resumedBy: next } });
  const by = { user: person.user, plan: plan.digest, run: next };
  await beginRun(
    tx,
    tenantId,
    {
      id: next,
      graph,
      graphHash: plan.graphHash,
      input,
      requester: run.requesterId,
      practice: run.practice,
      goesOn: { from: run, fresh: plan.from },
    },
    [
      ...lapsed.map((gate) => gateLapsed(id, gate)),
      { run: id, type: 'run.resumed', sourceKey: 'run.resumed', body: { ...by, from: plan.from } },
    ],
  );
  // What is under way there finds its fence lost.
  if (run.endedAt === null) await giveOrder(tx, person, run, { kind: 'cancel', comment: '', body: {} });
  return next;
}

async function prepare(tx: Tx, graphs: GraphCache, person: Identity, id: string, choice: ResumeChoice) {
  const tenantId = person.tenant;
  const run = await tx.run.findUnique({ where: { tenantId_id: { tenantId, id } } });
  if (run === null) throw notFound('run');
  requireOperator(person, run, 'resume it');
  if (run.resumedBy !== null) {
    throw new Problem('already-resumed', { detail: `The run ${run.resumedBy} goes on with its work.` });
  }
  const hash = choice.graph ?? run.graphHash;
  const [before, after] = [await graphs.load(tx, tenantId, run.graphHash), await graphs.load(tx, tenantId, hash)];
  if (before === undefined || after === undefined) throw notFound('graph');
  refuseWhatIsNotRun(after.graph);

  const given = choice.input ?? (await getArtifact(tx, tenantId, run.inputDigest));
  const input = await storeInput(tx, tenantId, after, given);
  const recorded = await recordedWork(tx, graphs, run, after.graph);
  const asked = choice.from === undefined ? await rejectionsIn(tx, run) : [choice.from];
  const from = [...new Set([...asked, ...(await takenBackTalks(tx, run, after.graph))])];
  const unknown = asked.find((step) => !after.graph.nodes.some((node) => node.id === step));
  if (choice.from !== undefined && unknown !== undefined) {
    throw notFound('step in the version of the document');
  }
  const plan = planResume({
    run: id,
    before: before.graph,
    after: after.graph,
    graphHash: hash,
    input,
    inputChanged: input !== run.inputDigest,
    from,
    recorded,
  });
  return { run, plan, input, graph: after.graph };
}

/** What ended the run as rejected: gates whose verdict ends, and steps that were refused by what they ran. */
async function rejectionsIn(tx: Tx, run: RunRow): Promise<string[]> {
  const lineage = { tenantId: run.tenantId, rootRunId: run.rootRunId };
  const gates = await tx.gate.findMany({ where: { ...lineage, status: 'decided' }, orderBy: { openedAt: 'asc' } });
  const refused = await tx.stepExecution.findMany({
    where: { ...lineage, status: 'refused', startedAt: { not: null } },
    orderBy: { startedAt: 'asc' },
  });
  const ending = gates.filter((gate) =>
    actionsOf(gate).some(({ name, effect }) => name === gate.verdict && effect === 'end'),
  );
  return [...new Set([...ending, ...refused].map(({ node }) => node))];
}

/** Conversations that were done, and of which a write was taken back since: they are held again. */
async function takenBackTalks(tx: Tx, run: RunRow, after: Graph): Promise<string[]> {
  const lineage = { tenantId: run.tenantId, rootRunId: run.rootRunId };
  const undone = await tx.effect.findMany({
    where: { ...lineage, turnId: { not: null }, ...takenBack },
    select: { node: true, settledAt: true },
  });
  const done = await tx.gate.findMany({
    where: { ...lineage, status: 'decided', node: { in: undone.map(({ node }) => node) } },
    select: { node: true, decidedAt: true },
  });
  const isOver = ({ node, decidedAt }: (typeof done)[number]) =>
    undone.some((one) => one.node === node && one.settledAt && decidedAt && one.settledAt > decidedAt);
  const talks = new Set(done.filter(isOver).map(({ node }) => node));
  return after.nodes.flatMap(({ id }) => (talks.has(id) ? [id] : []));
}
