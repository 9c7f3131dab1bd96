/** Orders of people as the worker reads them: rows that the API wrote, whatever rang. */
import type { CommandBody, CommandRow } from '../prisma/commands.ts';
import { bodyOf } from '../prisma/commands.ts';
import type { Tx } from '../prisma/open.ts';
import type { NewEvent } from '../prisma/run-log.ts';
import type { Heard } from './contract.ts';
import type { Dependencies } from './dependencies.ts';
import type { RunInHand } from './run-row.ts';
import { settleEffect } from './settle-effect.ts';

const ofSteps = { in: ['retry', 'supply', 'settle'] };

export interface StepOrder extends CommandBody {
  /** Its id; absent where there is none. */
  order?: string;
}

/** What an order about a step brings; empty without one, and where the order is not about this step of this run. */
export async function orderFor(
  tx: Tx,
  at: { tenant: string; run: string; node: string },
  order: string | undefined,
): Promise<StepOrder> {
  if (order === undefined) return {};
  const row = await tx.command.findFirst({
    where: { tenantId: at.tenant, runId: at.run, node: at.node, kind: ofSteps, id: order },
  });
  return row === null ? {} : { ...bodyOf(row), order: row.id };
}

/**
 * Marks the order as heard and tells what the workflow is to do about it; undefined where the run has no such order. An
 * answer about a write is taken in here, and the step it is of done again; of a write of a session the workflow has nothing
 * to do. The events are for the caller to append last.
 */
export async function hearCommand(
  tx: Tx,
  deps: Dependencies,
  run: RunInHand,
  id: string,
): Promise<{ heard: Heard; events: NewEvent[] } | undefined> {
  const tenantId = run.actor.tenant;
  const command = await tx.command.findFirst({ where: { tenantId, id, runId: run.row.id } });
  if (command === null) return undefined;
  await tx.command.updateMany({ where: { tenantId, id, heardAt: null }, data: { heardAt: deps.clock() } });
  if (command.kind !== 'settle') return { heard: heardOf(command), events: [] };
  const { applied, ofSession, events } = await settleEffect(tx, deps, run, command);
  if (applied && !ofSession) return { heard: heardOf(command), events };
  await tx.command.updateMany({ where: { tenantId, id }, data: { applied } });
  const { node, path } = command;
  const about = { command: id, applied, ...(path === '' ? {} : { path }) };
  const sourceKey = `${applied ? 'applied' : 'not applied'}:${id}`;
  const said: NewEvent = { run: run.row.id, type: 'command.applied', sourceKey, body: about };
  return { heard: { kind: 'nothing' }, events: [...events, node === null ? said : { ...said, node }] };
}

/** What the workflow is told of the row. */
function heardOf({ id, kind, node, path }: CommandRow): Heard {
  switch (kind) {
    case 'cancel':
      return { kind: 'cancel' };
    case 'abort':
    case 'pause':
    case 'unpause':
      return { kind: 'order', order: { command: id, does: kind } };
    case 'retry':
    case 'supply':
    case 'skip':
    case 'settle': {
      if (node === null) return { kind: 'nothing' };
      const does = kind === 'settle' ? 'retry' : kind;
      return { kind: 'order', order: { command: id, does, node, ...(path === '' ? {} : { path }) } };
    }
    default:
      return { kind: 'nothing' };
  }
}
