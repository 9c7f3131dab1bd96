/** All chains of a tenant with their heads, a page at a time, as an export holds them. */
import type { Tx } from './act-as.ts';
import type { AuditLog, AuditRecord } from './audit-chains.ts';
import { Prisma } from './generated/client.ts';

/** Up to where the pages before went. */
export interface AuditPlace {
  thing: string;
  seq: number;
}

/** An event of a chain with the chain's head as it stood when the event was read; no event where there is none after the place. */
export interface AuditRow {
  head: { log: AuditLog; thing: string; seq: number; hash: string };
  event?: AuditRecord;
}

export interface AuditPage {
  rows: AuditRow[];
  /** Absent after the last. */
  next?: AuditPlace;
}

/** Before all: also before an event whose number no event can have. */
export const auditStart: AuditPlace = { thing: '', seq: -(2 ** 31) };

const pageChains = 200;
const pageRows = 2_000;

/**
 * The next events of a log, chain by chain. Head and events are of one statement, and so of one moment: a head says what the
 * last page of its chain ends with. The chain that a page ended in comes first in the next page, with what it has by then.
 */
export async function readAuditPage(tx: Tx, tenant: string, log: AuditLog, after: AuditPlace): Promise<AuditPage> {
  const { chains, events } = sourceOf[log](tenant);
  const found = await tx.$queryRaw<FoundRow[]>`
    WITH chain AS (
      SELECT c.thing, c.head_seq, c.head_hash FROM (${chains}) c WHERE c.thing >= ${after.thing} ORDER BY c.thing LIMIT ${pageChains}
    )
    SELECT c.thing, c.head_seq AS "headSeq", c.head_hash AS "headHash", e.seq, e.at, e.what, e.person, e.about,
        e.source_key AS "sourceKey", e.body, e.prev_hash AS "prevHash", e.hash
      FROM chain c LEFT JOIN LATERAL (
        SELECT x.* FROM (${events}) x
          WHERE x.thing = c.thing AND x.seq > CASE WHEN c.thing = ${after.thing} THEN ${after.seq}::int ELSE ${auditStart.seq}::int END
          ORDER BY x.seq LIMIT ${pageRows}
      ) e ON true
      ORDER BY c.thing, e.seq LIMIT ${pageRows}`;
  const rows = found.map(({ thing, headSeq, headHash, seq, at, ...event }): AuditRow => {
    const head = { log, thing, seq: headSeq, hash: headHash };
    if (seq === null || at === null) return { head };
    return { head, event: { log, tenant, thing, seq, at: at.toISOString(), ...event } };
  });
  const last = rows.at(-1);
  const chainsSeen = new Set(found.map(({ thing }) => thing)).size;
  if (last === undefined || (rows.length < pageRows && chainsSeen < pageChains)) return { rows };
  const { thing } = last.head;
  const seq = last.event?.seq ?? (thing === after.thing ? after.seq : auditStart.seq);
  return { rows, next: { thing, seq } };
}

interface FoundRow {
  thing: string;
  headSeq: number;
  headHash: string;
  /** Null, as all that follows, where the chain has no more events. */
  seq: number | null;
  at: Date | null;
  what: string;
  person: string | null;
  about: string | null;
  sourceKey: string | null;
  body: string | null;
  prevHash: string;
  hash: string;
}

interface Source {
  /** thing, head_seq, head_hash */
  chains: Prisma.Sql;
  /** The columns of an AuditRecord. */
  events: Prisma.Sql;
}

const sourceOf: Record<AuditLog, (tenant: string) => Source> = {
  admin: (tenant) => ({
    chains: Prisma.sql`SELECT 'admin'::text AS thing, admin_seq AS head_seq, admin_head_hash AS head_hash FROM tenant WHERE id = ${tenant}`,
    events: Prisma.sql`SELECT 'admin'::text AS thing, seq, at, what, actor AS person, subject AS about, NULL::text AS source_key,
      detail AS body, prev_hash, hash FROM admin_event WHERE tenant_id = ${tenant}`,
  }),
  proposal: (tenant) => ({
    chains: Prisma.sql`SELECT id AS thing, seq AS head_seq, head_hash FROM proposal WHERE tenant_id = ${tenant}`,
    events: Prisma.sql`SELECT proposal_id AS thing, seq, at, type AS what, NULL::text AS person, section AS about, source_key,
      body, prev_hash, hash FROM proposal_event WHERE tenant_id = ${tenant}`,
  }),
  read: (tenant) => ({
    chains: Prisma.sql`SELECT thing, seq AS head_seq, head_hash FROM read_log WHERE tenant_id = ${tenant}`,
    events: Prisma.sql`SELECT thing, seq, at, what, reader AS person, part AS about, NULL::text AS source_key, NULL::text AS body,
      prev_hash, hash FROM read_event WHERE tenant_id = ${tenant}`,
  }),
  run: (tenant) => ({
    chains: Prisma.sql`SELECT id AS thing, seq AS head_seq, head_hash FROM run WHERE tenant_id = ${tenant}`,
    events: Prisma.sql`SELECT run_id AS thing, seq, at, type AS what, NULL::text AS person, node AS about, source_key, body,
      prev_hash, hash FROM run_event WHERE tenant_id = ${tenant}`,
  }),
};
