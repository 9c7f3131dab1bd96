/** One attempt of a step: claim, work, and every way of ending turned into what the workflow understands. */
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
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
      return { status: 'lapsed', gateNode: problem.gateNode };
    }
    if (isStoreTrouble(problem)) throw applicationFailure(claim.node.id, 'transient', { retry: true, delayMs: 1000 });
    const detail = problem instanceof Error ? `${problem.name}: ${problem.message}` : String(problem);
    return failStep(deps, claim, { class: 'bug', detail });
  }
}

/**
 * The database could not be reached, was restarted, or rolled back for a reason of its own. Nothing was recorded, so
 * the attempt is made again, uncharged.
 */
export function isStoreTrouble(problem: unknown): boolean {
  if (!(problem instanceof Error)) return false;
  if (problem.name === 'PrismaClientInitializationError' || problem.name === 'DriverAdapterError') return true;
  const code = 'code' in problem ? String(problem.code) : '';
  // P1xxx: connection; P2002: another attempt was first; P2024, P2028: pool and transaction time; P2034: conflict.
  return /^(P1\d{3}|P2002|P2024|P2028|P2034|ECONN\w+|57P\d\d|08\w{3}|40\w{3})$/.test(code);
}
