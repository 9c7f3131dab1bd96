/** `requires approval` of a step: a person agrees to exactly what will be done before it is done. */
import { approversText } from '../compiler/approvers.ts';
import type { Approvers } from '../compiler/graph.ts';
import type { Json } from '../compiler/types.ts';
import { appendEvents } from '../prisma/run-log.ts';
import type { Claim } from './claim.ts';
import { nodeHashOf } from './claim.ts';
import type { StepInput, StepOutcome } from './contract.ts';
import type { Dependencies } from './dependencies.ts';
import { failStep, requireFence, setRunStatus } from './failures.ts';
import type { AskedPeople } from './gate-people.ts';
import { NobodyToAsk, peopleAsked } from './gate-people.ts';
import { gateState, upsertGate } from './gate-rows.ts';
import { rootsOf } from './input-digests.ts';
import { bindingsIn } from './load-inputs.ts';
import { logStep } from './log-step.ts';
import { refuseStep } from './refuse-step.ts';

export interface ApprovalSubject {
  /** Exactly what will be done: these bytes are what the approval is about. */
  shown: { name: string; value: Json }[];
  /** Which of the step's calls, or `output`. */
  slot: string;
}

export type Approval = StepOutcome | { status: 'approved' };

/**
 * `approved` when the step needs no approval, or the gate over exactly this subject says so. Otherwise the outcome to
 * return: the gate is open (`awaiting-approval`), or was refused, and then the step is.
 */
export async function holdForApproval(
  deps: Dependencies,
  claim: Claim,
  _input: StepInput,
  subject: ApprovalSubject,
): Promise<Approval> {
  const { node } = claim;
  const approvers = 'requiresApproval' in node ? node.requiresApproval : undefined;
  if (!approvers) return { status: 'approved' };
  const waitsFor = approversText(approvers);
  const tenant = claim.actor.tenant;
  const asked = await whoIsAsked(deps, claim, approvers);
  const approval = await deps.store.actAs(claim.actor, async (tx): Promise<Approval> => {
    await requireFence(tx, claim);
    // Rows are found by what they are about; the ids that the workflow passes on are not needed to believe a verdict.
    const { gate, events } = await upsertGate(
      tx,
      { tenant, rootRun: claim.rootRun, run: claim.runId, node: node.id, path: claim.path },
      {
        purpose: 'approval',
        nodeHash: nodeHashOf(deps, claim.graph, node, claim.practice),
        title: node.title,
        question: '',
        approvers: asked,
        notBy: [],
        actions: [
          { name: 'approve', effect: 'continue' },
          { name: 'reject', effect: 'end' },
        ],
        shown: subject.shown,
        guards: {},
        slot: subject.slot,
        about: { execution: claim.execution, attempt: claim.attempt },
        now: deps.clock(),
      },
    );
    const { verdict } = await gateState(tx, gate, deps.clock());
    const waiting = verdict ? [] : await setRunStatus(tx, claim, 'waiting', ['running']);
    await appendEvents(tx, [...events, ...waiting]);
    if (!verdict) return { status: 'awaiting-approval', gate: gate.id, waitsFor };
    if (verdict.action === 'approve') return { status: 'approved' };
    return refuseStep(tx, deps, claim, { gate: gate.id });
  });
  logStep(deps, claim, { level: 'info', event: 'gate.opened', status: approval.status });
  return approval;
}

/** Parks the step as not-allowed where the document's expressions name nobody to ask. */
async function whoIsAsked(deps: Dependencies, claim: Claim, approvers: Approvers): Promise<AskedPeople> {
  const { givenDigests } = claim;
  const names = new Set(approvers.of.flatMap((one) => ('person' in one ? rootsOf(one.person) : [])));
  const inputs = Object.fromEntries(Object.entries(givenDigests).filter(([name]) => names.has(name)));
  try {
    return await deps.store.actAs(claim.actor, async (tx) => {
      const bindings = await bindingsIn(tx, claim, claim.node.id, inputs);
      return peopleAsked(tx, claim.actor.tenant, approvers, bindings);
    });
  } catch (problem) {
    if (!(problem instanceof NobodyToAsk)) throw problem;
    return failStep(deps, claim, { class: 'not-allowed', detail: problem.message });
  }
}
