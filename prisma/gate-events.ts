/** Events of gates that more than one room appends. */
import type { NewEvent } from './run-log.ts';

/** What the gate asked about no longer stands. Once for each gate, whoever found it. */
export function gateLapsed(run: string, { id, node }: { id: string; node: string }): NewEvent {
  return { run, type: 'gate.lapsed', sourceKey: `gate.lapsed:${id}`, node, body: { gate: id } };
}
