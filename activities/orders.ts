/** Orders of people as the worker reads them: rows that the API wrote, whatever rang. */
import type { CommandBody, CommandRow } from '../prisma/commands.ts';
import { bodyOf } from '../prisma/commands.ts';
import type { Tx } from '../prisma/open.ts';
import type { Heard } from './contract.ts';

/** What an order about a step brings; empty without one, and where the order is not about this step of this run. */
export async function orderFor(
  tx: Tx,
  at: { tenant: string; run: string; node: string },
  order: string | undefined,
): Promise<CommandBody> {
  if (order === undefined) return {};
  const row = await tx.command.findFirst({
    where: {
      tenantId: at.tenant,
      id: order,
      runId: at.run,
      node: at.node,
      kind: { in: ['retry', 'supply', 'settle'] },
    },
  });
  return row === null ? {} : bodyOf(row);
}

/** What the workflow is told of the row. */
export function heardOf({ id, kind, node, path }: CommandRow): Heard {
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
