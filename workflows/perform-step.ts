/** One step from ready to its end: its `when`, then its kind. What it needs of the run is handed to its handler here. */
import { condition, sleep } from '@temporalio/workflow';
import type { Condition, Digest, GateState, LapsedGate, StepInput, StepOutcome } from '../activities/contract.ts';
import { callActivity } from './activity-proxies.ts';
import { decide } from './conditions.ts';
import type { Doorbell } from './doorbell.ts';
import type { Frame } from './frames.ts';
import { digestsOf, joinPath, nodeAt, pathOf, valueFor } from './frames.ts';
import { takeRecalled } from './recalled.ts';
import type { RunFrame } from './run-frames.ts';
import type { At, RunState } from './run-state.ts';
import { rest } from './run-state.ts';
import { endingBy } from './steps/gate.ts';
import { handlerOf } from './steps/index.ts';
import { runApproved } from './steps/run-approved.ts';
import type { FrameEnd, Reasked, Step, StepEnd, Within } from './steps/step.ts';
import type { Shown } from './wait-for-people.ts';
import { rereadAfterMs, verdictReader } from './wait-for-people.ts';
import { activityName, summaryText } from './words.ts';

/** Its activities are scheduled before it returns, as far as nothing has to be awaited first. */
export type PerformStep = (at: At) => Promise<StepEnd>;

export function stepPerformer(state: RunState, doorbell: Doorbell, runFrame: RunFrame): PerformStep {
  /** How often a name was used, so that each activity has one of its own. */
  const asked = new Map<string, number>();
  /** Gates that are being asked again: two steps that found the same lapse ask once. */
  const reopening = new Map<string, Promise<GateState>>();
  const verdictOf = verdictReader(state, doorbell, call);

  return (at) => {
    const step = prepare(at);
    if (at.frame.orders.get(at.place)?.does === 'supply') return runApproved(step, 'supplyOutput');
    const { when } = step.node;
    // A step that goes on in a new execution has been let in before.
    const goesOn = at.frame.progress.has(at.place);
    return when === undefined || goesOn ? handlerOf(step.node)(step) : performIf(when, step, at);
  };

  async function performIf(when: string, step: Step, { frame, place }: At): Promise<StepEnd> {
    let holds = step.decide(when);
    if (holds === 'opaque') holds = (await step.evaluate([{ index: 0, of: 'when' }])) !== null;
    if (!holds) return { as: 'bypassed' };
    frame.progress.set(place, {});
    return handlerOf(step.node)(step);
  }

  function prepare(at: At): Step {
    const { frame, place } = at;
    const node = nodeAt(at);
    return {
      node,
      progress: <Progress extends object>(initial: () => Progress): Progress => {
        // An empty one says no more than that the step was let in.
        const known = frame.progress.get(place);
        const progress = known !== undefined && Object.keys(known).length > 0 ? (known as Progress) : initial();
        frame.progress.set(place, progress);
        return progress;
      },
      run: (activity, gates) =>
        (at.frame.orders.has(at.place) ? undefined : takeRecalled(state.recalled, at)) ??
        call(at, node.id, (shown, input) =>
          callActivity(activity, shown, gates.length > 0 ? { ...input, gates: [...gates] } : input),
        ),
      openGate: () => openGate(at),
      evaluate: (conditions) => evaluate(at, conditions),
      decide: (source) => decide(source, { get: (name) => viewOf(frame, place, name) }),
      verdictOf: (gate, waitsFor, times) => verdictOf(at, gate, waitsFor, times),
      askAgain: (gate) => askAgain(at, gate),
      armLeadsBack: (arm) => frame.flow.leadsBack(place, { as: 'committed', arm }),
      collectReads: async () => {
        const { output, view } = await call(at, `${node.id}/feedback`, (shown, input) =>
          callActivity('collectReads', shown, input),
        );
        return view === undefined ? { digest: output } : { digest: output, view };
      },
      evaluateWait: async () => {
        const { until } = await call(at, `${node.id}/until`, (shown, input) =>
          callActivity('evaluateWait', shown, input),
        );
        return until;
      },
      endOf: (run) => endOf(at, run),
      now: () => Date.now(),
      sleepUntil: async (time) => {
        const ms = time - Date.now();
        if (ms > 0) await rest(state, () => sleep(ms, { summary: summaryText(`WAIT ${node.title}`) }));
      },
      listItems: (from) =>
        call(at, `${node.id}/items`, (shown, input) => callActivity('listItems', shown, { ...input, from })),
      runWithin: (how) => runWithin(at, how),
      beside,
      rest: (work) => rest(state, work),
      joinItems: async (items) => {
        const { output } = await call(
          at,
          `${node.id}/part`,
          (shown, { run, log }) =>
            callActivity('joinItems', shown, { run, items: [...items], ...(log === undefined ? {} : { log }) }),
          [],
        );
        return output;
      },
      collectList: (joined, items) =>
        call(
          at,
          node.id,
          (shown, input) =>
            callActivity('runCollect', shown, {
              ...input,
              as: 'list',
              items: [...items],
              ...(joined.length > 0 ? { joined: [...joined] } : {}),
            }),
          [],
        ),
    };
  }

  function call<Result>(
    at: At,
    base: string,
    schedule: (shown: Shown, input: StepInput) => Promise<Result>,
    reads: readonly string[] | undefined = nodeAt(at).reads,
  ): Promise<Result> {
    const { frame, place } = at;
    const { id, title } = nodeAt(at);
    const times = (asked.get(base) ?? 0) + 1;
    asked.set(base, times);
    const inputs = digestsOf(frame, place, reads);
    const path = pathOf(frame, place);
    const input: StepInput = { run: state.run, node: id };
    if (path !== '') input.path = path;
    if (inputs !== undefined) input.inputs = inputs;
    const order = frame.orders.get(place);
    if (order !== undefined) input.order = order.command;
    const shown = {
      name: activityName(base, frame.scope.indexes[place] ?? 0, times),
      summary: path === '' ? title : `${title} • ${path}`,
    };
    return state.log.ride((riding) => schedule(shown, { ...input, ...riding }));
  }

  async function beside<Result>(work: () => Promise<Result>): Promise<Result> {
    state.inFlight += 1;
    try {
      return await work();
    } finally {
      state.inFlight -= 1;
      state.changes.note();
    }
  }

  async function evaluate(at: At, conditions: Condition[], reads?: readonly string[]): Promise<Condition | null> {
    const { holds } = await call(
      at,
      `${nodeAt(at).id}/condition`,
      (shown, input) => callActivity('evaluateConditions', shown, { ...input, conditions }),
      reads,
    );
    return holds;
  }

  function openGate(at: At, without: readonly string[] = at.frame.flow.usedUp(at.place)): Promise<GateState> {
    return call(at, nodeAt(at).id, (shown, input) =>
      callActivity('openGate', shown, without.length > 0 ? { ...input, without: [...without] } : input),
    );
  }

  async function endOf(at: At, run: string): Promise<void> {
    const summary = summaryText(`RUN ${nodeAt(at).title} until it ends`);
    await rest(state, async () => {
      while (!(await condition(() => state.ended.has(run), rereadAfterMs, { summary }))) {
        doorbell.note({ run });
        state.changes.note();
      }
    });
  }

  /**
   * The gate stands in a frame around the step that found its approval lapsed, or in one that has ended. The run has come
   * past it: it offers what leads the way the run went, and what ends it; any other verdict lets nothing pass.
   */
  async function askAgain({ frame }: At, { gateNode, gatePath = '' }: LapsedGate): Promise<Reasked> {
    const at = findAround(frame, gateNode) ?? findKept(gateNode, gatePath);
    if (at === undefined) throw new Error(`a lapsed gate that is not in the graph: ${gateNode}`);
    const node = nodeAt(at);
    const { actions = {}, waitsFor } = node;
    const leadsOn = (action: string): boolean => {
      const ending = endingBy(node, action);
      return ending !== undefined && at.frame.flow.ledAs(at.place, ending);
    };
    const without = Object.keys(actions).filter((action) => actions[action] !== 'end' && !leadsOn(action));
    const key = joinPath(pathOf(at.frame, at.place), gateNode);
    for (;;) {
      const opening = reopening.get(key) ?? openGate(at, without);
      reopening.set(key, opening);
      try {
        const opened = await opening;
        const askedPeople = opened.verdict === undefined && !state.verdicts.has(opened.gate);
        const verdict = await verdictOf(at, opened, waitsFor ?? '', opened.times);
        if (verdict === 'lapsed') continue;
        const { action, output, view } = verdict;
        at.frame.values.set(gateNode, { digest: output, view: view ?? {} });
        at.frame.remarks.set(at.place, action);
        return { effect: leadsOn(action) ? 'continue' : 'end', askedPeople };
      } finally {
        if (reopening.get(key) === opening) reopening.delete(key);
      }
    }
  }

  function findAround(from: Frame, id: string): At | undefined {
    for (let frame: Frame | undefined = from; frame !== undefined; frame = frame.within?.frame) {
      const place = frame.scope.nodes.findIndex((node) => node.id === id);
      if (place !== -1) return { frame, place };
    }
    return undefined;
  }

  function findKept(id: string, path: string): At | undefined {
    for (const frame of state.kept) {
      const place = frame.scope.nodes.findIndex((node) => node.id === id);
      if (place !== -1 && pathOf(frame, place) === path) return { frame, place };
    }
    return undefined;
  }

  async function runWithin(at: At, { segment = '', ordinal = 0, values = [] }: Within): Promise<FrameEnd> {
    const { frame: outer, place } = at;
    const node = nodeAt(at);
    const { frame, as } = await runFrame({
      scope: state.scopes.of(outer.scope, place),
      path: joinPath(pathOf(outer, place), segment),
      within: at,
      ordinal,
      values,
      endsOnFailure: node.ifItFails !== undefined,
    });
    return {
      as,
      outputs: frame.values,
      collect: () => collect(at, frame),
      holds: async (source) => {
        const holds = decide(source, { get: (name) => frame.values.get(name)?.view ?? viewOf(outer, place, name) });
        if (holds !== 'opaque') return holds;
        return (await evaluateWithin(at, frame)) !== null;
      },
    };
  }

  /** As of the container, with the outputs of the frame. */
  function callWithin<Result>(
    at: At,
    frame: Frame,
    base: string,
    names: readonly string[],
    schedule: (shown: Shown, input: StepInput) => Promise<Result>,
  ): Promise<Result> {
    return call(at, base, (shown, { path: _, inputs: __, ...input }) => {
      const inputs = digestsIn(frame, at, names);
      const own = frame.path === '' ? input : { ...input, path: frame.path };
      return schedule(shown, inputs === undefined ? own : { ...own, inputs });
    });
  }

  function digestsIn(frame: Frame, { frame: outer, place }: At, names: readonly string[]) {
    const digests: Record<string, Digest> = {};
    for (const name of names) {
      const value = frame.values.get(name) ?? valueFor(outer, place, name);
      if (value !== undefined) digests[name] = value.digest;
    }
    return Object.keys(digests).length > 0 ? digests : undefined;
  }

  async function evaluateWithin(at: At, frame: Frame): Promise<Condition | null> {
    const { id, repeat } = nodeAt(at);
    const { holds } = await callWithin(at, frame, `${id}/condition`, repeat?.reads ?? [], (shown, input) =>
      callActivity('evaluateConditions', shown, { ...input, conditions: [{ index: 0, of: 'until' }] }),
    );
    return holds;
  }

  function collect(at: At, frame: Frame): Promise<StepOutcome> {
    const names = frame.scope.nodes.map(({ id }) => id).filter((id) => frame.values.has(id));
    return callWithin(at, frame, nodeAt(at).id, names, (shown, input) =>
      callActivity('runCollect', shown, { ...input, as: 'record' }),
    );
  }
}

/** What has a value has a view, if only an empty one. */
function viewOf(frame: Frame, place: number, name: string) {
  const value = valueFor(frame, place, name);
  return value && (value.view ?? {});
}
