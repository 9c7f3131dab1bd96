/** What a step is given in place of what it reads: by an order, or by one that an earlier run of the lineage was given. */
import { editHolds } from '../compiler/diff-graphs.ts';
import type { EditedValues } from '../prisma/edited-values.ts';
import { editedValuesOf } from '../prisma/edited-values.ts';
import type { Tx } from '../prisma/open.ts';
import type { Digest } from './contract.ts';
import type { Dependencies } from './dependencies.ts';
import type { LoadedGraph } from './graph-cache.ts';
import type { StepOrder } from './orders.ts';

type Digests = Readonly<Record<string, Digest>>;

/**
 * What the latest work of the step was given and still holds: of another run of the lineage, where the step, and for `input`
 * the document's inputs, are as they were then.
 */
export async function editsBefore(
  tx: Tx,
  deps: Dependencies,
  run: { tenantId: string; id: string; graphHash: string },
  { graph }: LoadedGraph,
  latest: { runId: string; node: string; edited: string | null },
): Promise<EditedValues> {
  const edits = editedValuesOf(latest);
  if (latest.runId === run.id || Object.keys(edits).length === 0) return edits;
  const { tenantId } = run;
  const { graphHash } = await tx.run.findUniqueOrThrow({
    where: { tenantId_id: { tenantId, id: latest.runId } },
    select: { graphHash: true },
  });
  if (graphHash === run.graphHash) return edits;
  const before = (await deps.graphs.load(tx, tenantId, graphHash)).graph;
  return keepingNames(edits, (name) => editHolds(before, graph, latest.node, name));
}

/** An order's values. One that gives what is read anyway edits nothing. */
export function editsOf({ inputs = {}, inputsFrom = '' }: StepOrder, read: Digests): EditedValues {
  const edits = Object.entries(inputs).map(([name, given]) => {
    const over = read[name];
    return [name, { order: inputsFrom, given, ...(over === undefined ? {} : { over }) }] as const;
  });
  return keepingNames(Object.fromEntries(edits), (name) => inputs[name] !== read[name]);
}

/** Those of them that stand in place of what is read now. */
export function editsThatStand(edits: EditedValues, read: Digests): EditedValues {
  return keepingNames(edits, (name) => edits[name]?.over === read[name]);
}

export function givenBy(edits: EditedValues): Record<string, Digest> {
  return Object.fromEntries(Object.entries(edits).map(([name, { given }]) => [name, given]));
}

function keepingNames(edits: EditedValues, keep: (name: string) => boolean): EditedValues {
  return Object.fromEntries(Object.entries(edits).filter(([name]) => keep(name)));
}
