/** Telling those who may decide a gate that it waits for them. */

import type { NotificationKind } from '../prisma/notifications.ts';
import { notify } from '../prisma/notifications.ts';
import type { Tx } from '../prisma/open.ts';
import type { AskedPeople } from './gate-people.ts';
import type { GateRow, IfOverdue } from './gate-rows.ts';

/** A person is told once under each source key. `only`: those and nobody else of the gate. */
export async function tellWhoMayDecide(
  tx: Tx,
  gate: GateRow,
  told: { kind: NotificationKind; sourceKey: string; only?: AskedPeople },
): Promise<void> {
  const people = await whoMayDecide(tx, gate, told.only ? [told.only] : askedNow(gate));
  await notify(
    tx,
    gate.tenantId,
    people.map((user) => ({
      user,
      kind: told.kind,
      address: `/gates/${gate.id}`,
      body: { gate: gate.id, run: gate.runId },
      sourceKey: told.sourceKey,
    })),
  );
}

/** Ids of active persons, with those to whom a vote was delegated, and without whom `not by: requester` binds. */
export async function whoMayDecide(tx: Tx, gate: GateRow, asked: readonly AskedPeople[]): Promise<string[]> {
  const people = new Set(asked.flatMap((one) => one.people));
  const roles = asked.flatMap((one) => one.roles);
  const tenantId = gate.tenantId;
  const delegations = await tx.gateDelegation.findMany({ where: { tenantId, gateId: gate.id, withdrawnAt: null } });
  for (const { toUserId } of delegations) people.add(toUserId);
  const users = await tx.user.findMany({
    where: {
      tenantId,
      active: true,
      kind: 'person',
      OR: [{ id: { in: [...people] } }, { memberships: { some: { role: { in: roles } } } }],
    },
    select: { id: true },
    orderBy: { id: 'asc' },
  });
  const run = await tx.run.findUniqueOrThrow({ where: { tenantId_id: { tenantId, id: gate.runId } } });
  const notBy = JSON.parse(gate.notBy) as string[];
  const barred = notBy.includes('requester') ? run.requesterId : undefined;
  return users.map(({ id }) => id).filter((id) => id !== barred);
}

/** As many groups as have been asked: the gate's own, and those it was asked on to. */
export function askedNow(gate: GateRow): AskedPeople[] {
  const own: AskedPeople = {
    need: gate.need === 'all' ? 'all' : 'any',
    roles: JSON.parse(gate.approverRoles) as string[],
    people: JSON.parse(gate.approverPeople) as string[],
  };
  const added = gate.ifOverdue === null ? undefined : (JSON.parse(gate.ifOverdue) as IfOverdue);
  return gate.escalatedAt !== null && added?.do === 'ask' ? [own, added.approvers] : [own];
}
