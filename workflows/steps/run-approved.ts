/** Steps that an activity does, with the approvals that it turns out to need on the way. */
import type { StepOutcome } from '../../activities/contract.ts';
import type { Step, StepActivity, StepEnd } from './step.ts';
import { committed, parked } from './step.ts';

interface Asking {
  /** Decided, oldest first. */
  gates: string[];
  /** The one that people are asked at now. */
  waitsFor?: { gate: string; waitsFor: string };
}

/** A lapsed approval is asked again; one that lapses this often without anybody being asked is a fault, not a change. */
const mostUnaskedLapses = 3;

/**
 * Runs the activity until it commits or is refused. Each time it opens an approval of its own, or finds that an earlier
 * gate lapsed, people are asked and it is run again; nothing in between is.
 */
export function runApproved(step: Step, activity: StepActivity): Promise<StepEnd> {
  const { waitsFor } = step.progress<Asking>(() => ({ gates: [] }));
  if (waitsFor !== undefined) return askAndRun(step, activity, { status: 'awaiting-approval', ...waitsFor });
  // Most steps commit at once, and are spared what asking people takes.
  return step.run(activity, []).then((outcome) => {
    return outcome.status === 'committed' ? committed(outcome) : askAndRun(step, activity, outcome);
  });
}

async function askAndRun(step: Step, activity: StepActivity, first: StepOutcome): Promise<StepEnd> {
  const asking = step.progress<Asking>(() => ({ gates: [] }));
  const { gates } = asking;
  let unaskedLapses = 0;
  for (let outcome = first; ; outcome = await step.run(activity, gates)) {
    switch (outcome.status) {
      case 'committed':
        return committed(outcome);
      case 'refused':
        return { as: 'refused', told: true };
      case 'called':
        await step.endOf(outcome.run);
        break;
      case 'awaiting-approval':
        // It was decided and the activity was told: it would be asked for ever.
        if (gates.includes(outcome.gate)) return parked('bug');
        asking.waitsFor = { gate: outcome.gate, waitsFor: outcome.waitsFor };
        // One that lapsed is asked again by the activity, over what is now so.
        if ((await step.verdictOf({ gate: outcome.gate }, outcome.waitsFor)) !== 'lapsed') gates.push(outcome.gate);
        delete asking.waitsFor;
        break;
      case 'lapsed': {
        const { effect, askedPeople } = await step.askAgain(outcome);
        if (effect === 'end') return { as: 'refused', told: false };
        unaskedLapses = askedPeople ? 0 : unaskedLapses + 1;
        if (unaskedLapses >= mostUnaskedLapses) return parked('bug');
        break;
      }
    }
  }
}
