/** What a lineage has recorded so far, as a plan to go on with it on a version of its document needs to know. */
import { z } from 'zod';
import { editHolds } from '../compiler/diff-graphs.ts';
import type { Graph, Node } from '../compiler/graph.ts';
import type { EditedValues } from '../prisma/edited-values.ts';
import { editedValuesOf } from '../prisma/edited-values.ts';
import type { Tx } from '../prisma/open.ts';
import { undoSlotPrefix } from '../prisma/taken-back.ts';
import type { GraphCache } from './graph-cache.ts';
import type { ProposalNow } from './proposal-now.ts';
import { proposalNow } from './proposal-now.ts';
import type { Recorded, RecordedEdit } from './resume-plan.ts';
import type { RunRow } from './run-view.ts';

interface Row {
  id: string;
  runId: string;
  node: string;
  path: string;
  status: string;
  /** By name, what the work was made of; empty where it was not finished. */
  given: Readonly<Record<string, string>>;
  edits: EditedValues;
  costUsd: number;
}

/** `after`: the version that is gone on with. */
export async function recordedWork(tx: Tx, graphs: GraphCache, run: RunRow, after: Graph): Promise<Recorded> {
  const lineage = { tenantId: run.tenantId, rootRunId: run.rootRunId };
  const rows = await latestRows(tx, lineage);
  const gates = await tx.gate.findMany({
    where: { ...lineage, status: { not: 'lapsed' } },
    orderBy: [{ openedAt: 'asc' }, { id: 'asc' }],
    select: { id: true, node: true, path: true, status: true, verdict: true, bindings: true },
  });
  const nodes = new Map(after.nodes.map((node) => [node.id, node]));
  const digests = rows.flatMap(({ given, edits }) => [
    ...Object.values(given),
    ...Object.values(edits).flatMap(({ over }) => over ?? []),
  ]);
  const proposal = await proposalNow(tx, run, after, [...new Set(digests)]);
  const { effects, undoneSteps } = await effectsOf(tx, lineage);
  return {
    // What was taken back is to be done again.
    executions: rows.map((row) => ({
      node: row.node,
      path: row.path,
      status: undoneSteps.has(row.id) ? 'taken back' : row.status,
      costUsd: row.costUsd,
      proposalDiffers: row.status === 'committed' && readsAnother(row, nodes.get(row.node), proposal),
    })),
    gates: gates.map(({ bindings, ...gate }) => ({
      ...gate,
      proposalDiffers: proposal?.differsAt({ bindings }) ?? false,
    })),
    effects,
    edits: await editsOf(tx, graphs, run, after, rows, proposal),
    overwritten: proposal?.overwritten ?? [],
  };
}

async function latestRows(tx: Tx, lineage: { tenantId: string; rootRunId: string }): Promise<Row[]> {
  const rows = await tx.stepExecution.findMany({
    where: { ...lineage, generation: { gte: 0 } },
    orderBy: { generation: 'asc' },
    select: { id: true, runId: true, node: true, path: true, status: true, handoff: true, edited: true },
  });
  const latest = new Map(rows.map((row) => [JSON.stringify([row.node, row.path]), row]));
  return [...latest.values()].map(({ handoff, edited, ...row }) => {
    const read = handedOn.safeParse(handoff === null ? undefined : JSON.parse(handoff));
    return {
      ...row,
      given: read.success ? read.data.inputDigests : {},
      edits: editedValuesOf({ edited }),
      costUsd: read.success ? read.data.usage.costUsd : 0,
    };
  });
}

const handedOn = z.object({
  usage: z.object({ costUsd: z.number() }),
  inputDigests: z.record(z.string(), z.string()).default({}),
});

/** An edited value is what the step was given: the one it stands in place of is what the proposal may give otherwise. */
function readsAnother({ given, edits }: Row, reader: Node | undefined, proposal: ProposalNow | undefined): boolean {
  if (proposal === undefined || reader === undefined) return false;
  return Object.entries(given).some(([name, digest]) => {
    const edit = edits[name];
    const read = edit === undefined ? digest : edit.over;
    return read !== undefined && proposal.gives(reader, name, read);
  });
}

async function editsOf(
  tx: Tx,
  graphs: GraphCache,
  { tenantId, graphHash }: RunRow,
  after: Graph,
  rows: readonly Row[],
  proposal: ProposalNow | undefined,
): Promise<RecordedEdit[]> {
  const edited = rows.filter(({ edits }) => Object.keys(edits).length > 0);
  if (edited.length === 0) return [];
  const orders = await tx.command.findMany({
    where: { tenantId, id: { in: edited.flatMap(({ edits }) => Object.values(edits).map(({ order }) => order)) } },
    select: { id: true, userId: true },
  });
  const userOf = new Map(orders.map(({ id, userId }) => [id, userId]));
  const runs = await tx.run.findMany({
    where: { tenantId, id: { in: edited.map(({ runId }) => runId) } },
    select: { id: true, graphHash: true },
  });
  const hashOf = new Map(runs.map((one) => [one.id, one.graphHash]));
  const found: RecordedEdit[] = [];
  for (const { runId, node, path, edits } of edited) {
    const loaded = await graphs.load(tx, tenantId, hashOf.get(runId) ?? graphHash);
    const reader = after.nodes.find(({ id }) => id === node);
    for (const [name, { order, over }] of Object.entries(edits)) {
      found.push({
        node,
        path,
        name,
        by: userOf.get(order) ?? '',
        sameStep: loaded !== undefined && editHolds(loaded.graph, after, node, name),
        proposalDiffers: over !== undefined && reader !== undefined && (proposal?.gives(reader, name, over) ?? false),
      });
    }
  }
  return found;
}

async function effectsOf(
  tx: Tx,
  lineage: { tenantId: string; rootRunId: string },
): Promise<{ effects: Recorded['effects']; undoneSteps: ReadonlySet<string | null> }> {
  const reversals = await tx.effect.findMany({
    where: { ...lineage, slot: { startsWith: undoSlotPrefix } },
    select: { effectKey: true, slot: true, status: true, stepExecutionId: true },
  });
  const undone = reversals.filter(({ status }) => status === 'succeeded');
  const leftOut = [
    ...reversals.map(({ effectKey }) => effectKey),
    ...undone.map(({ slot }) => slot.slice(undoSlotPrefix.length)),
  ];
  return {
    effects: await tx.effect.findMany({
      where: { ...lineage, effectKey: { notIn: leftOut } },
      orderBy: [{ firstIntentAt: 'asc' }, { effectKey: 'asc' }],
      select: { effectKey: true, node: true, tool: true, status: true },
    }),
    undoneSteps: new Set(undone.map(({ stepExecutionId }) => stepExecutionId)),
  };
}
