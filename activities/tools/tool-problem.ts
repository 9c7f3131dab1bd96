/** Why a tool call came to nothing, while it is still inside the tool's circuit breaker. */
import type { Claim } from '../claim.ts';
import type { StepFailure } from '../failures.ts';
import type { NoSuccess } from './http.ts';

export class ToolProblem extends Error {
  readonly failure: StepFailure;
  /** Tells against the tool: the breaker counts it. */
  readonly unavailable: boolean;
  constructor(failure: StepFailure, unavailable = false) {
    super(failure.class);
    this.name = 'ToolProblem';
    this.failure = failure;
    this.unavailable = unavailable;
  }
}

/** What the breakers of tools count: connections that failed, answers that did not come, servers in trouble. */
export function isToolUnavailable(error: unknown): boolean {
  return error instanceof ToolProblem && error.unavailable;
}

/** Of a step that calls tools: bounds one call, in milliseconds. */
export function timeoutOf(claim: Pick<Claim, 'node'>): number {
  return 'timeoutMs' in claim.node ? claim.node.timeoutMs : 30_000;
}

/** The failure that an answer which is no success stands for, where nothing can have been changed by the call. */
export function problemOf(tool: string, answer: NoSuccess): ToolProblem {
  switch (answer.kind) {
    case 'refused':
      return new ToolProblem({ class: 'tool-failed', detail: `${tool} answered ${answer.status}: ${answer.body}` });
    case 'throttled':
      return new ToolProblem({
        class: 'throttled',
        detail: `${tool} answered 429`,
        ...(answer.retryAfterMs === undefined ? {} : { retryAfterMs: answer.retryAfterMs }),
      });
    case 'timeout':
      return new ToolProblem({ class: 'timeout', detail: `${tool} did not answer in time` }, true);
    case 'not-sent':
    case 'broken':
      return new ToolProblem({ class: 'transient', detail: `${tool}: ${answer.reason}` }, true);
  }
}
