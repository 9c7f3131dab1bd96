/**
 * A frame is one running instance of a scope: the document itself, one pass of a repeat, one item of a for each. It has
 * its own place in the flow, its own outputs, and reads those of the frames around it.
 */
import type { Digest, View } from '../activities/contract.ts';
import type { SkeletonNode } from '../compiler/skeleton.ts';
import type { Flow, FlowSnapshot } from './edges.ts';
import { followEdges } from './edges.ts';
import type { Scope } from './scopes.ts';

/** A value of the store as the workflow knows it. */
export interface Value {
  digest: Digest;
  view?: View;
}

export interface Frame {
  readonly scope: Scope;
  readonly flow: Flow;
  /**
   * Tells its steps from those of other frames of the same scope: items, and passes after the first, of the containers
   * around. A group or a first pass adds nothing, so that wrapping a step in one does not make it another step.
   */
  readonly path: string;
  /** The container this is a run of, and the frame it stands in. */
  readonly within?: { readonly frame: Frame; readonly place: number };
  /** Frames start what is ready in this order: by container in document order, then by item or pass. */
  readonly order: readonly number[];
  /** By name: outputs of its steps, and what its container adds (the item, the last pass). */
  readonly values: Map<string, Value>;
  /** By place: what the latest return to the step in this pass said. */
  readonly feedback: Map<number, Value>;
  /** What became of a step in a word or two, where its state does not say it: an arm, a verdict. By place. */
  readonly remarks: Map<number, string>;
  /** By place: how far a step has come that takes more than one activity. Plain data. */
  readonly progress: Map<number, object>;
  /** By place: what a person ordered to be done about a parked step, the latest. */
  readonly orders: Map<number, StepOrder>;
  /** A failure within ends the frame instead of waiting for a person. */
  readonly endsOnFailure: boolean;
  /** Set by a failure in a frame that ends by it: nothing more is started. */
  failed: boolean;
  /** Its steps under way, those of frames within not counted. */
  inFlight: number;
}

/** A step is done again, or given an output, by this order. */
export interface StepOrder {
  command: string;
  does: 'retry' | 'supply';
}

/** A frame as plain data: what `openFrame` needs to go on with it. */
export interface FrameSnapshot {
  flow: FlowSnapshot;
  values: [name: string, value: Value][];
  feedback: [place: number, value: Value][];
  remarks: [place: number, words: string][];
  progress: [place: number, progress: object][];
  orders?: [place: number, order: StepOrder][];
  failed?: true;
}

export interface FrameParts {
  scope: Scope;
  path: string;
  within?: { frame: Frame; place: number };
  /** Among the runs of one container, counted from 0. */
  ordinal?: number;
  values?: Iterable<[string, Value]>;
  endsOnFailure?: boolean;
  /** Goes on from there. */
  from?: FrameSnapshot;
}

export function openFrame(parts: FrameParts): Frame {
  const { scope, path, within, ordinal = 0, values = [], endsOnFailure = false, from } = parts;
  return {
    scope,
    flow: followEdges(scope, from?.flow),
    path,
    ...(within === undefined ? {} : { within }),
    order: within === undefined ? [] : [...within.frame.order, within.place, ordinal],
    values: new Map(from?.values ?? values),
    feedback: new Map(from?.feedback),
    remarks: new Map(from?.remarks),
    progress: new Map(from?.progress),
    orders: new Map(from?.orders),
    endsOnFailure,
    failed: from?.failed ?? false,
    inFlight: 0,
  };
}

export function frameSnapshot({ flow, values, feedback, remarks, progress, orders, failed }: Frame): FrameSnapshot {
  return {
    flow: flow.snapshot(),
    values: [...values],
    feedback: [...feedback],
    remarks: [...remarks],
    progress: [...progress].filter(([place]) => flow.states[place] === 'running' || flow.states[place] === 'failed'),
    ...(orders.size > 0 ? { orders: [...orders] } : {}),
    ...(failed ? { failed: true } : {}),
  };
}

/** The value a name has for the step at this place; undefined where there is none (yet). */
export function valueFor(frame: Frame, place: number, name: string): Value | undefined {
  for (let at: Frame | undefined = frame, here = place; at !== undefined; ) {
    const found = name === 'feedback' ? at.feedback.get(here) : at.values.get(name);
    if (found !== undefined || at.within === undefined) return found;
    here = at.within.place;
    at = at.within.frame;
  }
  return undefined;
}

/** Digests of those of the names that have a value; undefined when none has. */
export function digestsOf(
  frame: Frame,
  place: number,
  names: readonly string[] | undefined,
): Record<string, Digest> | undefined {
  const digests: Record<string, Digest> = {};
  let any = false;
  for (const name of names ?? []) {
    const value = valueFor(frame, place, name);
    if (value === undefined) continue;
    digests[name] = value.digest;
    any = true;
  }
  return any ? digests : undefined;
}

export function nodeAt({ frame, place }: { readonly frame: Frame; readonly place: number }): SkeletonNode {
  const node = frame.scope.nodes[place];
  if (node === undefined) throw new Error(`no step ${place} in the scope`);
  return node;
}

/** The path of a step in a frame: the frame's own, and the bodies of links back that run again around the step. */
export function pathOf({ scope, flow, path }: Frame, place: number): string {
  const idAt = (at: number): string => scope.nodes[at]?.id ?? '';
  const passes = flow.passes(place).map(({ source, target, pass }) => `${idAt(source)}>${idAt(target)}~${pass}`);
  return joinPath(path, ...passes);
}

export function joinPath(...segments: string[]): string {
  return segments.filter((segment) => segment !== '').join('/');
}

/** The frame in which a failure here ends, if there is one around. */
export function endingFrame(frame: Frame): Frame | undefined {
  for (let at: Frame | undefined = frame; at !== undefined; at = at.within?.frame) if (at.endsOnFailure) return at;
  return undefined;
}

/** Has a frame around, or this one, ended by a failure? */
export function isGivenUp(frame: Frame): boolean {
  for (let at: Frame | undefined = frame; at !== undefined; at = at.within?.frame) if (at.failed) return true;
  return false;
}

export function compareFrames(a: Frame, b: Frame): number {
  const length = Math.min(a.order.length, b.order.length);
  for (let index = 0; index < length; index += 1) {
    const difference = (a.order[index] ?? 0) - (b.order[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return a.order.length - b.order.length;
}
