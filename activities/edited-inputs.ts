/** What a step is given in place of what it reads: by orders of its run, and of earlier ones of the lineage. */
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
 * What the latest work of the step was given, and still holds: of another run of the lineage, where the step, and for `input`
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

/**
 * What is given in place of what is read now: what an order says, and of other names what was given before and stands in
 * place of the same. One that gives what is read anyway edits nothing.
 */
export function editsNow(earlier: EditedValues, { inputs = {}, order = '' }: StepOrder, read: Digests): EditedValues {
  const kept = keepingNames(earlier, (name) => !Object.hasOwn(inputs, name) && earlier[name]?.over === read[name]);
  const ordered = Object.entries(inputs).flatMap(([name, given]) => {
    const over = read[name];
    return given === over ? [] : [[name, { order, given, ...(over === undefined ? {} : { over }) }] as const];
  });
  return { ...kept, ...Object.fromEntries(ordered) };
}

export function givenBy(edits: EditedValues): Record<string, Digest> {
  return Object.fromEntries(Object.entries(edits).map(([name, { given }]) => [name, given]));
}

function keepingNames(edits: EditedValues, keep: (name: string) => boolean): EditedValues {
  return Object.fromEntries(Object.entries(edits).filter(([name]) => keep(name)));
}
