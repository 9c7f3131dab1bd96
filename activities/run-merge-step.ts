/** A merge step: the outputs of other steps as one record. */
import { ExpressionError, evaluate } from '../compiler/expressions/evaluate.ts';
import type { NodeOf } from '../compiler/graph.ts';
import type { Json } from '../compiler/types.ts';
import { attemptStep } from './attempt-step.ts';
import type { Claim } from './claim.ts';
import { commitStep, noUsage } from './commit.ts';
import { completeOutput } from './complete-output.ts';
import type { StepInput, StepOutcome } from './contract.ts';
import type { Dependencies } from './dependencies.ts';
import { applicationFailure, failStep } from './failures.ts';
import type { Bindings } from './load-inputs.ts';
import { loadBindings } from './load-inputs.ts';

export function runMergeStep(deps: Dependencies, input: StepInput, signal: AbortSignal): Promise<StepOutcome> {
  return attemptStep(deps, input, signal, async (claim) => {
    const { node } = claim;
    if (node.kind !== 'merge') throw applicationFailure(node.id, 'bug', { retry: false });
    const bindings = await loadBindings(deps, claim);
    const parts = await partsOf(deps, claim, node, bindings);
    const merged = node.join === 'names' ? Object.fromEntries(parts) : await joined(deps, claim, parts);
    const completed = completeOutput(claim.loaded, { type: node.gives, checks: node.checks }, merged, bindings);
    if (!completed.ok) return failStep(deps, claim, completed.failure);
    return commitStep(deps, claim, { output: completed.output, usage: noUsage, quality: 1 });
  });
}

/** By name, in the order of the document. What did not run and may be absent is left out. */
async function partsOf(
  deps: Dependencies,
  claim: Claim,
  node: NodeOf<'merge'>,
  bindings: Bindings,
): Promise<[name: string, value: Json][]> {
  const parts: [string, Json][] = [];
  for (const { name, expr, ifItRan } of node.from) {
    try {
      parts.push([name, evaluate(expr, bindings)]);
    } catch (problem) {
      if (!(problem instanceof ExpressionError)) throw problem;
      if (ifItRan && problem.code === 'absent') continue;
      await failStep(deps, claim, { class: 'bug', detail: `Merge of ${name}, ${expr}: ${problem.message}` });
    }
  }
  return parts;
}

/** Fields of all; one that two have is the fault of the later, which is named with the one that had it first. */
async function joined(deps: Dependencies, claim: Claim, parts: [string, Json][]): Promise<Json> {
  const owners = new Map<string, string>();
  const fields: [string, Json][] = [];
  for (const [name, value] of parts) {
    if (value === null || typeof value !== 'object' || Array.isArray(value)) {
      const detail = `Unexpected ${Array.isArray(value) ? 'list' : typeof value} of ${name}, expected a record to merge`;
      await failStep(deps, claim, { class: 'invalid-output', detail });
      continue;
    }
    for (const [field, inner] of Object.entries(value)) {
      const before = owners.get(field);
      if (before !== undefined) {
        const detail = `Unexpected field ${field} of ${name}, expected each field once; ${before} has it too`;
        await failStep(deps, claim, { class: 'invalid-output', detail });
      }
      owners.set(field, name);
      fields.push([field, inner]);
    }
  }
  return Object.fromEntries(fields);
}
