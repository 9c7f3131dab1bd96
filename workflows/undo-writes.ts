/** Takes back what a cancelled run wrote, one after the other, the latest first. */
import { callActivity } from './activity-proxies.ts';
import { failedForGood } from './failure-class.ts';
import type { RunState } from './run-state.ts';

/** Of a document that says nothing of undoing, nothing is asked. What cannot be taken back holds up nothing. */
export async function undoWrites({ run, skeleton, log }: RunState): Promise<void> {
  if (!skeleton.nodes.some(({ undo }) => undo)) return;
  for (let from = 0; ; ) {
    const shown = { name: `undo#${from}`, summary: 'Writes to take back' };
    const { effects } = await log.ride((riding) => callActivity('listUndo', shown, { run, from, ...riding }));
    if (effects.length === 0) return;
    for (const { effect, node } of effects) {
      const title = skeleton.nodes.find(({ id }) => id === node)?.title ?? node;
      from += 1;
      try {
        await callActivity('undoWrite', { name: `undo#${from}!`, summary: `UNDO ${title}` }, { run, effect });
      } catch (error) {
        if (failedForGood(error) === undefined) throw error;
      }
    }
  }
}
