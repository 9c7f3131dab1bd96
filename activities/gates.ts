/** Gates of `approve` steps and tasks of `person` steps: opening one, and holding a write against what was approved. */
import { placeOf } from '../compiler/proposal-places.ts';
import type { Tx } from '../prisma/open.ts';
import { appendEvents } from '../prisma/run-log.ts';
import type { Claim } from './claim.ts';
import type { GateState, OpenGateInput } from './contract.ts';
import type { Dependencies } from './dependencies.ts';
import type { GateCheck, GateStanding } from './effects.ts';
import { refuseOfEnded } from './ended-run.ts';
import { applicationFailure, setRunStatus } from './failures.ts';
import { gatesBeforeWrite } from './gate-places.ts';
import { questionOf } from './gate-question.ts';
import type { GateRow, IfOverdue } from './gate-rows.ts';
import { bindingsOf, gateState, lapseGate, overdueVerdict, upsertGate } from './gate-rows.ts';
import { gatesBefore, guardOf } from './gate-subject.ts';
import { makeOrKeepWhy } from './not-made.ts';
import { boundAsGiven, contentsOf } from './run-proposal.ts';
import { logRun } from './run-row.ts';
import { taskOfSession } from './session-task.ts';
import { shareWithApprovers } from './share-proposal.ts';
import { askedNow } from './tell-approvers.ts';
import { transitionEvents } from './transitions.ts';

/**
 * Opens the gate or the task, or finds it open or decided. Asked again it gives the same gate, with the verdict once there
 * is one.
 */
export async function openGate(deps: Dependencies, input: OpenGateInput): Promise<GateState> {
  const opened = await makeOrKeepWhy(deps, input, async (tx, run) => {
    const said = run.loaded.nodes.get(input.node);
    const path = input.path ?? '';
    const task = said?.kind === 'session' ? await taskOfSession(tx, deps, run, said, path) : undefined;
    const node = task === undefined ? said : task.node;
    if (node?.kind !== 'approve' && node?.kind !== 'person') {
      throw applicationFailure(input.node, 'bug', { retry: false });
    }
    await refuseOfEnded(tx, run.row, input.node);
    // What a person fills in is written by their decision, which opens no proposal.
    if (node.kind === 'person' && placeOf(node)) await contentsOf(tx, deps, run.row, run.loaded);
    const place = {
      tenant: run.actor.tenant,
      rootRun: run.rootRun,
      run: run.row.id,
      node: node.id,
      path,
    };
    const question = await questionOf(deps, tx, run, node, input);
    const follows = task?.assigneeEpoch === undefined ? {} : { assigneeEpoch: task.assigneeEpoch };
    const { gate, events } = await upsertGate(tx, place, { ...question, ...follows });
    const state = await gateState(tx, gate, deps.clock(), node.remindEveryMs);
    if (state.verdict === undefined) await shareWithApprovers(tx, deps, run, gate, askedNow(gate));
    const transitions = await transitionEvents(tx, deps, run.row, input.log);
    const waiting = state.verdict
      ? []
      : await setRunStatus(tx, { actor: run.actor, runId: run.row.id }, 'waiting', ['running']);
    await appendEvents(tx, [...transitions, ...events, ...waiting]);
    return { state, run };
  });
  logRun(deps, opened.run, {
    step: input.node,
    event: 'gate.opened',
    status: opened.state.verdict ? 'decided' : 'waiting',
  });
  return opened.state;
}

/**
 * Whether every approval before this step still stands for what the step is about to do. A gate over something else
 * lapses; while a gate is open the write waits, and one that was rejected refuses it.
 */
export function gateCheckFor(deps: Dependencies, claim: Claim): GateCheck {
  return async (tx) => {
    const { node, graph } = claim;
    if (node.kind !== 'tool' && node.kind !== 'agent' && node.kind !== 'run') return { stands: true };
    for (const gateNode of gatesBefore(graph, node)) {
      const standing = await standingOf(tx, deps, claim, gateNode.id, node);
      if (!standing.stands) return standing;
    }
    return { stands: true };
  };
}

/** The gate as it stands where this write is: one row, or one for each item of a container that the gate alone is in. */
async function standingOf(
  tx: Tx,
  deps: Dependencies,
  claim: Claim,
  gateNode: string,
  node: Parameters<typeof guardOf>[3],
): Promise<GateStanding> {
  const { tenant } = claim.actor;
  const where = { tenant, rootRun: claim.rootRun, node: gateNode };
  for (const rows of await gatesBeforeWrite(tx, where, claim.graph, claim.path)) {
    const standing = await rowsStand(tx, deps, claim, rows, gateNode, node);
    if (!standing.stands) return standing;
  }
  return { stands: true };
}

async function rowsStand(
  tx: Tx,
  deps: Dependencies,
  claim: Claim,
  rows: GateRow[],
  gateNode: string,
  node: Parameters<typeof guardOf>[3],
): Promise<GateStanding> {
  const gate = rows.find(({ status }) => status !== 'lapsed');
  const path = rows[0]?.path ?? '';
  const lapsed = { gateNode, ...(path === '' ? {} : { gatePath: path }) };
  // Never opened: the way that led here does not pass the gate. Lapsed: it must be asked again, or is being asked.
  if (!gate) return rows.length === 0 ? { stands: true } : { stands: false, lapsed, events: [] };
  if (gate.status === 'open') return { stands: false, lapsed, events: [] };
  if (!goesOn(gate)) return { stands: false, refused: `Unexpected write after ${gateNode} was rejected` };
  const approved = bindingsOf(gate).guards[node.id];
  const proposal = await boundAsGiven(tx, claim, gateNode, node);
  const now = guardOf(deps, claim.graph, gateNode, node, claim.givenDigests, proposal, claim.practice);
  if (approved && sameGuard(approved, now)) return { stands: true };
  return { stands: false, lapsed, events: await lapseGate(tx, gate, claim.runId) };
}

function sameGuard(a: { nodeHash: string; inputs: Record<string, string> }, b: typeof a): boolean {
  const keys = Object.keys(b.inputs);
  return (
    a.nodeHash === b.nodeHash &&
    keys.length === Object.keys(a.inputs).length &&
    keys.every((key) => a.inputs[key] === b.inputs[key])
  );
}

/** Did the verdict let the run go on? */
function goesOn(gate: GateRow): boolean {
  if (gate.verdict === overdueVerdict) {
    const said = gate.ifOverdue === null ? undefined : (JSON.parse(gate.ifOverdue) as IfOverdue);
    return said?.do === 'continue' || said?.do === 'link';
  }
  const actions = JSON.parse(gate.actions) as { name: string; effect: string }[];
  return actions.find(({ name }) => name === gate.verdict)?.effect === 'continue';
}
