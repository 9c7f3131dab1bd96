/** One node from ready to its end: its `when`, then its kind. What it needs of the run is handed to its handler here. */
import { condition } from '@temporalio/workflow';
import type { GateState, StepInput } from '../activities/contract.ts';
import { callActivity } from './activity-proxies.ts';
import { decide } from './conditions.ts';
import type { Doorbell } from './doorbell.ts';
import type { RunState, Verdict } from './run-state.ts';
import { digestsOf } from './run-state.ts';
import { handlers } from './steps/index.ts';
import type { Reasked, Step, StepEnd } from './steps/step.ts';
import { activityName, summaryText } from './words.ts';

/**
 * A gate's row is read again after this, though nobody rang: a Reset that leaves out signals loses rings that were heard,
 * and nobody repeats those.
 */
const rereadAfter = '1 day';

/** Its activities are scheduled before it returns, as far as nothing has to be awaited first. */
export type PerformStep = (index: number) => Promise<StepEnd>;

export function stepPerformer(state: RunState, doorbell: Doorbell): PerformStep {
  /** How often a name was used, so that each activity has one of its own. */
  const asked = new Map<string, number>();
  /** Gates that are being asked again: two steps that found the same lapse ask once. */
  const reopening = new Map<number, Promise<GateState>>();

  return (index) => {
    const step = prepare(index);
    const { when, kind } = step.node;
    return when === undefined ? handlers[kind](step) : performIf(when, step);
  };

  async function performIf(when: string, step: Step): Promise<StepEnd> {
    let holds = step.decide(when);
    if (holds === 'opaque') holds = (await step.evaluate([{ index: 0, of: 'when' }])) !== null;
    return holds ? handlers[step.node.kind](step) : { as: 'bypassed' };
  }

  function prepare(index: number): Step {
    const node = nodeAt(index);
    return {
      node,
      run: (activity, gates) =>
        call(index, node.id, (shown, input) =>
          callActivity(activity, shown, gates.length > 0 ? { ...input, gates: [...gates] } : input),
        ),
      openGate: () => openGate(index),
      evaluate: async (conditions) => {
        const { holds } = await call(index, `${node.id}/condition`, (shown, input) =>
          callActivity('evaluateConditions', shown, { ...input, conditions }),
        );
        return holds;
      },
      decide: (source) => decide(source, state.views),
      verdictOf: (gate, waitsFor) => verdictOf(index, gate, waitsFor),
      askAgain,
    };
  }

  function nodeAt(index: number) {
    const node = state.skeleton.nodes[index];
    if (node === undefined) throw new Error(`no node ${index} in the skeleton`);
    return node;
  }

  function call<Result>(
    index: number,
    base: string,
    schedule: (shown: { name: string; summary: string }, input: StepInput) => Promise<Result>,
  ): Promise<Result> {
    const { id, title, reads } = nodeAt(index);
    const times = (asked.get(base) ?? 0) + 1;
    asked.set(base, times);
    const inputs = digestsOf(state, reads);
    const input: StepInput = inputs === undefined ? { run: state.run, node: id } : { run: state.run, node: id, inputs };
    const shown = { name: activityName(base, index, times), summary: title };
    return state.log.ride((riding) => schedule(shown, { ...input, ...riding }));
  }

  function openGate(index: number): Promise<GateState> {
    return call(index, nodeAt(index).id, (shown, input) => callActivity('openGate', shown, input));
  }

  async function verdictOf(index: number, { gate, verdict }: GateState, waitsFor: string): Promise<Verdict> {
    if (verdict !== undefined && !state.verdicts.has(gate)) state.verdicts.set(gate, verdict);
    const known = state.verdicts.get(gate);
    if (known !== undefined) return known;

    const waiting = { node: index, waitsFor };
    // The timer is there to be seen: the only thing in the Web UI's timeline that can say who is waited for.
    const summary = `GATE ${nodeAt(index).title} waiting for ${waitsFor}`;
    state.waiting.add(waiting);
    state.changes.note();
    try {
      for (;;) {
        await condition(() => state.verdicts.has(gate), rereadAfter, { summary: summaryText(summary) });
        const decided = state.verdicts.get(gate);
        if (decided !== undefined) return decided;
        doorbell.note({ gate });
        state.changes.note();
      }
    } finally {
      state.waiting.delete(waiting);
      state.changes.note();
    }
  }

  async function askAgain(gateNode: string): Promise<Reasked> {
    const index = state.indexOf.get(gateNode);
    if (index === undefined) throw new Error(`a lapsed gate that is not in the graph: ${gateNode}`);
    const { actions, waitsFor } = nodeAt(index);
    const opening = reopening.get(index) ?? openGate(index);
    reopening.set(index, opening);
    try {
      const opened = await opening;
      const askedPeople = opened.verdict === undefined && !state.verdicts.has(opened.gate);
      const { action, output, view } = await verdictOf(index, opened, waitsFor ?? '');
      state.outputs.set(gateNode, output);
      state.views.set(gateNode, view ?? {});
      state.remarks.set(index, action);
      // A word the gate does not know lets nothing pass.
      return { effect: actions?.[action] === 'continue' ? 'continue' : 'end', askedPeople };
    } finally {
      if (reopening.get(index) === opening) reopening.delete(index);
    }
  }
}
