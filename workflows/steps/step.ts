/** What a handler of a step kind is given, and what it answers. */
import type { Condition, Digest, GateState, StepOutcome, View } from '../../activities/contract.ts';
import type { SkeletonNode } from '../../compiler/skeleton.ts';
import type { Decided } from '../conditions.ts';
import type { Verdict } from '../run-state.ts';

/** How a step ended: resolved, or parked for a person with the class of what failed. */
export type StepEnd =
  | { as: 'committed'; output?: Digest; view?: View; arm?: number; action?: string }
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
  /** `gates`: approvals of this step that were decided, oldest first. */
  run(activity: 'runAgentStep' | 'runToolStep' | 'runSetStep', gates: string[]): Promise<StepOutcome>;
  openGate(): Promise<GateState>;
  /** The first of the conditions that holds, or null. */
  evaluate(conditions: Condition[]): Promise<Condition | null>;
  /** By views alone. @throws ExpressionError */
  decide(condition: string): Decided;
  /** The gate's verdict, once people have given it; at once if it is known. */
  verdictOf(gate: GateState, waitsFor: string): Promise<Verdict>;
  /** Opens a gate of this run again, because what it approved no longer stands, and waits for the new verdict. */
  askAgain(gateNode: string): Promise<Reasked>;
}

export interface Reasked {
  effect: 'continue' | 'end';
  /** False when the verdict was there already. */
  askedPeople: boolean;
}

export type StepHandler = (step: Step) => Promise<StepEnd>;

export const parked = (reason: string): StepEnd => ({ as: 'parked', reason });
