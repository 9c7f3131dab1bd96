/**
 * What the workflow may ask of the world. Types only: the workflow bundle imports nothing else of this room.
 *
 * Arguments and results go into history, so they hold ids, digests and views (scalars that control flow reads), never
 * content. Every activity is idempotent: asked again with the same argument it returns what it returned before.
 */

import type { View } from '../compiler/view.ts';

export type { View };

/** HMAC of canonical JSON under the tenant's key, base64url: names an artifact without revealing it. */
export type Digest = string;

/** A transition that only the workflow knows; it rides the next activity into the run log. */
export interface Transition {
  node: string;
  /** As of a step's input; absent at the top level. */
  path?: string;
  /** Set once per run, node, path and order: repeated delivery appends nothing. `applied` and `not applied` are of the order itself. */
  to: 'skipped' | 'bypassed' | 'refused' | 'chosen' | 'parked' | 'applied' | 'not applied';
  /** Of a choose: the arm taken. Of a parked node: the failure class. */
  detail?: string;
  /** Of a condition that has no value: what was expected of it, in names of the document. */
  why?: string;
  /** The person's order that led to it. */
  order?: string;
}

export interface Scoped {
  run: string;
  log?: Transition[];
}

export interface StepInput extends Scoped {
  node: string;
  /** Containers and back-edge bodies with their passes; absent at the top level. */
  path?: string;
  /** Digests of the outputs this step reads, by step id. A step without output is left out. */
  inputs?: Record<string, Digest>;
  /** Approval gates of this step that were decided, oldest first: rows to look at, not verdicts to believe. */
  gates?: string[];
  /** A person's order to do the step again, or to take an output that came with it: a row to look at. */
  order?: string;
}

export type StepOutcome =
  | { status: 'committed'; output: Digest; view?: View }
  /** `requires approval`: the gate is open over exactly what will be done; run the step again once it is decided. */
  | { status: 'awaiting-approval'; gate: string; waitsFor: string }
  /** Another run does the work: run the step again once that has ended. */
  | { status: 'called'; run: string }
  /** The approval was refused, or the run that was called was rejected. */
  | { status: 'refused' }
  /** What an approval bound no longer stands: that gate lapsed and must be asked again before this step runs. */
  | ({ status: 'lapsed' } & LapsedGate);

export interface LapsedGate {
  gateNode: string;
  /** Of the gate, where it stands in an item or a pass. */
  gatePath?: string;
}

export interface OpenGateInput extends StepInput {
  /** Actions that are not offered any more: their links back are used up. */
  without?: string[];
}

/** `verdict` is the action decided, once there is one. Output and view are the gate's `{action, comment, form, by}`. */
export interface GateState {
  gate: string;
  verdict?: { action: string; output: Digest; view?: View };
  /** What it asks about has changed: it is to be asked again, by another gate. */
  lapsed?: true;
  /** Of a gate that waits, where it has any; in milliseconds since 1970, and `remindEvery` in milliseconds. */
  times?: GateTimes;
}

export interface GateTimes {
  opened: number;
  /** Absent once it has been asked on. */
  due?: number;
  remindEvery?: number;
}

export interface Condition {
  /** Index of the condition in its node: 0 for `when` and `until`, the arm's index for a choose. */
  index: number;
  of: 'when' | 'arm' | 'until';
}

/** An item of a list that a step runs over. */
export interface ListedItem {
  output: Digest;
  /** Unique in the list; at most 64 characters, none of them a slash. */
  key: string;
  view?: View;
}

/** What a container hands on: its steps' outputs as one record, or its items' outputs as one list. */
export interface CollectInput extends StepInput {
  as: 'record' | 'list';
  /** Of a list, in order: lists that `joinItems` made of its first items, and the items after these. */
  joined?: Digest[];
  items?: Digest[];
}

/** Which step, among all containers, items and passes. */
export interface StepPlace {
  node: string;
  path: string;
}

/** A step that an earlier run of the lineage committed. It is what the step gives here too, where it reads the same. */
export interface RecalledStep {
  node: string;
  /** As of a step's input; absent at the top level. */
  path?: string;
  /** By the names that its work is made of: the digest it read, or null where there was no value. */
  read: Record<string, Digest | null>;
  output: Digest;
  view?: View;
}

export interface RunActivities {
  /**
   * Local activity. Marks the run started and hands out what interpretation needs. `resumes`: it goes on with another run.
   * `address`: where people find the run in the API, if the worker knows.
   */
  beginRun(input: { run: string }): Promise<{ skeleton: string; input?: View; resumes?: true; address?: string }>;
  /**
   * Of a run that resumes another: steps of earlier ones whose record stands, so that they need not be claimed one by one. Not all
   * of them; what is left out is claimed. By pages: `next` is the `after` of another.
   */
  recallSteps(input: { run: string; after?: StepPlace }): Promise<{ steps: RecalledStep[]; next?: StepPlace }>;
  /** Local activity. Keeps part of the state of a run that goes on in a new execution, under the digest it gives. */
  keepState(input: { run: string; part: string }): Promise<{ digest: Digest }>;
  /** Local activity. */
  readState(input: { run: string; digest: Digest }): Promise<{ part: string }>;
  /** Local activity. Evaluates the Result of a completed run and closes it. Needs every output the Result reads. */
  finishRun(input: Scoped & { outcome: RunOutcome; inputs?: Record<string, Digest> }): Promise<{ result?: Digest }>;
  runAgentStep(input: StepInput): Promise<StepOutcome>;
  runToolStep(input: StepInput): Promise<StepOutcome>;
  runSetStep(input: StepInput): Promise<StepOutcome>;
  runMergeStep(input: StepInput): Promise<StepOutcome>;
  /** Commits the output that a person gave in the order, once it meets what the step's own would have to. */
  supplyOutput(input: StepInput): Promise<StepOutcome>;
  /** Calls the document that the step names, once, and commits the Result of that run when it has ended. */
  runSubflow(input: StepInput): Promise<StepOutcome>;
  /** Commits the output of a container, or of a step that ran for each item. */
  runCollect(input: CollectInput): Promise<StepOutcome>;
  /** Part of a long list as one value, so that no argument grows with the list. */
  joinItems(input: Scoped & { items: Digest[] }): Promise<{ output: Digest }>;
  /** Values read by name as one record: what a step is told that a choose sends the work back to. */
  collectReads(input: StepInput): Promise<{ output: Digest; view?: View }>;
  /** The step's list from the index `from` on, at most a page of it. */
  listItems(input: StepInput & { from: number }): Promise<{ total: number; items: ListedItem[] }>;
  /** The time a wait is for, in milliseconds since 1970. */
  evaluateWait(input: StepInput): Promise<{ until: number }>;
  /** Conditions over values too large for a view. Returns the first that holds, or null. */
  evaluateConditions(input: StepInput & { conditions: Condition[] }): Promise<{ holds: Condition | null }>;
  openGate(input: OpenGateInput): Promise<GateState>;
  /**
   * Does what the document says of this gate when it is overdue, if it still is open and due by the clock of the store. Gives
   * the verdict where there is one, and in `again` the milliseconds until it is due, where it is not yet.
   */
  closeOverdue(input: StepInput & { gate: string }): Promise<{ state: GateState; again?: number }>;
  /** Tells those who may decide this gate and have not that it waits: once for each number. */
  remindGate(input: StepInput & { gate: string; nth: number }): Promise<void>;
  /** Those of these gates that are decided or have lapsed: after a new execution, a ring may have been missed. */
  readGates(input: Scoped & { gates: string[] }): Promise<{ decided: GateState[] }>;
  /** Reads what a ring is about and marks it heard. */
  hear(input: Scoped & { ring: Ring }): Promise<Heard>;
  /** Writes of a run that is cancelled which the document has taken back, the latest first, from the index `from` on. */
  listUndo(input: Scoped & { from: number }): Promise<{ effects: { effect: string; node: string }[] }>;
  /** Takes one of them back, or notes why it cannot be. */
  undoWrite(input: Scoped & { effect: string }): Promise<{ undone: boolean }>;
  /** Appends transitions when no other activity is about to carry them, and sets the run's materialised status. */
  flushLog(input: Scoped & { status: 'running' | 'waiting' | 'needs-attention'; paused?: boolean }): Promise<void>;
}

export type RunOutcome = 'completed' | 'rejected' | 'cancelled' | 'failed';

/** The doorbell: ids of rows, nothing to believe. */
export interface Ring {
  gate?: string;
  command?: string;
  /** That was called, and has ended. */
  run?: string;
}

/** What a person ordered, by its row. */
export type Order = { command: string } & (
  | { does: 'abort' | 'pause' | 'unpause' }
  | { does: 'retry' | 'supply' | 'skip'; node: string; path?: string }
);

export type Heard =
  | { kind: 'gate'; state: GateState }
  | { kind: 'cancel' }
  | { kind: 'order'; order: Order }
  | { kind: 'run'; run: string }
  /** No such row in this run, or nothing decided: a forged or early ring. */
  | { kind: 'nothing' };

/** What the workflow of a session may ask of the world: ids only, and never an actor. */
export interface SessionActivities {
  /** The first turn of the session that waits, or that nobody answers any more; absent when there is none. */
  nextTurn(input: { session: string }): Promise<{ turn?: string }>;
  /** Answers it as the session's owner. Done when it ended: a turn that fails has failed by its row, not by an error. */
  runTurn(input: { session: string; turn: string }): Promise<{ state: string }>;
}
