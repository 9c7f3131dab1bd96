/** Gates of `approve` steps: opening one, and holding a write against what was approved. */
import { rolesOf } from '../compiler/approvers.ts';
import { ExpressionError } from '../compiler/expressions/evaluate.ts';
import type { Tx } from '../prisma/open.ts';
import { appendEvents } from '../prisma/run-log.ts';
import type { Claim } from './claim.ts';
import { nodeHashOf } from './claim.ts';
import type { GateState, OpenGateInput } from './contract.ts';
import type { Dependencies } from './dependencies.ts';
import type { GateCheck, GateStanding } from './effects.ts';
import { applicationFailure, setRunStatus } from './failures.ts';
import { gatesBeforeWrite } from './gate-places.ts';
import type { GateRow } from './gate-rows.ts';
import { bindingsOf, gateState, lapseGate, upsertGate } from './gate-rows.ts';
import { gatesBefore, guardedWrites, guardOf, shownBy } from './gate-subject.ts';
import { bindingsIn } from './load-inputs.ts';
import { logRun, readRun } from './run-row.ts';
import { transitionEvents } from './transitions.ts';

/** Opens the gate, or finds it open or decided. Asked again it gives the same gate, with the verdict once there is one. */
export async function openGate(deps: Dependencies, input: OpenGateInput): Promise<GateState> {
  const opened = await readRun(deps, input, async (tx, run) => {
    const node = run.loaded.nodes.get(input.node);
    if (node?.kind !== 'approve') throw applicationFailure(input.node, 'bug', { retry: false });
    if (run.row.status === 'cancelled') throw applicationFailure(input.node, 'not-allowed', { retry: false });
    const { graph } = run.loaded;
    const practice = run.row.practice ?? undefined;
    const path = input.path ?? '';
    const bindings = await bindingsIn(tx, run, node.id, input.inputs);
    const digests = { ...input.inputs, input: run.runInput };
    const guarded = guardedWrites(deps, graph, node.id, practice);
    let shown: ReturnType<typeof shownBy>;
    try {
      shown = shownBy(node, guarded, bindings, graph);
    } catch (problem) {
      if (problem instanceof ExpressionError) throw applicationFailure(node.id, 'bug', { retry: false });
      throw problem;
    }
    const { gate, events } = await upsertGate(
      tx,
      { tenant: run.actor.tenant, rootRun: run.rootRun, run: run.row.id, node: node.id, path },
      {
        purpose: 'step',
        nodeHash: nodeHashOf(deps, graph, node, practice),
        title: node.title,
        question: node.instruction,
        approverRoles: rolesOf(node.approvers),
        notBy: node.notBy,
        actions: node.actions
          .filter(({ name }) => !input.without?.includes(name))
          .map(({ name, effect }) => ({ name, effect: effect === 'end' ? 'end' : 'continue' })),
        shown,
        guards: Object.fromEntries(
          guarded.map((one) => [one.id, guardOf(deps, graph, node.id, one, digests, practice)]),
        ),
        now: deps.clock(),
      },
    );
    const state = await gateState(tx, gate, deps.clock());
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
 * lapses; a gate that is open, or was rejected, refuses the write.
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
  // Never opened: the way that led here does not pass the gate. Lapsed and not asked again: it must be.
  if (!gate) return rows.length === 0 ? { stands: true } : { stands: false, lapsed: gateNode, events: [] };
  if (gate.status === 'open') return { stands: false, refused: `Unexpected write before ${gateNode} is decided` };
  const effect = actionsOf(gate).find(({ name }) => name === gate.verdict)?.effect;
  if (effect !== 'continue') return { stands: false, refused: `Unexpected write after ${gateNode} was rejected` };
  const approved = bindingsOf(gate).guards[node.id];
  const now = guardOf(deps, claim.graph, gateNode, node, claim.givenDigests, claim.practice);
  if (approved && sameGuard(approved, now)) return { stands: true };
  return { stands: false, lapsed: gateNode, events: await lapseGate(tx, gate, claim.runId) };
}

function sameGuard(a: { nodeHash: string; inputs: Record<string, string> }, b: typeof a): boolean {
  const keys = Object.keys(b.inputs);
  return (
    a.nodeHash === b.nodeHash &&
    keys.length === Object.keys(a.inputs).length &&
    keys.every((key) => a.inputs[key] === b.inputs[key])
  );
}

function actionsOf(gate: { actions: string }): { name: string; effect: string }[] {
  return JSON.parse(gate.actions) as { name: string; effect: string }[];
}
