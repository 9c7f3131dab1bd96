/** An output that a person gives for a parked step: it meets what the step's own would have to, and is committed as the step's. */
import type { Node } from '../compiler/graph.ts';
import type { Type } from '../compiler/types.ts';
import { getArtifact } from '../prisma/artifacts.ts';
import { appendEvents } from '../prisma/run-log.ts';
import { holdForApproval } from './approvals.ts';
import { attemptStep } from './attempt-step.ts';
import type { Claim } from './claim.ts';
import { commitStep, noUsage } from './commit.ts';
import { completeOutput } from './complete-output.ts';
import type { StepInput, StepOutcome } from './contract.ts';
import type { Dependencies } from './dependencies.ts';
import { GateLapsed } from './effects.ts';
import { failStep } from './failures.ts';
import { gateCheckFor } from './gates.ts';
import { loadBindings } from './load-inputs.ts';
import { isItem } from './step-keys.ts';

/**
 * Through the step's type and checks, the gates before it where it writes, and its own approval. What does not pass parks
 * the step again; nothing of the step itself is done.
 */
export function supplyOutput(deps: Dependencies, input: StepInput, signal: AbortSignal): Promise<StepOutcome> {
  return attemptStep(deps, input, signal, async (claim) => {
    const { supplied, loaded, node } = claim;
    if (supplied === undefined || input.order === undefined) {
      return failStep(deps, claim, { class: 'bug', detail: 'Unexpected order without an output, expected one' });
    }
    const bindings = await loadBindings(deps, claim);
    const value = await deps.store.actAs(claim.actor, (tx) => getArtifact(tx, claim.actor.tenant, supplied));
    const completed = completeOutput(
      loaded,
      { type: typeGiven(node, claim.path), checks: checksOf(node) },
      value,
      bindings,
    );
    if (!completed.ok) return failStep(deps, claim, { ...completed.failure, final: true });
    await requireGates(deps, claim);
    const approval = await holdForApproval(deps, claim, input, {
      shown: [{ name: node.title, value: completed.output }],
      slot: 'output',
    });
    if (approval.status !== 'approved') return approval;
    return commitStep(deps, claim, {
      output: completed.output,
      usage: noUsage,
      quality: 1,
      suppliedBy: input.order,
    });
  });
}

/** Of a step that runs for each item, the list of what it gives; of one of its items, what it gives. */
function typeGiven(node: Node, path: string): Type | undefined {
  if (!('gives' in node) || node.gives === undefined) return undefined;
  const isList = 'each' in node && node.each !== undefined && !isItem(node.id, path);
  return isList ? { kind: 'list', of: node.gives } : node.gives;
}

function checksOf(node: Node): readonly { expr: string }[] {
  return ('checks' in node ? node.checks : undefined) ?? [];
}

/** What stands for a write stands behind the same gates. @throws GateLapsed */
async function requireGates(deps: Dependencies, claim: Claim): Promise<void> {
  const standing = await deps.store.actAs(claim.actor, async (tx) => {
    const found = await gateCheckFor(deps, claim)(tx);
    if (!found.stands && 'lapsed' in found) await appendEvents(tx, found.events);
    return found;
  });
  if (standing.stands) return;
  if ('lapsed' in standing) throw new GateLapsed(standing.lapsed);
  await failStep(deps, claim, { class: 'not-allowed', detail: standing.refused });
}
