/** Frames as they open and end: who waits for one, and when it is over. */
import { CancelledFailure } from '@temporalio/workflow';
import type { Frame, FrameParts } from './frames.ts';
import { compareFrames, isGivenUp, openFrame } from './frames.ts';
import type { RunState } from './run-state.ts';

/** How the steps of a frame ended. `failed` only in a frame that ends by a failure. */
export interface EndedFrame {
  frame: Frame;
  as: 'done' | 'refused' | 'failed';
}

/** Opens a frame; resolves when all its steps have ended. Rejects as cancelled when the run is. */
export type RunFrame = (parts: FrameParts) => Promise<EndedFrame>;

export interface RunFrames {
  readonly run: RunFrame;
  /** Ends every frame that is over, with `cancelled` also those in which nothing is under way. */
  settle(cancelled: boolean): void;
}

export function runFrames(state: RunState): RunFrames {
  const waiters = new Map<Frame, { resolve: (end: EndedFrame) => void; reject: (error: Error) => void }>();

  return {
    run: (parts) =>
      new Promise((resolve, reject) => {
        const known = state.frames.find((frame) => isRunOf(frame, parts));
        const frame = known ?? openFrame(parts);
        waiters.set(frame, { resolve, reject });
        state.resting += 1;
        if (known === undefined) insert(state.frames, frame);
        state.changes.note();
      }),
    settle(cancelled) {
      // From the innermost: a container under way holds up the frame it stands in.
      for (const [frame, waiter] of [...waiters].reverse()) {
        if (frame.inFlight > 0) continue;
        const failed = isGivenUp(frame);
        if (!failed && !cancelled && !frame.flow.done) continue;
        waiters.delete(frame);
        // Here, not where it is awaited: the loop may look again before that goes on.
        state.resting -= 1;
        state.frames.splice(state.frames.indexOf(frame), 1);
        state.changes.note();
        if (frame.scope.nodes.some(({ guardsOutside }) => guardsOutside)) state.kept.push(frame);
        if (cancelled && !frame.flow.done) waiter.reject(new CancelledFailure('Run cancelled'));
        else waiter.resolve({ frame, as: failed ? 'failed' : frame.flow.refused ? 'refused' : 'done' });
      }
    },
  };
}

/** Is this the frame a run brought along from its last execution? */
function isRunOf({ within, order }: Frame, parts: FrameParts): boolean {
  return (
    within !== undefined &&
    within.frame === parts.within?.frame &&
    within.place === parts.within.place &&
    order.at(-1) === (parts.ordinal ?? 0)
  );
}

/** Sorted as frames start what is ready. */
function insert(frames: Frame[], frame: Frame): void {
  let low = 0;
  let high = frames.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compareFrames(frames[middle] as Frame, frame) <= 0) low = middle + 1;
    else high = middle;
  }
  frames.splice(low, 0, frame);
}
