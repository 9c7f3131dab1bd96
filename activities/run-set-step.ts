/** A set step: values by expression. */
import { ExpressionError, evaluate } from '../compiler/expressions/evaluate.ts';
import type { Json } from '../compiler/types.ts';
import { attemptStep } from './attempt-step.ts';
import { commitStep, noUsage } from './commit.ts';
import { completeOutput } from './complete-output.ts';
import type { StepInput, StepOutcome } from './contract.ts';
import type { Dependencies } from './dependencies.ts';
import { applicationFailure, failStep } from './failures.ts';
import { loadBindings } from './load-inputs.ts';

export function runSetStep(deps: Dependencies, input: StepInput, signal: AbortSignal): Promise<StepOutcome> {
  return attemptStep(deps, input, signal, async (claim) => {
    const { node } = claim;
    if (node.kind !== 'set') throw applicationFailure(node.id, 'bug', { retry: false });
    const bindings = await loadBindings(deps, claim);
    const values: [string, Json][] = [];
    for (const { name, expr } of node.values) {
      try {
        values.push([name, evaluate(expr, bindings)]);
      } catch (problem) {
        if (!(problem instanceof ExpressionError)) throw problem;
        await failStep(deps, claim, { class: 'bug', detail: `Value ${name}, ${expr}: ${problem.message}` });
      }
    }
    const step = { type: node.gives, checks: node.checks };
    const completed = completeOutput(claim.loaded, step, Object.fromEntries(values), bindings);
    if (!completed.ok) return failStep(deps, claim, completed.failure);
    return commitStep(deps, claim, { output: completed.output, usage: noUsage, quality: 1 });
  });
}
