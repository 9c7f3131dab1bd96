/** Parked steps as orders find them: where they stand now, and what may be given for them. */
import type { Node } from '../compiler/graph.ts';
import type { Type } from '../compiler/types.ts';
import { joined } from '../compiler/violations.ts';
import type { FoldedStep, LoggedEvent } from '../prisma/fold-run.ts';
import { foldRun } from '../prisma/fold-run.ts';
import type { Tx } from '../prisma/open.ts';
import { Problem } from './errors.ts';
import type { RunRow } from './run-view.ts';

export function pendingOrder(tx: Tx, run: RunRow, node: string, path: string) {
  return tx.command.findFirst({ where: { tenantId: run.tenantId, runId: run.id, node, path, applied: null } });
}

/** The step as the log has it now. */
export async function stepNow(tx: Tx, run: RunRow, node: string, path: string): Promise<FoldedStep | undefined> {
  const rows = await tx.runEvent.findMany({
    where: { tenantId: run.tenantId, runId: run.id, node },
    orderBy: { seq: 'asc' },
  });
  return foldRun(rows.map(loggedEvent)).steps.find((step) => step.path === path);
}

export function loggedEvent(row: { seq: number; type: string; node: string | null; body: string }): LoggedEvent {
  return { seq: row.seq, type: row.type, node: row.node, body: JSON.parse(row.body) as LoggedEvent['body'] };
}

export function notParked(state: string): Problem {
  return new Problem('step-not-parked', { detail: `Expected a step that failed and waits for a person; ${state}.` });
}

/** Of a step that runs for each item, the list of what it gives; of one of its items, what it gives. */
export function givenType(node: Node, path: string): Type | undefined {
  if (!('gives' in node) || node.gives === undefined) return undefined;
  const isList = 'each' in node && node.each !== undefined && !isItemOf(node.id, path);
  return isList ? { kind: 'list', of: node.gives } : node.gives;
}

export function isItemOf(id: string, path: string): boolean {
  return path.slice(path.lastIndexOf('/') + 1).startsWith(`${id}[`);
}

/** In the words of violations: `output.lines[0].amount`. */
export const placeIn = (of: string, path: string): string =>
  path === '' || path.startsWith('[') ? `${of}${path}` : joined(of, path);
