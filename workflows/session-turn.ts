/** Answers the messages of a session: one turn at a time, until none waits. */
import {
  ActivityCancellationType,
  continueAsNew,
  defineSignal,
  proxyActivities,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { SessionActivities } from '../activities/contract.ts';
import type { SessionInput } from './messages.ts';
import { ringSignal } from './messages.ts';

const retry = { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '1 minute' } as const;

const { nextTurn } = proxyActivities<SessionActivities>({ retry, startToCloseTimeout: '15 seconds' });
const { runTurn } = proxyActivities<SessionActivities>({
  retry,
  startToCloseTimeout: '10 minutes',
  heartbeatTimeout: '10 seconds',
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
});

const ring = defineSignal(ringSignal);

/** Rows say what was asked, whose session it is and how far it came: a ring only says that looking may pay. */
export async function sessionTurn({ session }: SessionInput): Promise<void> {
  let rung = true;
  setHandler(ring, () => {
    rung = true;
  });
  while (rung) {
    rung = false;
    for (let { turn } = await nextTurn({ session }); turn !== undefined; { turn } = await nextTurn({ session })) {
      await runTurn({ session, turn });
      if (workflowInfo().continueAsNewSuggested) return continueAsNew<typeof sessionTurn>({ session });
    }
  }
}
