/** The world as a test scripts it: the activities of any number of runs, in memory, by the promises of the contract. */
import { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import type {
  Heard,
  Order,
  RecalledStep,
  RunActivities,
  RunOutcome,
  StepInput,
  StepOutcome,
  Transition,
  View,
} from '../../activities/contract.ts';
import type { Skeleton } from '../../compiler/skeleton.ts';
import { encodeSkeleton } from '../../compiler/skeleton-code.ts';

/** What a step's activity does at its nth call, counted from 1, as the rows of gates stand then. */
export type StepScript = (
  call: number,
  input: StepInput,
  isDecided: (gate: string) => boolean,
) => StepOutcome | Promise<StepOutcome>;

export interface Script {
  skeleton: Skeleton;
  /** Where people find the run in the API. */
  address?: string;
  input?: View;
  /** By step id. Without one the step commits, with the view of `views`. */
  steps?: Record<string, StepScript>;
  views?: Record<string, View>;
  /** By gate step id: the rows it opens, in turn; the last again and again. Without one, `gate of ID`. */
  gates?: Record<string, string[]>;
  /** By gate step id: when its gates are due after they open, and how often people are reminded; in milliseconds. */
  gateTimes?: Record<string, { due?: number; remindEvery?: number }>;
  /** By gate row: the verdict that its being overdue gives. Unsaid, none. */
  overdue?: Record<string, string>;
  /** Verdicts that are in their rows before the run starts, by gate row. */
  decided?: Record<string, string>;
  /** By step id: which condition an activity finds to hold. */
  holds?: Record<string, number | null>;
  /** By step id: the items of its list; keys are their indexes. */
  lists?: Record<string, (View | undefined)[]>;
  /** By step id: the time it waits for, in milliseconds since 1970. */
  times?: Record<string, number>;
  /** Writes that are to be taken back, in that order, and those of them that cannot be. */
  undo?: { effect: string; node: string }[];
  undoFails?: string[];
  /** What earlier runs did, in pages: it resumes them. */
  recalled?: RecalledStep[][];
  /** Fails the closing of a completed run for good, or until it is tried again. */
  resultFails?: true | 'once';
}

export interface ScriptedRun {
  /** `activity step`, as each was called. */
  readonly calls: string[];
  readonly inputs: Record<string, StepInput[]>;
  /** As the run log would keep them: one of each. */
  readonly told: Transition[];
  readonly statuses: string[];
  /** Each time the store was told that the run is paused, or is no more. */
  readonly paused: boolean[];
  /** Writes that were taken back, or were tried to be. */
  readonly undone: string[];
  readonly heard: string[];
  /** Parts of the state of a run that went on in a new execution. */
  readonly kept: string[];
  ended?: { outcome: RunOutcome; inputs?: Record<string, string> };
  /** Writes the verdict into the gate's row, whether or not it is open yet. */
  decide(gate: string, action: string): void;
  /** Writes a cancel command. */
  cancel(command: string): void;
  /** Lapses the gate's row. */
  lapse(gate: string): void;
  /** Writes another command. */
  order(order: Order): void;
  /** Ends a run that a step called. */
  end(called: string): void;
}

/** Short, so that a list of a few items takes several. */
const pageOfItems = 3;

export interface ScriptedWorld {
  activities: RunActivities;
  add(run: string, script: Script): ScriptedRun;
}

export const commit = (node: string, view?: View): StepOutcome => ({
  status: 'committed',
  output: `digest of ${node}`,
  ...(view === undefined ? {} : { view }),
});

export function failure(failureClass: string, nonRetryable = true): ApplicationFailure {
  return ApplicationFailure.create({ type: `waymark.${failureClass}`, message: failureClass, nonRetryable });
}

/** A test may have run the clock of the server ahead; in this process there is none but ours. */
function serverTime(): number {
  try {
    return Context.current().info.currentAttemptScheduledTimestampMs;
  } catch {
    return Date.now();
  }
}

/** Heartbeats until it is cancelled, then ends as cancelled. */
export async function untilCancelled(): Promise<never> {
  const context = Context.current();
  const beat = setInterval(() => context.heartbeat(), 100);
  try {
    return await context.cancelled;
  } finally {
    clearInterval(beat);
  }
}

interface Row {
  script: Script;
  /** The one time that it was to. */
  resultFailed?: boolean;
  run: ScriptedRun;
  verdicts: Map<string, string>;
  lapsed: Set<string>;
  commands: Map<string, Heard>;
  /** Runs that steps called. */
  ended: Set<string>;
  calls: Map<string, number>;
}

export function scriptedWorld(): ScriptedWorld {
  const rows = new Map<string, Row>();

  function rowOf(run: string): Row {
    const row = rows.get(run);
    if (row === undefined) throw failure('bug');
    return row;
  }

  function tell(row: Row, log: Transition[] = []): void {
    for (const transition of log) {
      const known = row.run.told.some(
        ({ node, path, to, order }) =>
          node === transition.node && path === transition.path && to === transition.to && order === transition.order,
      );
      if (!known) row.run.told.push(transition);
    }
  }

  function take(activity: string, input: StepInput): { row: Row; call: number } {
    const row = rowOf(input.run);
    tell(row, input.log);
    const key = `${activity} ${input.node}`;
    const call = (row.calls.get(key) ?? 0) + 1;
    row.calls.set(key, call);
    row.run.calls.push(key);
    row.run.inputs[input.node] = [...(row.run.inputs[input.node] ?? []), input];
    return { row, call };
  }

  const verdictOf = (row: Row, gate: string) => {
    if (row.lapsed.has(gate)) return { gate, lapsed: true as const };
    const action = row.verdicts.get(gate);
    return action === undefined
      ? { gate }
      : { gate, verdict: { action, output: `verdict of ${gate}`, view: { values: { action } } } };
  };

  const step = (activity: string) => async (input: StepInput) => {
    const { row, call } = take(activity, input);
    const script = row.script.steps?.[input.node];
    if (script === undefined) return commit(input.node, row.script.views?.[input.node]);
    return script(call, input, (gate) => row.verdicts.has(gate));
  };

  const activities: RunActivities = {
    async beginRun({ run }) {
      const { script } = rowOf(run);
      return {
        skeleton: encodeSkeleton(script.skeleton),
        ...(script.input === undefined ? {} : { input: script.input }),
        ...(script.recalled === undefined ? {} : { resumes: true as const }),
        ...(script.address === undefined ? {} : { address: script.address }),
      };
    },
    async recallSteps({ run, after }) {
      const { recalled = [] } = rowOf(run).script;
      const page = Number(after?.path ?? 0);
      const isLast = page + 1 >= recalled.length;
      return { steps: recalled[page] ?? [], ...(isLast ? {} : { next: { node: '', path: String(page + 1) } }) };
    },
    async finishRun({ run, outcome, inputs, log }) {
      const row = rowOf(run);
      tell(row, log);
      if (outcome === 'completed' && row.script.resultFails && !row.resultFailed) {
        row.resultFailed = row.script.resultFails === 'once';
        throw failure('invalid-output');
      }
      row.run.ended = { outcome, ...(inputs === undefined ? {} : { inputs }) };
      return outcome === 'completed' ? { result: 'digest of the result' } : {};
    },
    runAgentStep: step('runAgentStep'),
    runToolStep: step('runToolStep'),
    runSetStep: step('runSetStep'),
    runMergeStep: step('runMergeStep'),
    runSubflow: step('runSubflow'),
    supplyOutput: step('supplyOutput'),
    async listUndo({ run, from, log }) {
      const row = rowOf(run);
      tell(row, log);
      return { effects: (row.script.undo ?? []).slice(from, from + pageOfItems) };
    },
    async undoWrite({ run, effect }) {
      const row = rowOf(run);
      row.run.undone.push(effect);
      if (row.script.undoFails?.includes(effect)) throw failure('transient');
      return { undone: true };
    },
    async runCollect(input) {
      const { row } = take('runCollect', input);
      const what =
        input.as === 'record' ? Object.values(input.inputs ?? {}) : [...(input.joined ?? []), ...(input.items ?? [])];
      const view = row.script.views?.[input.node];
      return {
        status: 'committed',
        output: `${input.as} of ${what.join(', ')}`,
        ...(view === undefined ? {} : { view }),
      };
    },
    async joinItems({ run, items, log }) {
      tell(rowOf(run), log);
      return { output: items.join(', ') };
    },
    async collectReads(input) {
      const { row } = take('collectReads', input);
      const view = row.script.views?.feedback;
      return { output: `reads of ${input.node}`, ...(view === undefined ? {} : { view }) };
    },
    async listItems(input) {
      const { row } = take('listItems', input);
      const list = row.script.lists?.[input.node] ?? [];
      const items = list.slice(input.from, input.from + pageOfItems).map((view, index) => ({
        output: `item ${input.from + index}`,
        key: String(input.from + index),
        ...(view === undefined ? {} : { view }),
      }));
      return { total: list.length, items };
    },
    async evaluateWait(input) {
      const { row } = take('evaluateWait', input);
      return { until: row.script.times?.[input.node] ?? 0 };
    },
    async evaluateConditions(input) {
      const { row } = take('evaluateConditions', input);
      const index = row.script.holds?.[input.node];
      return { holds: input.conditions.find((condition) => condition.index === index) ?? null };
    },
    async openGate(input) {
      const { row, call } = take('openGate', input);
      const opens = row.script.gates?.[input.node] ?? [`gate of ${input.node}`];
      const state = verdictOf(row, opens[Math.min(call, opens.length) - 1] ?? '');
      const { due, remindEvery } = row.script.gateTimes?.[input.node] ?? {};
      if (due === undefined && remindEvery === undefined) return state;
      const opened = serverTime();
      const times = { opened, ...(due && { due: opened + due }), ...(remindEvery && { remindEvery }) };
      return { ...state, times };
    },
    async closeOverdue({ gate, ...input }) {
      const { row } = take('closeOverdue', input);
      const closes = row.script.overdue?.[gate];
      if (closes !== undefined && !row.verdicts.has(gate)) row.verdicts.set(gate, closes);
      return { state: verdictOf(row, gate) };
    },
    async remindGate(input) {
      take('remindGate', input);
    },
    async readGates({ run, gates, log }) {
      const row = rowOf(run);
      tell(row, log);
      return {
        decided: gates
          .filter((gate) => row.verdicts.has(gate) || row.lapsed.has(gate))
          .map((gate) => verdictOf(row, gate)),
      };
    },
    async hear({ run, ring, log }): Promise<Heard> {
      const row = rowOf(run);
      tell(row, log);
      row.run.heard.push(ring.gate ?? ring.command ?? ring.run ?? '');
      if (ring.run !== undefined && row.ended.has(ring.run)) return { kind: 'run', run: ring.run };
      const commanded = ring.command === undefined ? undefined : row.commands.get(ring.command);
      if (commanded !== undefined) return commanded;
      if (ring.gate !== undefined && (row.verdicts.has(ring.gate) || row.lapsed.has(ring.gate)))
        return { kind: 'gate', state: verdictOf(row, ring.gate) };
      return { kind: 'nothing' };
    },
    async keepState({ run, part }) {
      const { kept } = rowOf(run).run;
      kept.push(part);
      return { digest: String(kept.length - 1) };
    },
    async readState({ run, digest }) {
      return { part: rowOf(run).run.kept[Number(digest)] ?? '' };
    },
    async flushLog({ run, status, paused, log }) {
      const row = rowOf(run);
      tell(row, log);
      row.run.statuses.push(status);
      if (paused !== undefined) row.run.paused.push(paused);
    },
  };

  return {
    activities,
    add(name, script) {
      const verdicts = new Map(Object.entries(script.decided ?? {}));
      const lapsed = new Set<string>();
      const commands = new Map<string, Heard>();
      const ended = new Set<string>();
      const run: ScriptedRun = {
        calls: [],
        inputs: {},
        told: [],
        statuses: [],
        paused: [],
        undone: [],
        heard: [],
        kept: [],
        decide: (gate, action) => verdicts.set(gate, action),
        cancel: (command) => commands.set(command, { kind: 'cancel' }),
        lapse: (gate) => lapsed.add(gate),
        order: (order) => commands.set(order.command, { kind: 'order', order }),
        end: (called) => ended.add(called),
      };
      rows.set(name, { script, run, verdicts, lapsed, commands, ended, calls: new Map() });
      return run;
    },
  };
}
