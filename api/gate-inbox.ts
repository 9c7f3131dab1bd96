/** Which gates there are for a person, and how many. */
import { Prisma } from '../prisma/generated/client.ts';
import type { Identity, Tx } from '../prisma/open.ts';
import type { GateRow } from './gate-rows.ts';

/** What is wanted of the gates of a tenant; all of it must hold. */
export interface GateFilter {
  /** `mine`: open ones that wait for the person's vote; of those that are not open, the ones they voted at. */
  scope: 'mine' | 'all';
  status: 'open' | 'decided' | 'lapsed' | 'any';
  /** By whom it is claimed. Unsaid, `mine` leaves out what others claimed. */
  claimed?: 'me' | 'others' | 'nobody';
  document?: string;
  run?: string;
  /** Who may decide holds it. */
  role?: string;
  overdue?: boolean;
}

/** Of the gate `g`: nobody else's claim keeps the person from deciding it. */
const leftTo = (person: Identity): Prisma.Sql => Prisma.sql`(g.claimed_by IS NULL OR g.claimed_by = ${person.user}
  OR g.need = 'all' OR g.quorum IS NOT NULL OR NOT holds_vote(g, g.claimed_by))`;

/** Oldest first, after the cursor. Gates of runs that ended wait for nobody. */
export async function listGates(
  tx: Tx,
  person: Identity,
  filter: GateFilter,
  take: number,
  after: { openedAt: Date; id: string } | undefined,
): Promise<GateRow[]> {
  const since = after?.openedAt ?? new Date(0);
  const { scope, status } = filter;
  const claimed = filter.claimed ?? (scope === 'mine' ? 'mine' : 'any');
  const [document, run, role] = [filter.document ?? null, filter.run ?? null, filter.role ?? null];
  const overdue = filter.overdue ?? null;
  const found = await tx.$queryRaw<{ id: string }[]>`
    SELECT g.id FROM gate g JOIN run r ON r.tenant_id = g.tenant_id AND r.id = g.run_id
    WHERE g.tenant_id = ${person.tenant}
      AND (${status} = 'any' OR g.status = ${status})
      AND (g.status <> 'open' OR r.ended_at IS NULL)
      AND (${document}::text IS NULL OR r.document_id = ${document})
      AND (${run}::text IS NULL OR g.run_id = ${run})
      AND (${role}::text IS NULL OR g.approver_roles::jsonb @> to_jsonb(${role}::text)
        OR (g.escalated_at IS NOT NULL AND g.if_overdue::jsonb #> '{approvers,roles}' @> to_jsonb(${role}::text)))
      AND (${overdue}::boolean IS NULL OR ${overdue} = ((g.status = 'open' AND g.due_at <= clock_timestamp()) IS TRUE))
      AND CASE ${claimed}
        WHEN 'me' THEN g.claimed_by = ${person.user}
        WHEN 'others' THEN g.claimed_by <> ${person.user}
        WHEN 'nobody' THEN g.claimed_by IS NULL
        WHEN 'mine' THEN ${leftTo(person)}
        ELSE TRUE END
      AND (g.opened_at, g.id) > (${since}::timestamptz, ${after?.id ?? ''})
      AND (${scope} = 'all' OR CASE WHEN g.status = 'open' THEN waits_for(g, ${person.user}) ELSE EXISTS (
        SELECT FROM decision d WHERE d.tenant_id = g.tenant_id AND d.gate_id = g.id AND d.user_id = ${person.user}) END)
    ORDER BY g.opened_at, g.id LIMIT ${take}`;
  return tx.gate.findMany({
    where: { tenantId: person.tenant, id: { in: found.map(({ id }) => id) } },
    orderBy: [{ openedAt: 'asc' }, { id: 'asc' }],
  });
}

export interface GateCounts {
  /** Open gates that wait for the person's vote, without those that others claimed: as many as the inbox lists. */
  mine: number;
  /** Of the open ones: claimed by the person. */
  claimed: number;
  /** Of those that wait for the person: past their due date. */
  overdue: number;
}

export async function countGates(tx: Tx, person: Identity): Promise<GateCounts> {
  const [counts] = await tx.$queryRaw<GateCounts[]>`
    SELECT count(*) FILTER (WHERE open.waits)::int AS mine, count(*) FILTER (WHERE open.claimed)::int AS claimed,
      count(*) FILTER (WHERE open.waits AND open.overdue)::int AS overdue
    FROM (
      SELECT ${leftTo(person)} AND waits_for(g, ${person.user}) AS waits, g.claimed_by = ${person.user} AS claimed,
        g.due_at <= clock_timestamp() AS overdue
      FROM gate g JOIN run r ON r.tenant_id = g.tenant_id AND r.id = g.run_id
      WHERE g.tenant_id = ${person.tenant} AND g.status = 'open' AND r.ended_at IS NULL
    ) open`;
  return counts ?? { mine: 0, claimed: 0, overdue: 0 };
}

/** Of these open gates, the ones at which the person may vote now. */
export async function votable(tx: Tx, person: Identity, gates: readonly GateRow[]): Promise<ReadonlySet<string>> {
  const ids = gates.filter(({ status }) => status === 'open').map(({ id }) => id);
  if (ids.length === 0) return new Set();
  const found = await tx.$queryRaw<{ id: string }[]>`
    SELECT g.id FROM gate g JOIN run r ON r.tenant_id = g.tenant_id AND r.id = g.run_id
    WHERE g.tenant_id = ${person.tenant} AND g.id = ANY(${ids}) AND r.ended_at IS NULL AND may_vote(g, ${person.user})`;
  return new Set(found.map(({ id }) => id));
}
