/**
 * The chains of the audit in one shape: what an export holds of an event is all that its hash is over, so that whoever has
 * the file can compute it again. Touches no database.
 */
import { adminLogChain } from './admin-log.ts';
import type { ChainedRow, HashChain } from './hash-chain.ts';
import { proposalLogChain } from './proposal-log.ts';
import { readLogChain } from './read-log.ts';
import { runLogChain } from './run-log.ts';

/** The logs, in the order in which an export holds them. */
export const auditLogs = ['admin', 'proposal', 'read', 'run'] as const;
export type AuditLog = (typeof auditLogs)[number];

/** The name of the export's format: another shape is another number. */
export const auditFormat = 'waymark-audit/1';

/** One event as it was appended. Null where its log knows no such thing. */
export interface AuditRecord extends ChainedRow {
  log: AuditLog;
  tenant: string;
  /** Of which run or proposal the log is; `admin` of the admin log, `audit` of who reads the audit. */
  thing: string;
  /** As 2026-11-21T10:00:00.000Z. */
  at: string;
  what: string;
  /** Who did it, of the admin log and of reads; of others `body` says it. */
  person: string | null;
  /** The step, the section, the part that was read, or whom or what an admin changed. */
  about: string | null;
  sourceKey: string | null;
  /** JSON, byte for byte. */
  body: string | null;
}

export const auditChain: HashChain<AuditRecord> = {
  chainOf: ({ tenant, log, thing }) => JSON.stringify([tenant, log, thing]),
  hashedFields: (record) => fieldsOf[record.log](record),
};

const fieldsOf: Record<AuditLog, (record: AuditRecord) => (string | null)[]> = {
  admin: (record) =>
    adminLogChain.hashedFields({
      ...chained(record),
      actor: record.person ?? '',
      what: record.what,
      subject: record.about ?? '',
      detail: record.body ?? '',
    }),
  proposal: (record) =>
    proposalLogChain.hashedFields({
      ...chained(record),
      proposalId: record.thing,
      type: record.what,
      sourceKey: record.sourceKey ?? '',
      section: record.about,
      body: record.body ?? '',
    }),
  read: (record) =>
    readLogChain.hashedFields({
      ...chained(record),
      thing: record.thing,
      reader: record.person ?? '',
      what: record.what,
      part: record.about ?? '',
    }),
  run: (record) =>
    runLogChain.hashedFields({
      ...chained(record),
      runId: record.thing,
      type: record.what,
      sourceKey: record.sourceKey ?? '',
      node: record.about,
      body: record.body ?? '',
    }),
};

const chained = ({ tenant, seq, at, prevHash, hash }: AuditRecord) => ({
  tenantId: tenant,
  seq,
  at: new Date(at),
  prevHash,
  hash,
});
