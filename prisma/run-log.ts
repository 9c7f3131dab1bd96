/** The run log: append-only, gapless, hash-chained. */
import { createHash } from 'node:crypto';
import canonicalize from 'canonicalize';
import type { Json } from '../compiler/types.ts';
import type { Tx } from './act-as.ts';
import type { RunEvent } from './generated/client.ts';

/** Everything that is logged of a run. */
export const eventTypes = [
  'run.started',
  'run.status',
  'run.cancel-requested',
  'run.ended',
  'step.started',
  'step.turn',
  'step.retrying',
  'step.validated',
  'step.committed',
  'step.failed',
  'step.skipped',
  'step.bypassed',
  'step.refused',
  'step.chosen',
  'effect.intended',
  'effect.settled',
  'gate.opened',
  'gate.decided',
  'gate.refused-decision',
  'gate.lapsed',
] as const;
export type EventType = (typeof eventTypes)[number];

export interface NewEvent {
  run: string;
  type: EventType;
  /** Names what happened, once in its run: a repeated delivery appends nothing. */
  sourceKey: string;
  node?: string;
  /** Ids, digests and numbers. Never content. */
  body: Record<string, Json>;
}

export type RunEventRow = RunEvent;

/** Kept with the transaction, since it is known here and needed after the commit. */
const grownByTransaction = new WeakMap<Tx, Set<string>>();

/** The runs that `appendEvents` was given events of in this transaction. */
export function grownRuns(tx: Tx): ReadonlySet<string> {
  return grownByTransaction.get(tx) ?? new Set();
}

/**
 * Appends in order and returns the events' numbers; of an event whose source key the run has already, the number it has.
 * Holds the run's row until the transaction ends, so it comes last in it. Throws when the run is not of the actor's tenant.
 */
export async function appendEvents(tx: Tx, events: NewEvent[]): Promise<number[]> {
  if (events.length === 0) return [];
  const batch = JSON.stringify(
    events.map(({ run, type, sourceKey, node, body }) => ({
      run,
      type,
      sourceKey,
      node: node ?? null,
      body: canonicalize(body),
    })),
  );
  const rows = await tx.$queryRaw<{ seq: number }[]>`
    SELECT append_run_event(e.event->>'run', e.event->>'type', e.event->>'sourceKey', e.event->>'node', e.event->>'body') AS seq
    FROM json_array_elements(${batch}::json) WITH ORDINALITY AS e(event, position) ORDER BY e.position`;
  const grown = grownByTransaction.get(tx) ?? new Set();
  grownByTransaction.set(tx, grown);
  for (const { run } of events) grown.add(run);
  return rows.map((row) => row.seq);
}

export type ChainVerdict = { ok: true } | { ok: false; seq: number; reason: string };

/**
 * Whether `events`, in order of their numbers and without a gap, are as they were appended. They may start anywhere: of the first one
 * that is not number 1, the previous hash is taken as it stands. `head`, the run's own seq and headHash, reveals a
 * cut-off end.
 */
export function verifyChain(events: RunEventRow[], head?: { seq: number; headHash: string }): ChainVerdict {
  let previous: RunEventRow | undefined;
  for (const event of events) {
    const reason = faultOf(event, previous);
    if (reason) return { ok: false, seq: event.seq, reason };
    previous = event;
  }
  const last = { seq: previous?.seq ?? 0, headHash: previous?.hash ?? '' };
  if (head && last.seq !== head.seq) {
    return { ok: false, seq: last.seq, reason: `the log ends at ${last.seq}, the run says ${head.seq}` };
  }
  if (head && last.headHash !== head.headHash) {
    return { ok: false, seq: last.seq, reason: 'the last hash is not the run’s' };
  }
  return { ok: true };
}

function faultOf(event: RunEventRow, previous: RunEventRow | undefined): string | undefined {
  if (previous && (event.tenantId !== previous.tenantId || event.runId !== previous.runId))
    return 'belongs to another run';
  const expectedSeq = previous ? previous.seq + 1 : event.seq;
  if (event.seq !== expectedSeq) return `expected event ${expectedSeq}`;
  if (previous && event.prevHash !== previous.hash) return 'does not follow the event before it';
  if (event.seq === 1 && event.prevHash !== '') return 'the first event follows another';
  if (event.hash !== hashOf(event)) return 'its content is not what was hashed';
  return undefined;
}

/** As append_run_event (first migration) computes it, field by field. */
function hashOf(event: RunEventRow): string {
  const fields = [
    event.prevHash,
    event.tenantId,
    event.runId,
    String(event.seq),
    event.type,
    event.sourceKey,
    event.node,
    event.body,
    event.at.toISOString(),
  ];
  return createHash('sha256').update(fields.map(hashedField).join(''), 'utf8').digest('hex');
}

function hashedField(value: string | null): string {
  return value === null ? '-' : `${Buffer.byteLength(value)}:${value}`;
}
