/** Who may order a run about, and what every order has in common. */
import type { CommandKind, NewCommand } from '../prisma/commands.ts';
import { giveCommand } from '../prisma/commands.ts';
import type { Identity, Tx } from '../prisma/open.ts';
import { notFound, Problem } from './errors.ts';
import { leaveInOutbox } from './outbox.ts';
import type { RunRow } from './run-view.ts';

/** Besides who started the run. */
export const operatingRoles = ['operator', 'admin'];

/** @throws Problem not-permitted; `what` says what only they may do, such as `cancel it` */
export function requireOperator(person: Identity, run: RunRow, what: string): void {
  if (run.requesterId === person.user || person.roles.some((role) => operatingRoles.includes(role))) return;
  throw new Problem('not-permitted', {
    detail: `Only who started a run, or someone with the role ${operatingRoles.join(' or ')}, may ${what}.`,
  });
}

/**
 * The run, locked until the transaction ends: two orders at once come one after the other.
 * @throws Problem not-found, not-permitted, run-ended
 */
export async function runToOrder(tx: Tx, person: Identity, id: string, what: string): Promise<RunRow> {
  const tenantId = person.tenant;
  await tx.$queryRaw`SELECT 1 FROM run WHERE tenant_id = ${tenantId} AND id = ${id} FOR NO KEY UPDATE`;
  const run = await tx.run.findUnique({ where: { tenantId_id: { tenantId, id } } });
  if (run === null) throw notFound('run');
  requireOperator(person, run, what);
  if (run.endedAt !== null) throw new Problem('run-ended');
  if (run.resumedBy !== null) {
    throw new Problem('run-ended', { detail: `The run ${run.resumedBy} goes on with its work.` });
  }
  return run;
}

export type OrderParts = Pick<NewCommand, 'kind' | 'comment' | 'node' | 'path' | 'body'>;

/** Writes the order, and the ring that makes the run look at it. Gives the order's id. */
export async function giveOrder(tx: Tx, person: Identity, run: RunRow, order: OrderParts): Promise<string> {
  const now = new Date();
  const { tenant, user } = person;
  const command = await giveCommand(tx, { tenant, run: run.id, user, now, ...order });
  await leaveInOutbox(tx, tenant, run, 'ring', { command }, now);
  return command;
}

const wholeRun = {
  cancel: 'cancel it',
  abort: 'abort it',
  pause: 'pause it',
  unpause: 'unpause it',
} as const satisfies Partial<Record<CommandKind, string>>;

/**
 * Orders something of the whole run. Asking again while the first order is not yet heard gives that order.
 * @throws Problem not-found, not-permitted, run-ended
 */
export async function orderRun(
  tx: Tx,
  person: Identity,
  id: string,
  kind: keyof typeof wholeRun,
  comment: string,
  body: { undo?: true } = {},
): Promise<{ command: string }> {
  const run = await runToOrder(tx, person, id, wholeRun[kind]);
  const where = { tenantId: person.tenant, runId: id, heardAt: null };
  const unheard = await tx.command.findFirst({
    where: { ...where, kind: { in: kind === 'pause' || kind === 'unpause' ? ['pause', 'unpause'] : [kind] } },
    orderBy: [{ createdAt: 'desc' }, { id: 'desc' }],
  });
  if (unheard?.kind === kind) return { command: unheard.id };
  return { command: await giveOrder(tx, person, run, { kind, comment, body }) };
}
