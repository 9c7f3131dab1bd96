/** What a person's order makes of the state of a run. An order that no longer fits changes nothing, and says so. */
import type { Order, Transition } from '../activities/contract.ts';
import { resultName } from './board.ts';
import { joinPath, pathOf } from './frames.ts';
import type { At, RunState } from './run-state.ts';

/** On the board, after `left out`. */
const leftOutByOrder = 'as an operator ordered';

type StepOrder = Extract<Order, { node: string }>;

export interface Heeded {
  told: Transition;
  /** A parked step that is to be performed again: running, and counted by whoever performs it. */
  starts?: At;
  /** One that is to be left out: running. */
  bypasses?: At;
}

/** Of an abort it says only that it was heeded. Expects to be asked once for each order. */
export function heedOrder(state: RunState, order: Order): Heeded {
  switch (order.does) {
    case 'abort':
      return told(order, true);
    case 'pause':
    case 'unpause': {
      const paused = order.does === 'pause';
      const changes = state.paused !== paused;
      state.paused = paused;
      return told(order, changes);
    }
    default:
      return heedForStep(state, order);
  }
}

function heedForStep(state: RunState, order: StepOrder): Heeded {
  const key = joinPath(order.path ?? '', order.node);
  const parked = state.failures.get(key);
  if (parked === undefined) return told(order, false);
  if (parked.at === undefined) {
    const applies = key === resultName && order.does === 'retry';
    // Without this failure, the loop closes the run once more.
    if (applies) state.failures.delete(key);
    return told(order, applies);
  }
  const { frame, place } = parked.at;
  state.failures.delete(key);
  frame.flow.revive(place);
  frame.orders.set(place, { command: order.command, does: order.does === 'supply' ? 'supply' : 'retry' });
  if (order.does !== 'skip') return { ...told(order, true), starts: parked.at };
  frame.remarks.set(place, leftOutByOrder);
  return { ...told(order, true), bypasses: parked.at };
}

function told(order: Order, applied: boolean): Heeded {
  const about =
    'node' in order ? { node: order.node, ...(order.path === undefined ? {} : { path: order.path }) } : { node: '' };
  return { told: { ...about, to: applied ? 'applied' : 'not applied', order: order.command } };
}

/** The same step of another frame or pass has another name. */
export function placeName({ frame, place }: At): string {
  return joinPath(pathOf(frame, place), frame.scope.nodes[place]?.id ?? '');
}
