/** The one workflow that runs any document: begins the run, interprets its graph, closes the run. */
import {
  ApplicationFailure,
  CancellationScope,
  CancelledFailure,
  continueAsNew,
  defineSignal,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import { decodeSkeleton } from '../compiler/skeleton-code.ts';
import { beginRun, callActivity, finishRun, keepState, readState } from './activity-proxies.ts';
import { decodeCarried, encodeCarried } from './carry-code.ts';
import { carriedState, gatesWaitedFor, goOnFrom } from './carry-over.ts';
import { createDoorbell } from './doorbell.ts';
import { digestsOf } from './frames.ts';
import { interpret } from './interpret.ts';
import type { RunDocumentInput, RunDocumentResult } from './messages.ts';
import { ringSignal } from './messages.ts';
import { operatorsView } from './operators-view.ts';
import { stepPerformer } from './perform-step.ts';
import { recallSteps } from './recalled.ts';
import { runFrames } from './run-frames.ts';
import type { Changes, RunState } from './run-state.ts';
import { createChanges, startState } from './run-state.ts';

/** Rows that one activity reads. */
const mostGatesAtOnce = 1000;

const ring = defineSignal<[unknown]>(ringSignal);

/**
 * Ends completed or rejected when every node has ended, and cancelled or failed when a command says so; steps that failed
 * keep it open. A cancel by Temporal's own means closes the run the same way and ends the workflow as Canceled. When its history
 * grows long it goes on in a new execution with all that it had.
 */
export async function runDocument(input: RunDocumentInput): Promise<RunDocumentResult> {
  const { run } = input;
  const doorbell = createDoorbell();
  const changes = createChanges();
  for (const rung of input.rings ?? []) doorbell.note(rung);
  setHandler(ring, (rung) => {
    doorbell.note(rung);
    changes.note();
  });
  const workflow = CancellationScope.current();
  const work = new CancellationScope();

  return await CancellationScope.nonCancellable(async () => {
    const state = await stateOf(input, changes);
    const view = operatorsView(state, input.shown);
    const frames = runFrames(state);
    const perform = stepPerformer(state, doorbell, frames.run);
    const history = () => {
      const { historyLength: events, continueAsNewSuggested: isLong } = workflowInfo();
      return { events, isLong };
    };
    const closed = await interpret({ state, doorbell, work, view, frames, perform, history, goOn, finish });
    if (closed.outcome === 'cancelled' && workflow.consideredCancelled) throw new CancelledFailure('Run cancelled');
    if (closed.outcome === 'failed') throw ApplicationFailure.nonRetryable('Run aborted', 'waymark.aborted');
    return closed;

    async function goOn(): Promise<never> {
      const carried = await keep(run, state);
      // Whatever was rung until now, while the state was being kept too.
      const rings = doorbell.takeAll();
      return continueAsNew<typeof runDocument>({
        run,
        carried,
        shown: view.shown,
        ...(rings.length > 0 ? { rings } : {}),
      });
    }

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

async function stateOf(input: RunDocumentInput, changes: Changes): Promise<RunState> {
  const { address, ...begun } = await beginRun({ run: input.run });
  const state = await stateFrom(begun, input, changes);
  if (address !== undefined) state.address = address;
  return state;
}

async function stateFrom(
  { skeleton: text, input, resumes }: Awaited<ReturnType<typeof beginRun>>,
  { run, carried }: RunDocumentInput,
  changes: Changes,
): Promise<RunState> {
  const skeleton = decodeSkeleton(text);
  const recalled = resumes ? await recallSteps(run) : undefined;
  if (carried === undefined) return startState(run, skeleton, input, changes, { recalled });
  let encoded = '';
  if ('state' in carried) encoded = carried.state;
  else for (const digest of carried.digests) encoded += (await readState({ run, digest })).part;
  const state = goOnFrom(decodeCarried(encoded), run, skeleton, input, changes, recalled);
  await readOpenGates(state);
  return state;
}

/** A ring that was lost between two executions is not missed. */
async function readOpenGates({ run, frames, verdicts, lapsed }: RunState): Promise<void> {
  const gates = gatesWaitedFor(frames);
  for (let start = 0; start < gates.length; start += mostGatesAtOnce) {
    const some = gates.slice(start, start + mostGatesAtOnce);
    const shown = { name: `gates#${start}`, summary: 'Open gates' };
    const { decided } = await callActivity('readGates', shown, { run, gates: some });
    for (const { gate, verdict, lapsed: hasLapsed } of decided) {
      if (verdict !== undefined) verdicts.set(gate, verdict);
      if (hasLapsed) lapsed.add(gate);
    }
  }
}

/** Arguments of Temporal are bounded: a large state is kept by an activity, and its digests go instead. */
async function keep(run: string, state: RunState): Promise<NonNullable<RunDocumentInput['carried']>> {
  const encoded = encodeCarried(carriedState(state));
  if ('state' in encoded) return encoded;
  const digests: string[] = [];
  for (const part of encoded.parts) digests.push((await keepState({ run, part })).digest);
  return { digests };
}
