/** Names and shapes that clients of the workflow use. Plain values: safe to import anywhere. */
import type { Digest, Ring, RunOutcome } from '../activities/contract.ts';

export const runDocumentWorkflow = 'runDocument';

/** The one channel into a run. A ring says which row to look at; it decides nothing. */
export const ringSignal = 'ring';
export type { Ring };

/** Answers the turns of a session that wait, one after the other. A ring says that there may be another. */
export const sessionTurnWorkflow = 'sessionTurn';

export interface SessionInput {
  session: string;
}

export interface RunDocumentInput {
  run: string;
  /** Of a run that goes on in a new execution: its state, or the parts of it that an activity keeps. */
  carried?: { state: string } | { digests: Digest[] };
  /** Noted and not looked into by the last execution. */
  rings?: Ring[];
  /** Search attributes as they were shown last. */
  shown?: string;
}

/** A run that was rejected, or cancelled by a command, ends its workflow normally: nothing failed. One that was aborted fails it. */
export interface RunDocumentResult {
  outcome: RunOutcome;
  result?: Digest;
}

export const defaultTaskQueue = 'waymark';

/** Registered by the worker at start; ids and enums only. */
export const searchAttributes = {
  WaymarkDocument: 'Keyword',
  WaymarkStatus: 'Keyword',
  WaymarkWaitingRole: 'KeywordList',
  WaymarkFailedStep: 'KeywordList',
} as const;
