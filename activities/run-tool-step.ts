/** A tool step: arguments by expression, an approval over exactly them where the step asks for one, the call, the commit. */
import { holdForApproval } from './approvals.ts';
import { argumentsOf } from './arguments.ts';
import { attemptStep } from './attempt-step.ts';
import { commitStep } from './commit.ts';
import { completeOutput } from './complete-output.ts';
import type { StepInput, StepOutcome } from './contract.ts';
import type { Dependencies } from './dependencies.ts';
import { applicationFailure, failStep } from './failures.ts';
import { gateCheckFor } from './gates.ts';
import { loadBindings } from './load-inputs.ts';
import { callReadTool, callWriteTool, toolFor } from './tools/call-tool.ts';

/** A tool step makes one call; an agent's calls have slots of their own. */
const SLOT = 'call';

export function runToolStep(deps: Dependencies, input: StepInput, signal: AbortSignal): Promise<StepOutcome> {
  return attemptStep(deps, input, signal, async (claim) => {
    const { node } = claim;
    if (node.kind !== 'tool') throw applicationFailure(node.id, 'bug', { retry: false });
    const tool = toolFor(deps, claim, node.tool);
    if (!tool) {
      return failStep(deps, claim, {
        class: 'not-allowed',
        detail: `Unexpected tool ${node.tool}, expected one that the configuration declares`,
      });
    }
    const bindings = await loadBindings(deps, claim);
    const args = await argumentsOf(deps, claim, node.with, bindings);
    const approval = await holdForApproval(deps, claim, input, {
      shown: [{ name: node.title, value: args }],
      slot: SLOT,
    });
    if (approval.status !== 'approved') return approval;

    const started = performance.now();
    const answer =
      tool.effect === 'read'
        ? await callReadTool(deps, claim, tool, args, signal)
        : await callWriteTool(deps, claim, tool, SLOT, args, gateCheckFor(deps, claim), signal);
    const latencyMs = performance.now() - started;
    const completed = completeOutput(claim.loaded, { type: node.gives, checks: node.checks }, answer, bindings);
    if (!completed.ok) {
      // A write that happened answers the same for ever; a read may answer better next time.
      return failStep(deps, claim, { ...completed.failure, ...(tool.effect === 'write' ? { final: true } : {}) });
    }
    return commitStep(deps, claim, {
      output: completed.output,
      usage: { tokensIn: 0, tokensOut: 0, costUsd: 0, latencyMs },
      quality: 1 / (1 + claim.charged),
    });
  });
}
