/** Rows of gates: the one truth about what is asked of people and what they said. */
import { randomUUID } from 'node:crypto';
import type { Json } from '../compiler/types.ts';
import { putArtifact } from '../prisma/artifacts.ts';
import type { Tx } from '../prisma/open.ts';
import type { NewEvent } from '../prisma/run-log.ts';
import { viewOf } from './claim.ts';
import type { GateState } from './contract.ts';
import type { GateBindings, Shown } from './gate-subject.ts';
import { gateBindingsSchema, subjectOf } from './gate-subject.ts';

/** Where a gate stands in its run. */
export interface GatePlace {
  tenant: string;
  rootRun: string;
  run: string;
  node: string;
  path: string;
}

export interface GateQuestion {
  purpose: 'step' | 'approval';
  nodeHash: string;
  title: string;
  question: string;
  approverRoles: string[];
  notBy: string[];
  actions: { name: string; effect: 'continue' | 'end' }[];
  shown: Shown[];
  guards: GateBindings['guards'];
  slot?: string;
  /** Ids and numbers that the event should also carry. */
  about?: Record<string, Json>;
  now: Date;
}

export type GateRow = NonNullable<Awaited<ReturnType<Tx['gate']['findFirst']>>>;

/**
 * The gate over exactly this subject: the row there is, or a new one. Other open gates of the same place and slot are
 * about what no longer stands, and lapse. The events are for the caller to append last.
 */
export async function upsertGate(
  tx: Tx,
  place: GatePlace,
  question: GateQuestion,
): Promise<{ gate: GateRow; events: NewEvent[] }> {
  const { tenant, rootRun, node, path } = place;
  const shown = [];
  for (const { name, value } of question.shown) shown.push({ name, digest: await putArtifact(tx, tenant, value) });
  const before = await gatesAt(tx, place, question.purpose, question.slot);
  const bindings: GateBindings = {
    shown: shown.map(({ digest }) => digest),
    guards: question.guards,
    lapses: before.filter(({ status }) => status === 'lapsed').length,
    ...(question.slot === undefined ? {} : { slot: question.slot }),
  };
  const subject = subjectOf(question.nodeHash, path, bindings);
  // One that is open or decided over the same subject is this gate; had it lapsed, the subject would have another count.
  const key = { tenantId: tenant, rootRunId: rootRun, node, path, subject };
  const events: NewEvent[] = [];
  for (const stale of before.filter((gate) => gate.status === 'open' && gate.subject !== subject)) {
    events.push(...(await lapseGate(tx, stale, place.run)));
  }
  if (events.length > 0) {
    // Their lapse is counted in the subject: settle it first, then ask.
    const again = await upsertGate(tx, place, question);
    return { gate: again.gate, events: [...events, ...again.events] };
  }
  await tx.gate.createMany({
    data: [
      {
        ...key,
        id: randomUUID(),
        runId: place.run,
        purpose: question.purpose,
        bindings: JSON.stringify(bindings),
        title: question.title,
        question: question.question,
        approverRoles: JSON.stringify(question.approverRoles),
        notBy: JSON.stringify(question.notBy),
        actions: JSON.stringify(question.actions),
        shown: JSON.stringify(shown),
        status: 'open',
        openedAt: question.now,
      },
    ],
    skipDuplicates: true,
  });
  const gate = await tx.gate.findUniqueOrThrow({ where: { tenantId_rootRunId_node_path_subject: key } });
  events.push({
    run: place.run,
    type: 'gate.opened',
    sourceKey: `gate.opened:${gate.id}`,
    node,
    body: { gate: gate.id, purpose: gate.purpose, subject, ...question.about },
  });
  return { gate, events };
}

/** Gates of a place, latest first; of an approval within a step, those of the same slot. */
export async function gatesAt(
  tx: Tx,
  place: GatePlace,
  purpose: 'step' | 'approval',
  slot?: string,
): Promise<GateRow[]> {
  const rows = await tx.gate.findMany({
    where: { tenantId: place.tenant, rootRunId: place.rootRun, node: place.node, path: place.path, purpose },
    orderBy: [{ openedAt: 'desc' }, { id: 'desc' }],
  });
  return rows.filter((row) => bindingsOf(row).slot === slot);
}

export function bindingsOf(gate: { bindings: string }): GateBindings {
  return gateBindingsSchema.parse(JSON.parse(gate.bindings));
}

/** Lapses the gate unless it has lapsed; the events are for the caller to append last. */
export async function lapseGate(
  tx: Tx,
  gate: { tenantId: string; id: string; node: string },
  run: string,
): Promise<NewEvent[]> {
  const { count } = await tx.gate.updateMany({
    where: { tenantId: gate.tenantId, id: gate.id, status: { not: 'lapsed' } },
    data: { status: 'lapsed' },
  });
  if (count === 0) return [];
  return [{ run, type: 'gate.lapsed', sourceKey: `gate.lapsed:${gate.id}`, node: gate.node, body: { gate: gate.id } }];
}

/** What the workflow is told of a gate; marks a verdict as heard, which ends the ringing. */
export async function gateState(tx: Tx, gate: GateRow, now: Date): Promise<GateState> {
  if (gate.status !== 'decided' || gate.verdict === null || gate.outputDigest === null) return { gate: gate.id };
  if (gate.heardAt === null) {
    await tx.gate.updateMany({
      where: { tenantId: gate.tenantId, id: gate.id, heardAt: null },
      data: { heardAt: now },
    });
  }
  return { gate: gate.id, verdict: { action: gate.verdict, output: gate.outputDigest, ...viewOf(gate.view) } };
}
