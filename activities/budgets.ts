/**
 * Budgets: the most that models may be paid in a run and in all that is resumed from it. A step's is for all its passes, items
 * and fresh answers, an agent's for all that it and those it hands work to are asked, the document's for everything. Looked
 * at before each model call: what is used up parks the step, and the answer that used it up is kept.
 */
import type { Agent, Budget } from '../compiler/graph.ts';
import type { Claim } from './claim.ts';
import type { Dependencies } from './dependencies.ts';
import { failStep } from './failures.ts';

interface Limit {
  budget: Budget;
  /** As the person who looks at the parked step is told. */
  of: string;
  /** Who was asked, or for whom; absent where all turns count. */
  agent?: string;
  /** The step whose turns count; absent where all do. */
  node?: string;
}

/** Goes on while something is left of every budget around the call; otherwise parks the step. `agents`: who is asked, and for whom. */
export async function requireBudget(deps: Dependencies, claim: Claim, agents: readonly Agent[]): Promise<void> {
  const limits = limitsOf(claim, agents);
  if (limits.length === 0) return;
  const spent = await deps.store.actAs(claim.actor, async (tx) => {
    const sums: { tokens: number; usd: number }[] = [];
    for (const { node, agent: by } of limits) {
      const { _sum: sum } = await tx.stepTurn.aggregate({
        where: {
          tenantId: claim.actor.tenant,
          stepExecution: { rootRunId: claim.rootRun, ...(node === undefined ? {} : { node }) },
          ...(by === undefined ? {} : { agents: { has: by } }),
        },
        _sum: { tokensIn: true, tokensOut: true, costUsd: true },
      });
      sums.push({ tokens: (sum.tokensIn ?? 0) + (sum.tokensOut ?? 0), usd: sum.costUsd ?? 0 });
    }
    return sums;
  });
  for (const [index, { budget, of }] of limits.entries()) {
    const { tokens, usd } = spent[index] ?? { tokens: 0, usd: 0 };
    const isLeft = tokens < (budget.tokens ?? Infinity) && usd < (budget.usd ?? Infinity);
    if (isLeft) continue;
    const used = [
      ...(budget.tokens === undefined ? [] : [`${tokens} of ${budget.tokens} tokens`]),
      ...(budget.usd === undefined ? [] : [`${usd.toFixed(4)} of ${budget.usd} USD`]),
    ];
    await failStep(deps, claim, {
      class: 'budget',
      detail: `Unexpected need of another answer with ${used.join(' and ')} spent, expected the budget of ${of} to suffice`,
    });
  }
}

function limitsOf({ node, graph }: Claim, agents: readonly Agent[]): Limit[] {
  const ofStep = 'budget' in node ? node.budget : undefined;
  return [
    ...(ofStep ? [{ budget: ofStep, of: `the step ${node.title}`, node: node.id }] : []),
    ...agents.flatMap(({ id, name, budget }) => (budget ? [{ budget, of: `the agent ${name}`, agent: id }] : [])),
    ...(graph.budget ? [{ budget: graph.budget, of: 'the document' }] : []),
  ];
}
