/** What time does to a gate that waits: reminders, and what the document says of one that is overdue. */
import { deriveView } from '../compiler/view.ts';
import { putArtifact } from '../prisma/artifacts.ts';
import { verdictKey, verdictTold } from '../prisma/gate-events.ts';
import { notify } from '../prisma/notifications.ts';
import type { Tx } from '../prisma/open.ts';
import type { NewEvent } from '../prisma/run-log.ts';
import { appendEvents } from '../prisma/run-log.ts';
import type { GateState, RunActivities, StepInput } from './contract.ts';
import type { Dependencies } from './dependencies.ts';
import { applicationFailure } from './failures.ts';
import type { GateRow, IfOverdue } from './gate-rows.ts';
import { gateState, overdueVerdict } from './gate-rows.ts';
import { makeOrKeepWhy } from './not-made.ts';
import type { RunInHand } from './run-row.ts';
import { logRun, readRun } from './run-row.ts';
import { shareWithApprovers } from './share-proposal.ts';
import { askedNow, tellWhoMayDecide } from './tell-approvers.ts';
import { transitionEvents } from './transitions.ts';

/** What a gate that nobody decided gives; the store takes no other from a worker. */
const verdictOfNobody = { action: overdueVerdict, by: '', comment: '' };

/** Sooner than this it is not asked for again. */
const leastWaitMs = 1000;

export async function closeOverdue(
  deps: Dependencies,
  input: StepInput & { gate: string },
): ReturnType<RunActivities['closeOverdue']> {
  const closed = await makeOrKeepWhy(deps, input, async (tx, run) => {
    const before = await gateOf(tx, run, input);
    const output = await putArtifact(tx, run.actor.tenant, verdictOfNobody);
    const paths = before.purpose === 'task' ? [] : (run.loaded.viewPaths[before.node] ?? []);
    const view = deriveView(verdictOfNobody, paths);
    const viewText = view === undefined ? null : JSON.stringify(view);
    const [answer] = await tx.$queryRaw<{ did: string; left: number | null }[]>`
      SELECT close_overdue(${before.id}, ${output}, ${viewText}) AS did,
        (extract(epoch FROM (SELECT due_at FROM gate WHERE tenant_id = ${run.actor.tenant} AND id = ${before.id}) - clock_timestamp()) * 1000)::float8 AS left`;
    const did = answer?.did ?? 'not-open';
    const gate = await gateOf(tx, run, input);
    const state = await gateState(tx, gate, deps.clock());
    const events = await eventsOf(tx, run, gate, did);
    if (did === 'escalated') await shareWithApprovers(tx, deps, run, gate, askedNow(gate));
    await appendEvents(tx, [...(await transitionEvents(tx, deps, run.row, input.log)), ...events]);
    const again = did === 'not-due' ? Math.max(leastWaitMs, Math.ceil(answer?.left ?? 0)) : undefined;
    return { run, did, state: withoutTimes(state), ...(again === undefined ? {} : { again }) };
  });
  logRun(deps, closed.run, { step: input.node, event: 'gate.overdue', status: closed.did });
  const { state, again } = closed;
  return again === undefined ? { state } : { state, again };
}

function withoutTimes({ times: _, ...state }: GateState): GateState {
  return state;
}

export async function remindGate(deps: Dependencies, input: StepInput & { gate: string; nth: number }): Promise<void> {
  await readRun(deps, input, async (tx, run) => {
    const gate = await gateOf(tx, run, input);
    const events: NewEvent[] = [];
    if (gate.status === 'open') {
      const sourceKey = `gate.reminded:${gate.id}:${input.nth}`;
      await tellWhoMayDecide(tx, gate, { kind: 'reminder', sourceKey });
      events.push(about(run, gate, 'gate.reminded', sourceKey, { nth: input.nth }));
    }
    await appendEvents(tx, [...(await transitionEvents(tx, deps, run.row, input.log)), ...events]);
  });
}

/** The gate of this run and step. */
async function gateOf(tx: Tx, run: RunInHand, { gate, node }: { gate: string; node: string }): Promise<GateRow> {
  const where = { tenantId: run.actor.tenant, rootRunId: run.rootRun, id: gate, node };
  const row = await tx.gate.findFirst({ where });
  if (row === null) throw applicationFailure(node, 'bug', { retry: false });
  return row;
}

/** Tells those whom it concerns, and gives the events for the caller to append last. */
async function eventsOf(tx: Tx, run: RunInHand, gate: GateRow, did: string): Promise<NewEvent[]> {
  switch (did) {
    case 'overdue': {
      const sourceKey = `gate.overdue:${gate.id}`;
      await tellWhoMayDecide(tx, gate, { kind: 'overdue', sourceKey });
      return [about(run, gate, 'gate.overdue', sourceKey, {})];
    }
    case 'escalated': {
      const sourceKey = `gate.escalated:${gate.id}`;
      const said = gate.ifOverdue === null ? undefined : (JSON.parse(gate.ifOverdue) as IfOverdue);
      const only = said?.do === 'ask' ? said.approvers : undefined;
      await tellWhoMayDecide(tx, gate, { kind: 'escalated', sourceKey, ...(only === undefined ? {} : { only }) });
      return [about(run, gate, 'gate.escalated', sourceKey, {})];
    }
    case 'decided': {
      const said = { gate: gate.id, run: gate.runId, action: overdueVerdict };
      await notify(tx, gate.tenantId, [verdictTold(run.actor.user, said)]);
      const body = { action: overdueVerdict, subject: gate.subject };
      return [about(run, gate, 'gate.decided', verdictKey(gate.id), body)];
    }
    default:
      return [];
  }
}

function about(
  run: RunInHand,
  gate: GateRow,
  type: NewEvent['type'],
  sourceKey: string,
  body: NewEvent['body'],
): NewEvent {
  return { run: run.row.id, type, sourceKey, node: gate.node, body: { gate: gate.id, ...body } };
}
