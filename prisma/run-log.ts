/** The run log: append-only, gapless, hash-chained. */
import canonicalize from 'canonicalize';
import type { Json } from '../compiler/types.ts';
import type { Tx } from './act-as.ts';
import type { RunEvent } from './generated/client.ts';
import type { ChainHead, ChainVerdict, HashChain } from './hash-chain.ts';
import { verifyHashChain } from './hash-chain.ts';
import { ask } from './statements.ts';

export type { ChainVerdict } from './hash-chain.ts';

/** Everything that is logged of a run. */
export const eventTypes = [
  'run.started',
  'run.status',
  'run.called',
  'run.resumed',
  'run.cancel-requested',
  'run.paused',
  'command.given',
  'command.applied',
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
  'effect.answered',
  'effect.undo-failed',
  'gate.opened',
  'gate.voted',
  'gate.decided',
  'gate.claimed',
  'gate.released',
  'gate.delegated',
  'gate.delegation-withdrawn',
  'gate.question',
  'gate.answer',
  'gate.overdue',
  'gate.escalated',
  'gate.reminded',
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

/** The runs, and the proposals, whose logs were appended to in this transaction. */
export function grownRuns(tx: Tx): ReadonlySet<string> {
  return grownByTransaction.get(tx) ?? new Set();
}

/** Has those who wait for the log of `id`, a run or a proposal, told of it after the commit. */
export function noteGrown(tx: Tx, id: string): void {
  const grown = grownByTransaction.get(tx) ?? new Set();
  grownByTransaction.set(tx, grown.add(id));
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
  const rows = await ask<{ seq: number }>(tx)`
    SELECT append_run_event(e.event->>'run', e.event->>'type', e.event->>'sourceKey', e.event->>'node', e.event->>'body') AS seq
    FROM json_array_elements(${batch}::json) WITH ORDINALITY AS e(event, position) ORDER BY e.position`;
  for (const { run } of events) noteGrown(tx, run);
  return rows.map((row) => row.seq);
}

/** The run's own seq and headHash, which reveal a cut-off end, or nothing: then the events are a part of the log. */
export function verifyChain(events: RunEventRow[], head?: ChainHead): ChainVerdict {
  return verifyHashChain(events, runLogChain, head);
}

/** As append_run_event (first migration) computes it, field by field. */
export const runLogChain: HashChain<RunEventRow> = {
  chainOf: (event) => `${event.tenantId} ${event.runId}`,
  hashedFields: (event) => [
    event.prevHash,
    event.tenantId,
    event.runId,
    String(event.seq),
    event.type,
    event.sourceKey,
    event.node,
    event.body,
    event.at.toISOString(),
  ],
};
