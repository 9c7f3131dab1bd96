/** Append-only logs whose rows each hash the one before: what was changed, taken out or moved shows. */
import { createHash } from 'node:crypto';

export interface ChainedRow {
  /** 1, 2, 3 and so on, without a gap. */
  seq: number;
  /** Hash of the row before; '' of the first. */
  prevHash: string;
  hash: string;
}

export interface HashChain<Row extends ChainedRow> {
  /** Names the log that a row is of: rows of two logs make no chain. */
  chainOf(row: Row): string;
  /** What the hash is over, in the order of the SQL function that appends. */
  hashedFields(row: Row): (string | null)[];
}

/** Number and hash of the last row, as they are kept apart from the log. */
export interface ChainHead {
  seq: number;
  headHash: string;
}

export type ChainVerdict = { ok: true } | { ok: false; seq: number; reason: string };

/**
 * Whether `rows`, in order of their numbers and without a gap, are as they were appended. They may start anywhere: of the
 * first one that is not number 1, the previous hash is taken as it stands. `head` reveals a cut-off end.
 */
export function verifyHashChain<Row extends ChainedRow>(
  rows: Row[],
  chain: HashChain<Row>,
  head?: ChainHead,
): ChainVerdict {
  let previous: Row | undefined;
  for (const row of rows) {
    const reason = faultAfter(previous, row, chain);
    if (reason) return { ok: false, seq: row.seq, reason };
    previous = row;
  }
  const reason = head && faultAtEnd(previous, head);
  return reason === undefined ? { ok: true } : { ok: false, seq: previous?.seq ?? 0, reason };
}

/** Why the log does not end with `last` as its head says; undefined where it does. */
export function faultAtEnd(last: ChainedRow | undefined, head: ChainHead): string | undefined {
  const seq = last?.seq ?? 0;
  if (seq !== head.seq) return `the log ends at ${seq}, its head says ${head.seq}`;
  return (last?.hash ?? '') === head.headHash ? undefined : 'the last hash is not the head’s';
}

/** Why `row` is not as it was appended after `previous`; undefined where it is. */
export function faultAfter<Row extends ChainedRow>(
  previous: Row | undefined,
  row: Row,
  chain: HashChain<Row>,
): string | undefined {
  if (previous && chain.chainOf(row) !== chain.chainOf(previous)) return 'belongs to another log';
  const expectedSeq = previous ? previous.seq + 1 : row.seq;
  if (row.seq !== expectedSeq) return `expected event ${expectedSeq}`;
  if (previous && row.prevHash !== previous.hash) return 'does not follow the event before it';
  if (row.seq === 1 && row.prevHash !== '') return 'the first event follows another';
  if (row.hash !== hashOf(chain.hashedFields(row))) return 'its content is not what was hashed';
  return undefined;
}

function hashOf(fields: (string | null)[]): string {
  return createHash('sha256').update(fields.map(hashedField).join(''), 'utf8').digest('hex');
}

/** As the SQL function hashed_field writes it, so that no two lists of fields read the same. */
function hashedField(value: string | null): string {
  return value === null ? '-' : `${Buffer.byteLength(value)}:${value}`;
}
