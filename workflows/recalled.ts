/**
 * Steps that earlier runs did, in a run that resumes them: what stands is known from the beginning, and is taken from here where
 * the step reads what it read then. All else is asked of the store, step by step.
 */
import { sleep } from '@temporalio/workflow';
import type { RecalledStep, StepOutcome, StepPlace } from '../activities/contract.ts';
import { callActivity } from './activity-proxies.ts';
import { digestsOf, joinPath, nodeAt, pathOf } from './frames.ts';
import type { At } from './run-state.ts';

export interface Recalled {
  /** By place and step; each is taken once. */
  readonly steps: Map<string, RecalledStep>;
  taken: number;
}

export const nothingRecalled = (): Recalled => ({ steps: new Map(), taken: 0 });

const recallSummary = 'Steps of earlier runs';

/** The sandbox ends a workflow task that computes for seconds: after so many steps in a row it is given another. */
const mostInATask = 500;

export async function recallSteps(run: string): Promise<Recalled> {
  const recalled = nothingRecalled();
  let after: StepPlace | undefined;
  for (let page = 1; page === 1 || after !== undefined; page += 1) {
    const shown = { name: `recall#${page}`, summary: recallSummary };
    const { steps, next } = await callActivity('recallSteps', shown, {
      run,
      ...(after === undefined ? {} : { after }),
    });
    for (const step of steps) recalled.steps.set(joinPath(step.path ?? '', step.node), step);
    after = next;
  }
  return recalled;
}

/** How the step ended before, if it reads the same now. */
export function takeRecalled(recalled: Recalled, { frame, place }: At): Promise<StepOutcome> | undefined {
  if (recalled.steps.size === 0) return undefined;
  const { id, reads } = nodeAt({ frame, place });
  const key = joinPath(pathOf(frame, place), id);
  const step = recalled.steps.get(key);
  if (step === undefined) return undefined;
  recalled.steps.delete(key);
  const inputs = digestsOf(frame, place, reads) ?? {};
  if (Object.entries(step.read).some(([name, digest]) => (inputs[name] ?? null) !== digest)) return undefined;
  const outcome: StepOutcome = { status: 'committed', output: step.output, ...(step.view && { view: step.view }) };
  recalled.taken += 1;
  return recalled.taken % mostInATask === 0
    ? sleep(1, { summary: recallSummary }).then(() => outcome)
    : Promise.resolve(outcome);
}
