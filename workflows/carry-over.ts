/**
 * What a run takes along when it goes on in a new execution: its whole state as plain data. Read back, it gives the same
 * state, with every step that was under way about to be performed again from how far it had come.
 */
import type { Transition, View } from '../activities/contract.ts';
import type { Skeleton } from '../compiler/skeleton.ts';
import type { Frame, FrameSnapshot } from './frames.ts';
import { frameSnapshot, openFrame } from './frames.ts';
import type { Recalled } from './recalled.ts';
import type { Changes, Failure, RunState, RunStatus } from './run-state.ts';
import { startState } from './run-state.ts';

export interface CarriedFrame extends FrameSnapshot {
  path: string;
  /** Absent of the outermost. `frame` is an index into the frames. */
  within?: { frame: number; place: number };
  ordinal: number;
  endsOnFailure?: true;
}

export interface CarriedState {
  /** As they are ordered in the state: a frame comes after the one it stands in. Then those that have ended. */
  frames: CarriedFrame[];
  /** How many have not ended; absent where none has that is carried. */
  live?: number;
  /** Of those that have ended, the ones that are kept; the others stand around these. */
  kept?: number[];
  failures: [key: string, failure: { id: string; class: string; at?: { frame: number; place: number } }][];
  /** Transitions that no activity has carried yet. */
  log: Transition[];
  told: RunStatus;
  paused?: true;
  toldPaused?: true;
  heeded?: string[];
}

export function carriedState(state: RunState): CarriedState {
  const frames = [...new Set([...state.frames, ...state.kept.flatMap(around)])];
  const indexOf = new Map(frames.map((frame, index) => [frame, index]));
  const at = (frame: Frame): number => indexOf.get(frame) ?? -1;
  return {
    frames: frames.map((frame) => ({
      ...frameSnapshot(frame),
      path: frame.path,
      ...(frame.within === undefined ? {} : { within: { frame: at(frame.within.frame), place: frame.within.place } }),
      ordinal: frame.order.at(-1) ?? 0,
      ...(frame.endsOnFailure ? { endsOnFailure: true } : {}),
    })),
    ...(state.kept.length > 0 ? { live: state.frames.length, kept: state.kept.map(at) } : {}),
    failures: [...state.failures].map(([key, { id, class: failureClass, at: where }]) => [
      key,
      { id, class: failureClass, ...(where && { at: { frame: at(where.frame), place: where.place } }) },
    ]),
    log: state.log.untold,
    told: state.told,
    ...(state.paused ? { paused: true } : {}),
    ...(state.toldPaused ? { toldPaused: true } : {}),
    ...(state.heeded.size > 0 ? { heeded: [...state.heeded] } : {}),
  };
}

/** The frames around it and itself, the outermost first. */
function around(frame: Frame): Frame[] {
  return [...(frame.within === undefined ? [] : around(frame.within.frame)), frame];
}

/** The gates that steps of these frames wait at. */
export function gatesWaitedFor(frames: readonly Frame[]): string[] {
  return frames
    .flatMap(({ progress }) => [...progress.values()])
    .flatMap((one) => {
      const at = 'waitsFor' in one ? one.waitsFor : one;
      return typeof at === 'object' && at !== null && 'gate' in at && typeof at.gate === 'string' ? [at.gate] : [];
    });
}

/** Expects what `carriedState` gave for a run of this skeleton. */
export function goOnFrom(
  carried: CarriedState,
  run: string,
  skeleton: Skeleton,
  input: View | undefined,
  changes: Changes,
  recalled?: Recalled,
): RunState {
  const state = startState(run, skeleton, input, changes, { from: carried.frames[0], recalled });
  const frames: Frame[] = [state.outermost];
  for (const { within, path, ordinal, endsOnFailure = false, ...from } of carried.frames.slice(1)) {
    const outer = within && frames[within.frame];
    if (within === undefined || outer === undefined) throw new Error('a frame that stands nowhere');
    const scope = state.scopes.of(outer.scope, within.place);
    frames.push(
      openFrame({ scope, path, within: { frame: outer, place: within.place }, ordinal, endsOnFailure, from }),
    );
  }
  state.frames.splice(0, state.frames.length, ...frames.slice(0, carried.live));
  for (const index of carried.kept ?? []) if (frames[index] !== undefined) state.kept.push(frames[index]);
  for (const [key, { id, class: failureClass, at }] of carried.failures) {
    const frame = at && frames[at.frame];
    const failure: Failure = { id, class: failureClass, ...(at && frame && { at: { frame, place: at.place } }) };
    state.failures.set(key, failure);
  }
  state.log.add(...carried.log);
  state.told = carried.told;
  state.paused = carried.paused ?? false;
  state.toldPaused = carried.toldPaused ?? false;
  for (const command of carried.heeded ?? []) state.heeded.add(command);
  return state;
}
