/** Who did what, when, and to what, of all logs of a tenant at once: newest first, by person, thing, kind and time. */
import type { Tx } from './act-as.ts';
import type { AuditLog } from './audit-chains.ts';
import { auditLogs } from './audit-chains.ts';
import { Prisma } from './generated/client.ts';

export interface AuditFilter {
  /** Who did it. */
  person?: string;
  /** Id of a run or a proposal; `admin`, `audit`. */
  thing?: string;
  log?: AuditLog;
  /** Such as proposal.shared. */
  kind?: string;
  /** From this moment on. */
  from?: Date;
  /** Up to this moment, and not at it. */
  to?: Date;
}

/** Of one entry, in the order of the list. */
export interface EntryKey {
  at: Date;
  log: AuditLog;
  thing: string;
  seq: number;
}

export interface AuditEntry extends EntryKey {
  what: string;
  /** Null of what nobody did, such as a step of a run. */
  person: string | null;
  about: string | null;
  /** JSON as it was appended; null of reads. */
  body: string | null;
  hash: string;
}

/** At most `limit`, after the entry `after`. */
export async function listAuditEntries(
  tx: Tx,
  tenant: string,
  filter: AuditFilter,
  limit: number,
  after?: EntryKey,
): Promise<AuditEntry[]> {
  const logs = filter.log === undefined ? auditLogs : [filter.log];
  // Each log gives its newest by its own index: none is sorted whole.
  const parts = logs.map(
    (log) => Prisma.sql`(SELECT * FROM (${entriesOf[log](tenant, filter.person)}) ${Prisma.raw(log)}
      WHERE ${Prisma.join(conditionsOn(log, filter, after), ' AND ')} ORDER BY at DESC, thing DESC, seq DESC LIMIT ${limit})`,
  );
  return tx.$queryRaw<AuditEntry[]>`
    SELECT * FROM (${Prisma.join(parts, ' UNION ALL ')}) entry ORDER BY at DESC, log COLLATE "C" DESC, thing DESC, seq DESC LIMIT ${limit}`;
}

function conditionsOn(log: AuditLog, { person, thing, kind, from, to }: AuditFilter, after?: EntryKey): Prisma.Sql[] {
  return [
    Prisma.sql`true`,
    ...(person === undefined ? [] : [Prisma.sql`person = ${person}`]),
    ...(thing === undefined ? [] : [Prisma.sql`thing = ${thing}`]),
    ...(kind === undefined ? [] : [Prisma.sql`what = ${kind}`]),
    ...(from === undefined ? [] : [Prisma.sql`at >= ${from}`]),
    ...(to === undefined ? [] : [Prisma.sql`at < ${to}`]),
    ...(after === undefined ? [] : [olderThan(log, after)]),
  ];
}

/** Logs of one moment come in the reverse of their names' order. */
function olderThan(log: AuditLog, { at, log: reached, thing, seq }: EntryKey): Prisma.Sql {
  if (log > reached) return Prisma.sql`at < ${at}`;
  if (log < reached) return Prisma.sql`at <= ${at}`;
  return Prisma.sql`(at, thing, seq) < (${at}, ${thing}, ${seq}::int)`;
}

/** Bodies are canonical JSON of ids: looked into as text, so that one that was tampered with is shown and breaks nothing. */
const named = (field: string): Prisma.Sql => Prisma.raw(`substring(e.body from '"${field}":"([^"\\\\]+)"')`);

/** Passes what may be of this person, at a fraction of what it takes to say of whom each event is. */
const mayBeOf = (person: string | undefined, besides: (person: string) => Prisma.Sql): Prisma.Sql =>
  person === undefined
    ? Prisma.empty
    : Prisma.sql`AND (strpos(e.body, ${JSON.stringify(person)}) > 0 ${besides(person)})`;

/** `person` narrows: what is left out is of others, what is left in has to be looked at. */
const entriesOf: Record<AuditLog, (tenant: string, person?: string) => Prisma.Sql> = {
  admin: (
    tenant,
  ) => Prisma.sql`SELECT 'admin'::text AS log, 'admin'::text AS thing, e.seq, e.at, e.what, e.actor AS person,
    e.subject AS about, e.detail AS body, e.hash FROM admin_event e WHERE e.tenant_id = ${tenant}`,
  proposal: (
    tenant,
    person,
  ) => Prisma.sql`SELECT 'proposal'::text AS log, e.proposal_id AS thing, e.seq, e.at, e.type AS what,
    coalesce(${named('by')}, ${named('owner')}, ${named('user')}) AS person, e.section AS about, e.body, e.hash
    FROM proposal_event e WHERE e.tenant_id = ${tenant} ${mayBeOf(person, () => Prisma.empty)}`,
  read: (tenant) => Prisma.sql`SELECT 'read'::text AS log, e.thing, e.seq, e.at, e.what, e.reader AS person,
    nullif(e.part, '') AS about, NULL::text AS body, e.hash FROM read_event e WHERE e.tenant_id = ${tenant}`,
  // Who ordered something, the order says; who started a run, the run.
  run: (tenant, person) => Prisma.sql`SELECT 'run'::text AS log, e.run_id AS thing, e.seq, e.at, e.type AS what,
    coalesce(${named('by')}, ${named('user')}, ${named('from')}, c.user_id,
      CASE WHEN e.type = 'run.started' THEN r.requester_id END) AS person, e.node AS about, e.body, e.hash
    FROM run_event e JOIN run r ON r.tenant_id = e.tenant_id AND r.id = e.run_id
      LEFT JOIN command c ON c.tenant_id = e.tenant_id AND c.id = ${named('command')}
    WHERE e.tenant_id = ${tenant} ${mayBeOf(
      person,
      (one) => Prisma.sql`
        OR (e.type = 'run.started' AND e.run_id IN (SELECT s.id FROM run s WHERE s.tenant_id = ${tenant} AND s.requester_id = ${one}))
        OR e.run_id IN (SELECT o.run_id FROM command o WHERE o.tenant_id = ${tenant} AND o.user_id = ${one})`,
    )}`,
};
