/** Which rows of a gate bind a write, where either runs more than once: in items, in passes, after links back. */
import type { Graph } from '../compiler/graph.ts';
import { containersAround, isInLoop } from '../compiler/graph-order.ts';
import type { Tx } from '../prisma/open.ts';
import type { GateRow } from './gate-rows.ts';

/**
 * The rows of the gate that the write at this path comes after, latest first, in a list for each of the gate's places:
 * one, but where the gate stands in a container that ran for items and the write does not. An earlier pass counts no more
 * than a later one has replaced it.
 */
export async function gatesBeforeWrite(
  tx: Tx,
  gate: { tenant: string; rootRun: string; node: string },
  graph: Graph,
  path: string,
): Promise<GateRow[][]> {
  const { tenant, rootRun, node } = gate;
  const around = sharedPath(graph, node, path);
  // Decided, opened or lapsed only under this lock, so that what is read here still holds when the intent commits.
  await tx.$queryRaw`SELECT 1 FROM gate WHERE tenant_id = ${tenant} AND root_run_id = ${rootRun}
    AND node = ${node} AND starts_with(path, ${around}) ORDER BY id FOR UPDATE`;
  const rows = await tx.gate.findMany({
    where: { tenantId: tenant, rootRunId: rootRun, node, purpose: 'step', path: { startsWith: around } },
    orderBy: [{ openedAt: 'desc' }, { id: 'desc' }],
  });
  const places = new Map<string, GateRow[]>();
  for (const row of rows) {
    if (!isWithin(row.path, around)) continue;
    const place = row.path.slice(around.length).split('/').filter(isItem).join('/');
    places.set(place, [...(places.get(place) ?? []), row]);
  }
  return [...places.values()].map(ofLatestPass);
}

/** The part of a write's path that its gate has in common: items and passes of what stands around both. */
function sharedPath(graph: Graph, gate: string, path: string): string {
  const around = new Set(containersAround(graph, gate).map(({ id }) => id));
  const shared = path.split('/').filter((segment) => {
    const [, source, target] = /^(\w+)>(\w+)~/.exec(segment) ?? [];
    if (source !== undefined && target !== undefined) return isInLoop(graph, source, target, gate);
    return around.has(/^\w+/.exec(segment)?.[0] ?? '');
  });
  return shared.join('/');
}

const isWithin = (path: string, around: string): boolean =>
  around === '' || path === around || path.startsWith(`${around}/`);

const isItem = (segment: string): boolean => segment.endsWith(']');

/** Rows of one place come latest first: those of the path that was opened last are of the pass that counts. */
function ofLatestPass(rows: GateRow[]): GateRow[] {
  return rows.filter(({ path }) => path === rows[0]?.path);
}
