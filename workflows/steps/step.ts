/** What a handler of a step kind is given, and what it answers. */
import type {
  Condition,
  Digest,
  GateState,
  GateTimes,
  LapsedGate,
  ListedItem,
  StepOutcome,
  View,
} from '../../activities/contract.ts';
import type { SkeletonNode } from '../../compiler/skeleton.ts';
import type { Decided } from '../conditions.ts';
import type { Value } from '../frames.ts';
import type { Verdict } from '../run-state.ts';

/** How a step ended: resolved, or parked for a person with the class of what failed. */
export type StepEnd =
  | {
      as: 'committed';
      output?: Digest;
      view?: View;
      arm?: number;
      action?: string;
      on?: 'failure' | 'not reached' | 'overdue';
      /** Of an arm that leads back: what the step it leads to is told. */
      feedback?: Value;
    }
  /** `told` when the activity that refused has recorded it. */
  | { as: 'refused'; told: boolean }
  | { as: 'bypassed' }
  | { as: 'parked'; reason: string };

/**
 * One node on its way. Activities are scheduled before their call returns, and reject with ActivityFailure when they
 * failed for good or were cancelled.
 */
export interface Step {
  readonly node: SkeletonNode;
  /**
   * What the step keeps of how far it has come: it may be performed again from there, when the run goes on in a new
   * execution. Changed in place; plain data.
   */
  progress<Progress extends object>(initial: () => Progress): Progress;
  /** `gates`: approvals of this step that were decided, oldest first. */
  run(activity: StepActivity, gates: string[]): Promise<StepOutcome>;
  openGate(): Promise<GateState>;
  /** The first of the conditions that holds, or null. */
  evaluate(conditions: Condition[]): Promise<Condition | null>;
  /** By views alone. @throws ExpressionError */
  decide(condition: string): Decided;
  /**
   * The gate's verdict, once people have given it, or once it is overdue; at once if it is known. `lapsed` when what it asks
   * about changed meanwhile: another is to be opened. What is done at `times` is noted in them.
   */
  verdictOf(gate: GateState, waitsFor: string, times?: WaitingTimes): Promise<Verdict | 'lapsed'>;
  /** Opens a gate of this run again, because what it approved no longer stands, and waits for the new verdict. */
  askAgain(gate: LapsedGate): Promise<Reasked>;
  /** Would this arm lead back, with a return left? */
  armLeadsBack(arm: number): boolean;
  /** Of an arm that leads back: the outputs its conditions read, as one record. */
  collectReads(): Promise<Value>;
  /** In milliseconds since 1970. */
  now(): number;
  /** The time that the step waits for, in milliseconds since 1970. */
  evaluateWait(): Promise<number>;
  /** Until the run that was called has ended; holds up nothing else. */
  endOf(run: string): Promise<void>;
  /** Until this time; holds up nothing else. */
  sleepUntil(time: number): Promise<void>;
  /** Items of the step's list from the one of this index on. */
  listItems(from: number): Promise<{ total: number; items: ListedItem[] }>;
  /** Runs the steps within, or, for each item, the step itself. Resolves when all of them have ended. */
  runWithin(how: Within): Promise<FrameEnd>;
  /** Work of the step that goes on beside it: its items. */
  beside<Result>(work: () => Promise<Result>): Promise<Result>;
  /** Waits for what goes on beside the step, or for nothing that is done for it. */
  rest<Result>(work: () => Promise<Result>): Promise<Result>;
  /** Outputs of items as one value, to be given to `collectList`. */
  joinItems(items: readonly Digest[]): Promise<Digest>;
  /** Commits the list of outputs: those of `joined` first, then these. */
  collectList(joined: readonly Digest[], items: readonly Digest[]): Promise<StepOutcome>;
}

/** Of a gate that waits; changed as they pass. */
export interface WaitingTimes extends GateTimes {
  /** The number of the last reminder. */
  reminded?: number;
  /** More people were asked when it was overdue. */
  askedOn?: true;
}

export type StepActivity =
  | 'runAgentStep'
  | 'runToolStep'
  | 'runSetStep'
  | 'runMergeStep'
  | 'runSubflow'
  | 'supplyOutput';

export interface Within {
  /** Of a repeat that goes on, or of an item; a first pass and a group have none. */
  segment?: string;
  /** Among the runs of the container, counted from 0. */
  ordinal?: number;
  /** What the frame's steps read besides. */
  values?: readonly [string, Value][];
}

/** How the steps of a container ended. */
export interface FrameEnd {
  /** `failed` only where a failure leaves the item out or leads elsewhere. */
  as: 'done' | 'refused' | 'failed';
  /** The outputs of its steps as one record, committed as the container's in this frame. */
  collect(): Promise<StepOutcome>;
  /** By step id. */
  outputs: ReadonlyMap<string, Value>;
  /** Decides a condition over the outputs of the frame. @throws ExpressionError */
  holds(condition: string): Promise<boolean>;
}

export interface Reasked {
  effect: 'continue' | 'end';
  /** False when the verdict was there already. */
  askedPeople: boolean;
}

export type StepHandler = (step: Step) => Promise<StepEnd>;

export const parked = (reason: string): StepEnd => ({ as: 'parked', reason });

/** How a step ends whose activity commits unless it fails: nobody is asked, and nothing refused. */
export function committed(outcome: StepOutcome): StepEnd {
  if (outcome.status !== 'committed') return parked('bug');
  const { output, view } = outcome;
  return view === undefined ? { as: 'committed', output } : { as: 'committed', output, view };
}
