/** A client as one should be: whatever was not answered is asked again, under the same key where it has one. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Answer, ApiClient, GateView, RunView } from '../system/api-client.ts';

/** How long one request or one step of a run may keep a client waiting, servers that are away included. */
const patienceMs = 90_000;

/** Asks again until there is an answer, or none in time. */
export async function answered<Value>(what: string, ask: () => Promise<Value | undefined>): Promise<Value> {
  const until = Date.now() + patienceMs;
  let reason: unknown;
  while (Date.now() < until) {
    try {
      const value = await ask();
      if (value !== undefined) return value;
      reason = 'not yet';
    } catch (error) {
      reason = error;
    }
    await delay(50);
  }
  throw new Error(`No answer to ${what} within ${patienceMs} ms; the last: ${reason}`);
}

export const unlessTheServerFailed = (answer: Answer): Answer | undefined => (answer.status < 500 ? answer : undefined);

/** The gate that the run waits at, which is none of those that have been `decided`. */
export function openGateOf(
  what: string,
  run: string,
  as: () => ApiClient,
  decided: ReadonlyMap<string, string>,
): Promise<GateView> {
  return answered(`${what} (run ${run})`, async () => {
    const { waiting } = await as().run(run);
    const gate = waiting.map((one) => one.gate).find((one) => one !== undefined && !decided.has(one));
    return gate === undefined ? undefined : as().gate(gate);
  });
}

/** The run once it has ended, or needs somebody, which none of these runs should. */
export function endOf(what: string, run: string, as: () => ApiClient): Promise<RunView> {
  return answered(`${what} (run ${run})`, async () => {
    const view = await as().run(run);
    return ['completed', 'rejected', 'failed', 'cancelled', 'needs-attention'].includes(view.status) ? view : undefined;
  });
}
