/** Calling a declared tool for a step: arguments and answer validated, the breaker around the call, failures classed. */
import type { Json } from '../../compiler/types.ts';
import { BreakerOpen } from '../breakers.ts';
import type { Claim } from '../claim.ts';
import type { Dependencies } from '../dependencies.ts';
import type { GateCheck } from '../effects.ts';
import { performEffect } from '../effects.ts';
import type { StepFailure } from '../failures.ts';
import { failStep } from '../failures.ts';
import { withCredential } from './credentials.ts';
import type { ToolDeclaration } from './declarations.ts';
import { RequestProblem, send } from './http.ts';
import { toolRequest } from './requests.ts';
import { problemOf, ToolProblem, timeoutOf } from './tool-problem.ts';
import { schemaProblems } from './tool-schemas.ts';

export type { ToolDeclaration } from './declarations.ts';
export { toolFor } from './declarations.ts';

/** What is wrong with the arguments of a call, for whoever made them; undefined when they are valid. */
export function argumentProblem(tool: ToolDeclaration, args: Json): string | undefined {
  const problems = schemaProblems(tool.input, args);
  return problems.length === 0 ? undefined : `Arguments of ${tool.name}: ${problems.join('; ')}`;
}

/** Calls a read. What goes wrong ends the attempt by its failure class. */
export async function callReadTool(
  deps: Dependencies,
  claim: Claim,
  tool: ToolDeclaration,
  args: Json,
  signal?: AbortSignal,
): Promise<Json> {
  return orFail(deps, claim, tool, args, async () => {
    const own = await withCredential(deps, claim.actor, tool);
    const answer = await send(toolRequest(own, claim, tool, args), timeoutOf(claim), signal);
    if (answer.kind === 'ok') return requireValid(tool, answer.value, false);
    throw problemOf(tool.name, answer);
  });
}

/**
 * Calls a write through the ledger of effects: at most once for its slot, however often it is tried. `gateCheck` says,
 * in the transaction of the intent, whether what was approved still stands; a gate that lapses throws GateLapsed.
 * The call itself is not cut short by `signal`: a write in flight is waited for and settled.
 */
export async function callWriteTool(
  deps: Dependencies,
  claim: Claim,
  tool: ToolDeclaration,
  slot: string,
  args: Json,
  gateCheck: GateCheck,
  signal?: AbortSignal,
): Promise<Json> {
  return orFail(deps, claim, tool, args, async () => {
    signal?.throwIfAborted();
    return requireValid(tool, await performEffect(deps, claim, { tool, slot, args, gateCheck }), true);
  });
}

async function orFail(
  deps: Dependencies,
  claim: Claim,
  tool: ToolDeclaration,
  args: Json,
  call: () => Promise<Json>,
): Promise<Json> {
  const wrong = argumentProblem(tool, args);
  if (wrong !== undefined) return failStep(deps, claim, { class: 'tool-failed', detail: wrong, final: true });
  try {
    return await deps.breakers.run(`tool:${tool.name}`, call, 'breaker' in claim.node ? claim.node.breaker : undefined);
  } catch (problem) {
    const failure = failureOf(tool, problem);
    if (!failure) throw problem;
    return failStep(deps, claim, failure);
  }
}

function failureOf(tool: ToolDeclaration, problem: unknown): StepFailure | undefined {
  if (problem instanceof ToolProblem) return problem.failure;
  if (problem instanceof BreakerOpen) {
    return { class: 'breaker-open', detail: problem.message, retryAfterMs: problem.retryAfterMs };
  }
  if (problem instanceof RequestProblem) {
    return problem.notAllowed
      ? { class: 'not-allowed', detail: `${tool.name}: ${problem.message}` }
      : { class: 'tool-failed', detail: `${tool.name}: ${problem.message}`, final: true };
  }
  return undefined;
}

function requireValid(tool: ToolDeclaration, value: Json, happened: boolean): Json {
  const problems = schemaProblems(tool.output, value);
  if (problems.length === 0) return value;
  throw new ToolProblem({
    class: 'tool-failed',
    detail: `Answer of ${tool.name}: ${problems.join('; ')}`,
    // A write that has happened answers the same however often it is asked.
    ...(happened ? { final: true } : {}),
  });
}
