/** A scripted run in this process. The test that starts it puts in-process-temporal.ts in the place of @temporalio/workflow. */
import type { RunDocumentResult } from '../messages.ts';
import { runDocument } from '../run-document.ts';
import type { InProcessRun } from './in-process-temporal.ts';
import { runInProcess } from './in-process-temporal.ts';
import type { DrivenRun } from './scenarios.ts';
import type { Script } from './scripted-run.ts';
import { scriptedWorld } from './scripted-run.ts';

export interface InProcess extends DrivenRun {
  workflow: InProcessRun<RunDocumentResult>;
}

/** Goes on in a new execution after so many activities; in one, unless said. */
export function startInProcess(script: Script, longAfter = Number.POSITIVE_INFINITY): InProcess {
  const world = scriptedWorld();
  const run = world.add('run', script);
  const workflow = runInProcess(world.activities, runDocument, { run: 'run' });
  workflow.goOnAfter(longAfter);
  return Object.assign(run, {
    workflow,
    ring: async (rung: unknown) => workflow.ring(rung),
    cancelWorkflow: async () => workflow.cancel(),
  });
}
