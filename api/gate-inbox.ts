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

/** Of the gate `g`: whether its question is put to one of these roles, or people, as it stands. */
const asks = (whom: 'roles' | 'people', some: Prisma.Sql): Prisma.Sql => {
  const first = Prisma.raw(`g.approver_${whom}::jsonb`);
  const escalated = Prisma.raw(`g.if_overdue::jsonb #> '{approvers,${whom}}'`);
  return Prisma.sql`(${first} ?| ${some} OR (g.escalated_at IS NOT NULL AND ${escalated} ?| ${some}))`;
};

/**
 * Of the gate `g`: whether the person can have a vote there at all, by what is asked of whom. It is looked at before
 * `waits_for`, which answers exactly and costs a hundred times as much.
 */
const mayConcern = (person: Identity): Prisma.Sql => {
  const roles = Prisma.sql`ARRAY(SELECT m.role FROM membership m
    WHERE m.tenant_id = ${person.tenant} AND m.user_id = ${person.user})`;
  return Prisma.sql`(${asks('people', Prisma.sql`ARRAY[${person.user}::text]`)} OR ${asks('roles', roles)}
    OR g.id = ANY (ARRAY(SELECT d.gate_id FROM gate_delegation d
      WHERE d.tenant_id = ${person.tenant} AND d.to_user_id = ${person.user} AND d.withdrawn_at IS NULL)))`;
};

const waitsFor = (person: Identity): Prisma.Sql =>
  Prisma.sql`CASE WHEN ${mayConcern(person)} THEN waits_for(g, ${person.user}) ELSE FALSE END`;

const votedAt = (person: Identity): Prisma.Sql => Prisma.sql`EXISTS (
  SELECT FROM decision d WHERE d.tenant_id = g.tenant_id AND d.gate_id = g.id AND d.user_id = ${person.user})`;

const isOpen = Prisma.sql`g.status = 'open' AND r.ended_at IS NULL`;

function conditionsOf(person: Identity, filter: GateFilter): Prisma.Sql[] {
  const { scope, status, document, run, role, overdue } = filter;
  const conditions: Prisma.Sql[] = [];
  if (status === 'open') conditions.push(isOpen);
  else if (status === 'any') conditions.push(Prisma.sql`(g.status <> 'open' OR r.ended_at IS NULL)`);
  else conditions.push(Prisma.sql`g.status = ${status}`);
  if (document !== undefined) conditions.push(Prisma.sql`r.document_id = ${document}`);
  if (run !== undefined) conditions.push(Prisma.sql`g.run_id = ${run}`);
  if (role !== undefined) conditions.push(asks('roles', Prisma.sql`ARRAY[${role}::text]`));
  if (overdue !== undefined) {
    conditions.push(Prisma.sql`${overdue} = ((g.status = 'open' AND g.due_at <= clock_timestamp()) IS TRUE)`);
  }
  const claimed = filter.claimed ?? (scope === 'mine' ? 'mine' : 'any');
  if (claimed === 'me') conditions.push(Prisma.sql`g.claimed_by = ${person.user}`);
  else if (claimed === 'others') conditions.push(Prisma.sql`g.claimed_by <> ${person.user}`);
  else if (claimed === 'nobody') conditions.push(Prisma.sql`g.claimed_by IS NULL`);
  else if (claimed === 'mine') conditions.push(leftTo(person));
  if (scope === 'mine') {
    if (status === 'open') conditions.push(waitsFor(person));
    else if (status !== 'any') conditions.push(votedAt(person));
    else conditions.push(Prisma.sql`CASE WHEN g.status = 'open' THEN ${waitsFor(person)} ELSE ${votedAt(person)} END`);
  }
  return conditions;
}

/** Oldest first, after the cursor. Gates of runs that ended wait for nobody. */
export async function listGates(
  tx: Tx,
  person: Identity,
  filter: GateFilter,
  take: number,
  after: { openedAt: Date; id: string } | undefined,
): Promise<GateRow[]> {
  const conditions = conditionsOf(person, filter);
  if (after !== undefined) {
    conditions.push(Prisma.sql`(g.opened_at, g.id) > (${after.openedAt}::timestamptz, ${after.id})`);
  }
  const found = await tx.$queryRaw<{ id: string }[]>`
    SELECT g.id FROM gate g JOIN run r ON r.tenant_id = g.tenant_id AND r.id = g.run_id
    WHERE g.tenant_id = ${person.tenant} AND ${Prisma.join(conditions, ' AND ')}
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
      SELECT ${waitsFor(person)} AND ${leftTo(person)} AS waits, g.claimed_by = ${person.user} AS claimed,
        g.due_at <= clock_timestamp() AS overdue
      FROM gate g JOIN run r ON r.tenant_id = g.tenant_id AND r.id = g.run_id
      WHERE g.tenant_id = ${person.tenant} AND ${isOpen}
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
