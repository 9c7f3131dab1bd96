/** The baseline: what an engineer would write by hand for the same work, with the same activities and arguments. */
import { proxyActivities } from '@temporalio/workflow';
import type { RunActivities, StepOutcome } from '../../activities/contract.ts';

export { runDocument } from '../../workflows/index.ts';

const { runToolStep } = proxyActivities<RunActivities>({
  startToCloseTimeout: '5 minutes',
  heartbeatTimeout: '10 seconds',
});

const call = (run: string, step: number, inputs: Record<string, string>): Promise<StepOutcome> =>
  runToolStep.executeWithOptions({ activityId: `step_${step}`, summary: `Step ${step}` }, [
    { run, node: `step_${step}`, ...(Object.keys(inputs).length > 0 && { inputs }) },
  ]);

/** Each step is given the output of the one before it. */
export async function handWrittenChain({ run, steps }: { run: string; steps: number }): Promise<void> {
  let inputs: Record<string, string> = {};
  for (let step = 1; step <= steps; step += 1) {
    const outcome = await call(run, step, inputs);
    if (outcome.status !== 'committed') throw new Error(`step ${step} was not committed`);
    inputs = { [`step_${step}`]: outcome.output };
  }
}

/** All steps at once. */
export async function handWrittenFanOut({ run, steps }: { run: string; steps: number }): Promise<void> {
  await Promise.all(Array.from({ length: steps }, (_, index) => call(run, index + 1, {})));
}
