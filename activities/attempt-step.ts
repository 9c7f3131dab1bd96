/** One attempt of a step: claim, work, and every way of ending turned into what the workflow understands. */
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { storeTrouble } from '../prisma/store-trouble.ts';
import type { Claim, ClaimInput } from './claim.ts';
import { claimStep } from './claim.ts';
import type { StepOutcome } from './contract.ts';
import type { Dependencies } from './dependencies.ts';
import { GateLapsed } from './effects.ts';
import { applicationFailure, failStep } from './failures.ts';
import { logStep } from './log-step.ts';

/**
 * Claims the step and does `work` under that claim. A step that is committed already gives its record and does nothing.
 * What `work` throws unforeseen parks the step as a bug, except trouble with the database, which passes.
 */
export async function attemptStep(
  deps: Dependencies,
  input: ClaimInput,
  signal: AbortSignal,
  work: (claim: Claim) => Promise<StepOutcome>,
): Promise<StepOutcome> {
  const result = await claimStep(deps, input);
  if ('done' in result) return result.done;
  const claim = result.claimed;
  try {
    return await work(claim);
  } catch (problem) {
    if (problem instanceof ApplicationFailure || problem instanceof CancelledFailure || signal.aborted) throw problem;
    if (problem instanceof GateLapsed) {
      logStep(deps, claim, { level: 'warn', event: 'gate.lapsed', status: 'lapsed' });
      return { status: 'lapsed', ...problem.gate };
    }
    // Nothing was recorded, so the attempt is made again, uncharged.
    if (storeTrouble(problem)) throw applicationFailure(claim.node.id, 'transient', { retry: true, delayMs: 1000 });
    const detail = problem instanceof Error ? `${problem.name}: ${problem.message}` : String(problem);
    return failStep(deps, claim, { class: 'bug', detail });
  }
}
