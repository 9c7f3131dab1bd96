/**
 * The log of the worker: one JSON line for every attempt and transition. A line holds ids, digests and numbers, never
 * content, names, comments or prompts: there is no field that could carry a sentence.
 */

export type StepLogLevel = 'info' | 'warn' | 'error';

export interface StepLogEntry {
  workflowRunId: string;
  stepId: string | null;
  attempt: number | null;
  /** Id of the agent that does the step, of an agent step. */
  agent: string | null;
  latencyMs: number | null;
  /** In and out together. */
  tokens: number | null;
  /** In US dollars. */
  cost: number | null;
  status: string;
  traceId: string;
  level: StepLogLevel;
  /** The type of the run log's event that goes with the line. */
  event: string;
  /** Of a failure. */
  class?: string;
}

export interface StepLog {
  write(entry: StepLogEntry): void;
}

/** Writes each entry as one line of JSON to `sink`, with the time added. The line ends without a newline. */
export function jsonLinesLog(sink: (line: string) => void, clock: () => Date = () => new Date()): StepLog {
  return {
    write({
      level,
      event,
      workflowRunId,
      stepId,
      attempt,
      agent,
      latencyMs,
      tokens,
      cost,
      status,
      traceId,
      class: failureClass,
    }) {
      // Named one by one, so that nothing a caller adds to an entry can reach the log.
      sink(
        JSON.stringify({
          at: clock().toISOString(),
          level,
          event,
          ...(failureClass === undefined ? {} : { class: failureClass }),
          workflowRunId,
          stepId,
          attempt,
          agent,
          latencyMs,
          tokens,
          cost,
          status,
          traceId,
        }),
      );
    },
  };
}
