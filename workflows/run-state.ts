/** What a run knows while it is interpreted: where it is, what it has, and what is still to be told. Plain data, rebuilt by replay. */
import type { GateState, Transition, View } from '../activities/contract.ts';
import type { Skeleton } from '../compiler/skeleton.ts';
import type { Frame, FrameSnapshot } from './frames.ts';
import { openFrame } from './frames.ts';
import type { Recalled } from './recalled.ts';
import { nothingRecalled } from './recalled.ts';
import type { Scopes } from './scopes.ts';
import { scopesOf } from './scopes.ts';

export type Verdict = NonNullable<GateState['verdict']>;

/** A step of a frame. */
export interface At {
  readonly frame: Frame;
  readonly place: number;
}

/** A step that waits for people to decide a gate. */
export interface Waiting extends At {
  /** In words: roles joined by `or`. */
  readonly waitsFor: string;
}

/** What is parked, and why. The Result has no place. */
export interface Failure {
  readonly at?: At;
  /** The step's id, or `Result`. */
  readonly id: string;
  readonly class: string;
}

export interface RunState {
  readonly run: string;
  /** Where people find it in the API, if that is known. */
  address?: string;
  readonly skeleton: Skeleton;
  readonly scopes: Scopes;
  /** The steps that stand in no container. */
  readonly outermost: Frame;
  /** All that have not ended, in the order in which they start what is ready. */
  readonly frames: Frame[];
  /** Ended, with gates that guard writes outside them: these may have to be asked again. */
  readonly kept: Frame[];
  /** By gate row, as read from the rows. The first is final. */
  readonly verdicts: Map<string, Verdict>;
  /** Gate rows of which it was read that they have lapsed. */
  readonly lapsed: Set<string>;
  /** Runs that steps called, of whose end they heard. */
  readonly ended: Set<string>;
  readonly waiting: Set<Waiting>;
  /** Steps under way, and what they do beside themselves. */
  inFlight: number;
  /** Of those, what waits for people, for time, for a frame or for what is done beside it: nothing is done for it. */
  resting: number;
  /** By what is parked. */
  readonly failures: Map<string, Failure>;
  readonly log: UntoldLog;
  /** Of a run that resumes others: what they did. */
  readonly recalled: Recalled;
  /** The status that the store was told last. */
  told: RunStatus;
  /** Nothing is started that nobody orders. */
  paused: boolean;
  toldPaused: boolean;
  /** Orders of people that were looked at: however often one is rung, it counts once. */
  readonly heeded: Set<string>;
  /** Noted by whatever may let the run go on. */
  readonly changes: Changes;
}

/**
 * What wakes the loop. A promise of our own rather than a condition of Temporal's, which would call into the sandbox twice
 * more for each step. All that ends in one workflow task is settled before the loop goes on: it wakes in a later microtask.
 */
export interface Changes {
  readonly noted: boolean;
  note(): void;
  forget(): void;
  /** Resolves with the next note. */
  next(): Promise<void>;
}

export function createChanges(): Changes {
  let noted = false;
  let wake: () => void = () => undefined;
  return {
    get noted() {
      return noted;
    },
    note() {
      noted = true;
      wake();
    },
    forget() {
      noted = false;
    },
    next: () => new Promise((resolve) => (wake = resolve)),
  };
}

export type RunStatus = 'running' | 'waiting' | 'needs-attention';

/** `from`: the outermost frame of a run that goes on. `recalled`: of one that resumes others. */
export function startState(
  run: string,
  skeleton: Skeleton,
  input: View | undefined,
  changes: Changes,
  { from, recalled = nothingRecalled() }: { from?: FrameSnapshot | undefined; recalled?: Recalled | undefined } = {},
): RunState {
  const scopes = scopesOf(skeleton);
  const outermost = openFrame({
    scope: scopes.outermost,
    path: '',
    // Of the run's input only the view is known here: activities find the value by the run.
    values: [['input', { digest: '', view: input ?? {} }]],
    ...(from === undefined ? {} : { from }),
  });
  return {
    run,
    skeleton,
    scopes,
    outermost,
    frames: [outermost],
    kept: [],
    verdicts: new Map(),
    lapsed: new Set(),
    ended: new Set(),
    waiting: new Set(),
    inFlight: 0,
    resting: 0,
    failures: new Map(),
    log: createLog(),
    recalled,
    told: 'running',
    paused: false,
    toldPaused: false,
    heeded: new Set(),
    changes,
  };
}

/** While `work` waits, other steps may start in its stead. */
export async function rest<Result>(state: RunState, work: () => Promise<Result>): Promise<Result> {
  state.resting += 1;
  // It may be the last that a run which is to go on in a new execution waited for.
  state.changes.note();
  try {
    return await work();
  } finally {
    state.resting -= 1;
    state.changes.note();
  }
}

export function statusOf(state: RunState): RunStatus {
  if (state.failures.size > 0) return 'needs-attention';
  return state.waiting.size > 0 ? 'waiting' : 'running';
}

/** Transitions on their way into the run log. Delivery may repeat: the log keeps one of each. */
export interface UntoldLog {
  readonly size: number;
  readonly untold: Transition[];
  add(...transitions: Transition[]): void;
  /**
   * Hands all that is untold to `carrier`, which gets `{}` when there is nothing. What a carrier that failed was given
   * is untold again.
   */
  ride<Result>(carrier: (riding: { log?: Transition[] }) => Promise<Result>): Promise<Result>;
}

export function createLog(): UntoldLog {
  let untold: Transition[] = [];
  return {
    get size() {
      return untold.length;
    },
    get untold() {
      return [...untold];
    },
    add(...transitions) {
      untold.push(...transitions);
    },
    ride(carrier) {
      const riding = untold;
      if (riding.length === 0) return carrier({});
      untold = [];
      return carrier({ log: riding }).catch((error: unknown) => {
        untold = [...riding, ...untold];
        throw error;
      });
    },
  };
}
