/** The one workflow that runs any document: begins the run, interprets its graph, closes the run. */
import { CancellationScope, CancelledFailure, defineSignal, setHandler } from '@temporalio/workflow';
import { decodeSkeleton } from '../compiler/skeleton-code.ts';
import { beginRun, finishRun } from './activity-proxies.ts';
import { createDoorbell } from './doorbell.ts';
import { digestsOf } from './frames.ts';
import { interpret } from './interpret.ts';
import type { RunDocumentInput, RunDocumentResult } from './messages.ts';
import { ringSignal } from './messages.ts';
import { operatorsView } from './operators-view.ts';
import { stepPerformer } from './perform-step.ts';
import { runFrames } from './run-frames.ts';
import { createChanges, startState } from './run-state.ts';

const ring = defineSignal<[unknown]>(ringSignal);

/**
 * Ends completed or rejected when every node has ended, and cancelled when a command says so; steps that failed keep it
 * open. A cancel by Temporal's own means closes the run the same way and ends the workflow as Canceled.
 */
export async function runDocument({ run }: RunDocumentInput): Promise<RunDocumentResult> {
  const doorbell = createDoorbell();
  const changes = createChanges();
  setHandler(ring, (rung) => {
    doorbell.note(rung);
    changes.note();
  });
  const workflow = CancellationScope.current();
  const work = new CancellationScope();

  return await CancellationScope.nonCancellable(async () => {
    const begun = await beginRun({ run });
    const state = startState(run, decodeSkeleton(begun.skeleton), begun.input, changes);
    const view = operatorsView(state);

    const frames = runFrames(state);
    const perform = stepPerformer(state, doorbell, frames.run);
    const closed = await interpret({ state, doorbell, work, view, frames, perform, finish });
    if (closed.outcome === 'cancelled' && workflow.consideredCancelled) throw new CancelledFailure('Run cancelled');
    return closed;

    async function finish(outcome: RunDocumentResult['outcome']): Promise<RunDocumentResult> {
      const inputs = outcome === 'completed' ? digestsOf(state.outermost, 0, state.skeleton.resultReads) : undefined;
      const { result } = await state.log.ride((riding) =>
        finishRun({ run, outcome, ...(inputs === undefined ? {} : { inputs }), ...riding }),
      );
      view.showEnd(outcome);
      return result === undefined ? { outcome } : { outcome, result };
    }
  });
}
