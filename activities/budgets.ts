/**
 * Budgets: the most that models may be paid in a run, in all that is resumed from it, and in the sessions on its proposal. A
 * step's is for all its passes, items, fresh answers and turns of sessions, an agent's for all that it and those it hands work
 * to are asked, the document's for everything. Looked at before each model call: what is used up parks the step or ends the
 * turn, and the answer that used it up is kept.
 */
import type { Agent, Budget, Graph } from '../compiler/graph.ts';
import type { Actor, Tx } from '../prisma/open.ts';
import type { Claim } from './claim.ts';
import type { Dependencies } from './dependencies.ts';
import { failStep } from './failures.ts';

export interface Limit {
  budget: Budget;
  /** As the person who looks at what was not answered is told. */
  of: string;
  /** Who was asked, or for whom; absent where all turns count. */
  agent?: string;
  /** The step whose turns count; absent where all do. */
  node?: string;
}

/** Whose turns count: a lineage's and its proposal's, or those of a proposal without a run. */
export type Spender = { rootRun: string } | { proposal: string };

/** Goes on while something is left of every budget around the call; otherwise parks the step. `agents`: who is asked, and for whom. */
export async function requireBudget(deps: Dependencies, claim: Claim, agents: readonly Agent[]): Promise<void> {
  const { node, graph, actor, rootRun } = claim;
  const end = await usedUp(deps, actor, { rootRun }, limitsOf(graph, 'budget' in node ? node : undefined, agents));
  if (end === undefined) return;
  await failStep(deps, claim, {
    class: 'budget',
    detail: `Unexpected need of another answer with ${end.used} spent, expected the budget of ${end.of} to suffice`,
  });
}

/** The first of the limits of which nothing is left, and what was spent of it; undefined while there is something of each. */
export async function usedUp(
  deps: Dependencies,
  actor: Actor,
  spender: Spender,
  limits: readonly Limit[],
): Promise<{ of: string; used: string } | undefined> {
  if (limits.length === 0) return undefined;
  const spent = await deps.store.actAs(actor, async (tx) => {
    const sums: Spent[] = [];
    for (const limit of limits) sums.push(await spentBy(tx, actor.tenant, spender, limit));
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
    return { of, used: used.join(' and ') };
  }
  return undefined;
}

/** All that bind a call for the step by these agents. */
export function limitsOf(
  graph: Graph,
  step: { id: string; title: string; budget?: Budget | undefined } | undefined,
  agents: readonly Agent[],
): Limit[] {
  return [
    ...(step?.budget ? [{ budget: step.budget, of: `the step ${step.title}`, node: step.id }] : []),
    ...agents.flatMap(({ id, name, budget }) => (budget ? [{ budget, of: `the agent ${name}`, agent: id }] : [])),
    ...(graph.budget ? [{ budget: graph.budget, of: 'the document' }] : []),
  ];
}

interface Spent {
  tokens: number;
  usd: number;
}

async function spentBy(tx: Tx, tenantId: string, spender: Spender, { node, agent }: Limit): Promise<Spent> {
  const isOfRun = 'rootRun' in spender;
  const inSteps = isOfRun
    ? await tx.stepTurn.aggregate({
        where: {
          tenantId,
          stepExecution: { rootRunId: spender.rootRun, ...(node === undefined ? {} : { node }) },
          ...(agent === undefined ? {} : { agents: { has: agent } }),
        },
        _sum: { tokensIn: true, tokensOut: true, costUsd: true },
      })
    : undefined;
  const inSessions = await tx.sessionTurn.aggregate({
    where: {
      tenantId,
      session: isOfRun ? { proposal: { runId: spender.rootRun } } : { proposalId: spender.proposal },
      ...(node === undefined ? {} : { step: node }),
      ...(agent === undefined ? {} : { agent }),
    },
    _sum: { tokens: true, costUsd: true },
  });
  const { tokensIn, tokensOut, costUsd } = inSteps?._sum ?? { tokensIn: 0, tokensOut: 0, costUsd: 0 };
  return {
    tokens: (tokensIn ?? 0) + (tokensOut ?? 0) + (inSessions._sum.tokens ?? 0),
    usd: (costUsd ?? 0) + (inSessions._sum.costUsd ?? 0),
  };
}
