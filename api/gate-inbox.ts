/** Gates as people see them, and which of them wait for whom. */
import type { z } from 'zod';
import type { Json } from '../compiler/types.ts';
import type { Identity, Tx } from '../prisma/open.ts';
import { actionsOf, notByOf, rolesOf, shownOf } from './gate-rows.ts';
import type { gate as gateSchema } from './routes/gates/schemas.ts';

type GateView = z.infer<typeof gateSchema>;
type GateRow = Awaited<ReturnType<Tx['gate']['findMany']>>[number];

/** Values longer than this, as JSON, are left out of a list. */
const listedBytes = 4_096;

/** Open gates of running runs that the person may decide, oldest first, after the cursor. */
export async function inboxOf(
  tx: Tx,
  person: Identity,
  take: number,
  after: { openedAt: Date; id: string } | undefined,
): Promise<GateRow[]> {
  const since = after?.openedAt ?? new Date(0);
  const found = await tx.$queryRaw<{ id: string }[]>`
    SELECT g.id FROM gate g JOIN run r ON r.tenant_id = g.tenant_id AND r.id = g.run_id
    WHERE g.tenant_id = ${person.tenant} AND g.status = 'open' AND r.ended_at IS NULL
      AND EXISTS (SELECT FROM membership m WHERE m.tenant_id = g.tenant_id AND m.user_id = ${person.user}
        AND g.approver_roles::jsonb @> to_jsonb(m.role))
      AND NOT (g.not_by::jsonb @> '"requester"'::jsonb AND r.requester_id = ${person.user})
      AND (g.opened_at, g.id) > (${since}::timestamptz, ${after?.id ?? ''})
    ORDER BY g.opened_at, g.id LIMIT ${take}`;
  return tx.gate.findMany({
    where: { tenantId: person.tenant, id: { in: found.map(({ id }) => id) } },
    orderBy: [{ openedAt: 'asc' }, { id: 'asc' }],
  });
}

export async function viewOfGates(
  tx: Tx,
  person: Identity,
  gates: GateRow[],
  options: { webUiOf(workflowId: string): string | undefined; everything: boolean },
): Promise<GateView[]> {
  const tenantId = person.tenant;
  const runs = await tx.run.findMany({ where: { tenantId, id: { in: gates.map((gate) => gate.runId) } } });
  const digests = gates.flatMap((gate) => shownOf(gate).map(({ digest }) => digest));
  const artifacts = await tx.artifact.findMany({
    where: { tenantId, digest: { in: digests }, ...(options.everything ? {} : { bytes: { lte: listedBytes } }) },
  });
  const values = new Map(artifacts.map(({ digest, content }) => [digest, JSON.parse(content) as Json]));
  return gates.map((gate) => {
    const run = runs.find(({ id }) => id === gate.runId);
    if (run === undefined) throw new Error('a gate is of a run that is not there');
    const webUi = options.webUiOf(run.workflowId);
    const approvers = rolesOf(gate);
    const notBy = notByOf(gate);
    return {
      id: gate.id,
      step: gate.node,
      title: gate.title,
      question: gate.question,
      purpose: gate.purpose as GateView['purpose'],
      status: gate.status as GateView['status'],
      run: {
        id: run.id,
        document: run.documentId,
        title: run.title,
        status: run.status,
        requester: run.requesterId,
        practice: run.practice !== null,
        ...(webUi === undefined ? {} : { webUi }),
      },
      subject: gate.subject,
      shown: shownOf(gate).map(({ name, digest }) => {
        const value = values.get(digest);
        return { name, digest, ...(value === undefined ? {} : { value }) };
      }),
      actions: actionsOf(gate),
      approvers,
      notBy,
      mayDecide:
        gate.status === 'open' &&
        run.endedAt === null &&
        approvers.some((role) => person.roles.includes(role)) &&
        !(notBy.includes('requester') && run.requesterId === person.user),
      ...(gate.verdict === null ? {} : { verdict: gate.verdict }),
      openedAt: gate.openedAt.toISOString(),
      ...(gate.decidedAt === null ? {} : { decidedAt: gate.decidedAt.toISOString() }),
    };
  });
}
