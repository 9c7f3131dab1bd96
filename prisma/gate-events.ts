/** What happens to gates by more than one room: the event of it, and what people are told. */
import type { NewNotification } from './notifications.ts';
import type { NewEvent } from './run-log.ts';

/** What the gate asked about no longer stands. Once for each gate, whoever found it. */
export function gateLapsed(run: string, { id, node }: { id: string; node: string }): NewEvent {
  return { run, type: 'gate.lapsed', sourceKey: `gate.lapsed:${id}`, node, body: { gate: id } };
}

/** Names the verdict of a gate, in the log as in what people are told. */
export const verdictKey = (gate: string): string => `gate.decided:${gate}`;

/** For who started the run. `by`: whose vote was the last that was needed; nobody's, of a gate that was overdue. */
export function verdictTold(
  requester: string,
  { gate, ...said }: { gate: string; run: string; action: string; by?: string },
): NewNotification {
  return {
    user: requester,
    kind: 'decided',
    address: `/gates/${gate}`,
    body: { gate, ...said },
    sourceKey: verdictKey(gate),
  };
}
