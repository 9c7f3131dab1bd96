/**
 * Who reads what holds content: one event for each person, what they read and ten minutes, in a hash chain for each thing.
 * It is written in the transaction that reads, so that nothing is shown unnoted, whatever ends the process afterwards.
 */
import type { Tx } from './act-as.ts';
import type { ReadEvent } from './generated/client.ts';
import type { ChainHead, ChainVerdict, HashChain } from './hash-chain.ts';
import { verifyHashChain } from './hash-chain.ts';
import { ask } from './statements.ts';

/** Everything that is noted of readers. */
export const readTypes = [
  'proposal.read',
  'proposal.exported',
  'transcript.read',
  'run.read',
  'gate.read',
  'audit.read',
  'audit.exported',
] as const;
export type ReadType = (typeof readTypes)[number];

export interface Read {
  what: ReadType;
  /** Id of the run or the proposal; `audit` of the audit itself. */
  thing: string;
  /** Of a transcript the session, of a gate its id. */
  part?: string;
}

/** The thing that reads of the audit are noted of. */
export const auditThing = 'audit';

/** Again within these, the same is not noted again. */
export const readSeconds = 600;

export type ReadEventRow = ReadEvent;

/** In the actor's name, unless that was within the last ten minutes. Gives the moment at which it was noted. */
export async function noteRead(tx: Tx, read: Read): Promise<Date> {
  const [at] = await noteReads(tx, [read]);
  if (at === undefined) throw new Error('note_read gave no moment');
  return at;
}

/**
 * The moments of each, in the order given. Holds the logs of all the things until the transaction ends: given in the order of
 * `inOneOrder`, no two transactions wait for each other.
 */
export async function noteReads(tx: Tx, reads: readonly Read[]): Promise<Date[]> {
  if (reads.length === 0) return [];
  const batch = JSON.stringify(reads.map(({ what, thing, part = '' }) => ({ what, thing, part })));
  const rows = await ask<{ at: Date }>(tx)`
    SELECT note_read(r.read->>'what', r.read->>'thing', r.read->>'part', ${readSeconds}::int) AS at
    FROM json_array_elements(${batch}::json) WITH ORDINALITY AS r(read, position) ORDER BY r.position`;
  return rows.map(({ at }) => at);
}

/** The order in which reads of several things are noted. */
export const inOneOrder = (reads: readonly Read[]): Read[] =>
  reads.toSorted((a, b) => (a.thing < b.thing ? -1 : Number(a.thing > b.thing)));

/** Whether `events` of one thing are as they were appended; `head`, its read log's, reveals a cut-off end. */
export function verifyReadChain(events: ReadEventRow[], head?: ChainHead): ChainVerdict {
  return verifyHashChain(events, readLogChain, head);
}

/** As note_read computes it, field by field. */
export const readLogChain: HashChain<ReadEventRow> = {
  chainOf: (event) => `${event.tenantId} ${event.thing}`,
  hashedFields: (event) => [
    event.prevHash,
    event.tenantId,
    event.thing,
    String(event.seq),
    event.reader,
    event.what,
    event.part,
    event.at.toISOString(),
  ],
};
