/** What a run knows while it is interpreted: where it is, what it has, and what is still to be told. Plain data, rebuilt by replay. */
import type { Digest, GateState, Transition, View } from '../activities/contract.ts';
import type { Skeleton } from '../compiler/skeleton.ts';
import type { Flow } from './edges.ts';
import { followEdges } from './edges.ts';
import { markdownText } from './words.ts';

export type Verdict = NonNullable<GateState['verdict']>;

/** A step that waits for people to decide a gate. */
export interface Waiting {
  node: number;
  /** In words: roles joined by `or`. */
  waitsFor: string;
}

export interface RunState {
  readonly run: string;
  readonly skeleton: Skeleton;
  readonly indexOf: ReadonlyMap<string, number>;
  /** As Markdown, in the order of the nodes. */
  readonly titles: readonly string[];
  readonly flow: Flow;
  /** By step id. */
  readonly outputs: Map<string, Digest>;
  /** By step id, and `input`. */
  readonly views: Map<string, View>;
  /** By gate row, as read from the rows. The first is final. */
  readonly verdicts: Map<string, Verdict>;
  readonly waiting: Set<Waiting>;
  /** Failure class by what is parked: a step's id, or `result`. */
  readonly failures: Map<string, string>;
  /** What became of a step in a word or two, where its state does not say it: an arm, a verdict. */
  readonly remarks: Map<number, string>;
  readonly log: UntoldLog;
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

export function startState(run: string, skeleton: Skeleton, input: View | undefined, changes: Changes): RunState {
  return {
    run,
    skeleton,
    indexOf: new Map(skeleton.nodes.map(({ id }, index) => [id, index])),
    titles: skeleton.nodes.map(({ title }) => markdownText(title)),
    flow: followEdges(skeleton),
    outputs: new Map(),
    views: new Map([['input', input ?? {}]]),
    verdicts: new Map(),
    waiting: new Set(),
    failures: new Map(),
    remarks: new Map(),
    log: createLog(),
    changes,
  };
}

export function statusOf(state: RunState): RunStatus {
  if (state.failures.size > 0) return 'needs-attention';
  return state.waiting.size > 0 ? 'waiting' : 'running';
}

/** Digests of those of the steps that have an output; undefined when none has. */
export function digestsOf(state: RunState, steps: readonly string[] | undefined): Record<string, Digest> | undefined {
  const digests: Record<string, Digest> = {};
  let any = false;
  for (const id of steps ?? []) {
    const digest = state.outputs.get(id);
    if (digest === undefined) continue;
    digests[id] = digest;
    any = true;
  }
  return any ? digests : undefined;
}

/** Transitions on their way into the run log. Delivery may repeat: the log keeps one of each. */
export interface UntoldLog {
  readonly size: number;
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
