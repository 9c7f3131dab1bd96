/** Ordering a run to be cancelled: a command row, and the ring that makes the run look at it. */
import { randomUUID } from 'node:crypto';
import type { Identity, Tx } from '../prisma/open.ts';
import { appendEvents } from '../prisma/run-log.ts';
import { leaveRing } from './decide.ts';
import { notFound, Problem } from './errors.ts';

/** Besides who started the run. */
export const cancellingRoles = ['operator', 'admin'];

/**
 * Asking again while the first order is not yet heard gives that order.
 * @throws Problem not-found, not-permitted, run-ended
 */
export async function cancelRun(tx: Tx, person: Identity, id: string, comment: string): Promise<{ command: string }> {
  const tenantId = person.tenant;
  // Two orders at once are one.
  await tx.$queryRaw`SELECT 1 FROM run WHERE tenant_id = ${tenantId} AND id = ${id} FOR NO KEY UPDATE`;
  const run = await tx.run.findUnique({ where: { tenantId_id: { tenantId, id } } });
  if (run === null) throw notFound('run');
  if (run.requesterId !== person.user && !person.roles.some((role) => cancellingRoles.includes(role))) {
    throw new Problem('not-permitted', {
      detail: `Only who started a run, or someone with the role ${cancellingRoles.join(' or ')}, may cancel it.`,
    });
  }
  if (run.endedAt !== null) throw new Problem('run-ended');
  const unheard = await tx.command.findFirst({ where: { tenantId, runId: id, kind: 'cancel', heardAt: null } });
  if (unheard !== null) return { command: unheard.id };
  const command = randomUUID();
  const createdAt = new Date();
  await tx.command.create({
    data: { tenantId, id: command, runId: id, kind: 'cancel', userId: person.user, comment, createdAt },
  });
  await leaveRing(tx, tenantId, run, { command }, createdAt);
  await appendEvents(tx, [
    {
      run: id,
      type: 'run.cancel-requested',
      sourceKey: `run.cancel-requested:${command}`,
      body: { command, user: person.user },
    },
  ]);
  return { command };
}
