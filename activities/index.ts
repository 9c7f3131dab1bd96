/** All activities, over the dependencies of one worker. */

import { collectReads, evaluateWait, joinItems, listItems, runCollect } from './collect.ts';
import type { RunActivities, SessionActivities } from './contract.ts';
import type { Dependencies } from './dependencies.ts';
import { evaluateConditions } from './evaluate-conditions.ts';
import { closeOverdue, remindGate } from './gate-times.ts';
import { openGate } from './gates.ts';
import { withHeartbeats, withPlainFailures } from './heartbeat.ts';
import { recallSteps } from './recall-steps.ts';
import { runAgentStep } from './run-agent-step.ts';
import { runMergeStep } from './run-merge-step.ts';
import { runSetStep } from './run-set-step.ts';
import { runSubflow } from './run-subflow.ts';
import { runToolStep } from './run-tool-step.ts';
import { beginRun, finishRun, flushLog, hear, keepState, readGates, readState } from './runs.ts';
import { nextTurn } from './sessions/next-turn.ts';
import { runTurn } from './sessions/run-turn.ts';
import { supplyOutput } from './supply-output.ts';
import { listUndo, undoWrite } from './undo.ts';

export function createActivities(deps: Dependencies): RunActivities & SessionActivities {
  return {
    beginRun: (input) => withPlainFailures(() => beginRun(deps, input)),
    finishRun: (input) => withPlainFailures(() => finishRun(deps, input)),
    recallSteps: (input) => withPlainFailures(() => recallSteps(deps, input)),
    keepState: (input) => withPlainFailures(() => keepState(deps, input)),
    readState: (input) => withPlainFailures(() => readState(deps, input)),
    flushLog: (input) => withPlainFailures(() => flushLog(deps, input)),
    readGates: (input) => withPlainFailures(() => readGates(deps, input)),
    hear: (input) => withPlainFailures(() => hear(deps, input)),
    openGate: (input) => withPlainFailures(() => openGate(deps, input)),
    closeOverdue: (input) => withPlainFailures(() => closeOverdue(deps, input)),
    remindGate: (input) => withPlainFailures(() => remindGate(deps, input)),
    evaluateConditions: (input) => withPlainFailures(() => evaluateConditions(deps, input)),
    runAgentStep: (input) => withHeartbeats((signal) => runAgentStep(deps, input, signal)),
    runToolStep: (input) => withHeartbeats((signal) => runToolStep(deps, input, signal)),
    runSetStep: (input) => withHeartbeats((signal) => runSetStep(deps, input, signal)),
    runMergeStep: (input) => withHeartbeats((signal) => runMergeStep(deps, input, signal)),
    runSubflow: (input) => withHeartbeats((signal) => runSubflow(deps, input, signal)),
    supplyOutput: (input) => withHeartbeats((signal) => supplyOutput(deps, input, signal)),
    runCollect: (input) => withHeartbeats((signal) => runCollect(deps, input, signal)),
    listUndo: (input) => withPlainFailures(() => listUndo(deps, input)),
    undoWrite: (input) => withHeartbeats(() => undoWrite(deps, input)),
    joinItems: (input) => withPlainFailures(() => joinItems(deps, input)),
    collectReads: (input) => withPlainFailures(() => collectReads(deps, input)),
    listItems: (input) => withPlainFailures(() => listItems(deps, input)),
    evaluateWait: (input) => withPlainFailures(() => evaluateWait(deps, input)),
    nextTurn: (input) => withPlainFailures(() => nextTurn(deps, input)),
    runTurn: (input) => withHeartbeats((signal) => runTurn(deps, input, signal)),
  };
}
