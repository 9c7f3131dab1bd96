/** Rows of gates: the one truth about what is asked of people and what they said. */
import { randomUUID } from 'node:crypto';
import type { Json } from '../compiler/types.ts';
import { putArtifact } from '../prisma/artifacts.ts';
import { gateLapsed } from '../prisma/gate-events.ts';
import type { Tx } from '../prisma/open.ts';
import type { NewEvent } from '../prisma/run-log.ts';
import { viewOf } from './claim.ts';
import type { Digest, GateState } from './contract.ts';
import type { AskedPeople } from './gate-people.ts';
import type { GateBindings, Shown } from './gate-subject.ts';
import { gateBindingsSchema, subjectOf } from './gate-subject.ts';
import { tellWhoMayDecide } from './tell-approvers.ts';

/** Where a gate stands in its run. */
export interface GatePlace {
  tenant: string;
  rootRun: string;
  run: string;
  node: string;
  path: string;
}

/** An approve step, `requires approval` of a step, or a task of a person. */
export type GatePurpose = 'step' | 'approval' | 'task';

export interface GateQuestion {
  purpose: GatePurpose;
  nodeHash: string;
  title: string;
  question: string;
  approvers: AskedPeople;
  quorum?: number;
  notBy: string[];
  /** Who wrote one of these is a contributor. */
  sources?: Digest[];
  actions: { name: string; effect: 'continue' | 'end' }[];
  shown: Shown[];
  guards: GateBindings['guards'];
  slot?: string;
  /** What the checks of a task read, by name. */
  reads?: Record<string, Digest>;
  proposal?: GateBindings['proposal'];
  assigneeEpoch?: number;
  dueMs?: number;
  ifOverdue?: IfOverdue;
  /** Ids and numbers that the event should also carry. */
  about?: Record<string, Json>;
  now: Date;
}

/** The verdict of a gate that nobody decided in time. */
export const overdueVerdict = 'overdue';

/** As stored: what becomes of a gate that is overdue. */
export type IfOverdue = { do: 'continue' | 'reject' | 'link' } | { do: 'ask'; approvers: AskedPeople };

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
    // Another person to decide is another question.
    ...(question.approvers.people.length === 0 ? {} : { people: question.approvers.people }),
    ...(question.reads === undefined ? {} : { reads: question.reads }),
    ...(question.proposal === undefined ? {} : { proposal: question.proposal }),
    ...(question.assigneeEpoch === undefined ? {} : { assigneeEpoch: question.assigneeEpoch }),
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
  const { approvers, dueMs, ifOverdue, now } = question;
  const id = randomUUID();
  const { count } = await tx.gate.createMany({
    data: [
      {
        ...key,
        id,
        runId: place.run,
        purpose: question.purpose,
        bindings: JSON.stringify(bindings),
        title: question.title,
        question: question.question,
        approverRoles: JSON.stringify(approvers.roles),
        approverPeople: JSON.stringify(approvers.people),
        need: approvers.need,
        quorum: question.quorum ?? null,
        notBy: JSON.stringify(question.notBy),
        sources: JSON.stringify(question.sources ?? []),
        actions: JSON.stringify(question.actions),
        shown: JSON.stringify(shown),
        status: 'open',
        openedAt: now,
        dueAt: dueMs === undefined ? null : new Date(now.getTime() + dueMs),
        ifOverdue: dueMs === undefined || ifOverdue === undefined ? null : JSON.stringify(ifOverdue),
      },
    ],
    skipDuplicates: true,
  });
  const found = await tx.gate.findUniqueOrThrow({ where: { tenantId_rootRunId_node_path_subject: key } });
  const gate = found.runId === place.run ? found : await moveGate(tx, found, place.run);
  if (count > 0) await tellWhoMayDecide(tx, gate, { kind: 'gate-opened', sourceKey: `gate-opened:${id}` });
  // Of a run that goes on with another: nobody is asked, and its log has no decision to follow.
  const decided = gate.verdict === null ? {} : { status: gate.status, action: gate.verdict };
  events.push({
    run: place.run,
    type: 'gate.opened',
    sourceKey: `gate.opened:${gate.id}`,
    node,
    body: { gate: gate.id, purpose: gate.purpose, subject, ...decided, ...question.about },
  });
  return { gate, events };
}

/** The gate as it stands once it is the run's: a decision that was being made meanwhile rang the run it was of before. */
function moveGate(tx: Tx, { tenantId, id }: GateRow, run: string): Promise<GateRow> {
  return tx.gate.update({ where: { tenantId_id: { tenantId, id } }, data: { runId: run } });
}

/** Gates of a place, latest first; of an approval within a step, those of the same slot. */
export async function gatesAt(tx: Tx, place: GatePlace, purpose: GatePurpose, slot?: string): Promise<GateRow[]> {
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
  return [gateLapsed(run, gate)];
}

/**
 * What the workflow is told of a gate; marks a verdict, and that it lapsed, as heard, which ends the ringing. `remindEveryMs`
 * is for one that may have to be waited for.
 */
export async function gateState(tx: Tx, gate: GateRow, now: Date, remindEveryMs?: number): Promise<GateState> {
  if (gate.status === 'lapsed') {
    await markHeard(tx, gate, now);
    return { gate: gate.id, lapsed: true };
  }
  if (gate.status !== 'decided' || gate.verdict === null || gate.outputDigest === null) {
    const due = gate.dueAt === null || gate.escalatedAt !== null ? {} : { due: gate.dueAt.getTime() };
    const remind = remindEveryMs === undefined ? {} : { remindEvery: remindEveryMs };
    const timed = 'due' in due || 'remindEvery' in remind;
    return { gate: gate.id, ...(timed ? { times: { opened: gate.openedAt.getTime(), ...due, ...remind } } : {}) };
  }
  await markHeard(tx, gate, now);
  return { gate: gate.id, verdict: { action: gate.verdict, output: gate.outputDigest, ...viewOf(gate.view) } };
}

async function markHeard(tx: Tx, { tenantId, id, heardAt }: GateRow, now: Date): Promise<void> {
  if (heardAt !== null) return;
  await tx.gate.updateMany({ where: { tenantId, id, heardAt: null }, data: { heardAt: now } });
}
