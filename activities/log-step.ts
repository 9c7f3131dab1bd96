/** One log line about a claimed step. */
import type { Claim } from './claim.ts';
import type { Dependencies } from './dependencies.ts';
import type { StepLogLevel } from './step-log.ts';

export interface StepLine {
  level: StepLogLevel;
  event: string;
  status: string;
  class?: string;
  latencyMs?: number;
  tokens?: number;
  cost?: number;
}

/** `latencyMs` is the time since the claim unless given. */
export function logStep(deps: Dependencies, claim: Claim, line: StepLine): void {
  deps.log.write({
    workflowRunId: claim.runId,
    stepId: claim.node.id,
    attempt: claim.attempt,
    agent: claim.node.kind === 'agent' ? claim.node.agent : null,
    latencyMs: line.latencyMs ?? Math.max(0, deps.clock().getTime() - claim.claimedAt.getTime()),
    tokens: line.tokens ?? null,
    cost: line.cost ?? null,
    status: line.status,
    traceId: claim.traceId,
    level: line.level,
    event: line.event,
    ...(line.class === undefined ? {} : { class: line.class }),
  });
}
