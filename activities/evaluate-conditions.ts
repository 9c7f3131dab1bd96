/** Conditions that control flow could not decide by views, over the whole values. */
import { ExpressionError, evaluateCondition } from '../compiler/expressions/evaluate.ts';
import type { Node } from '../compiler/graph.ts';
import { appendEvents } from '../prisma/run-log.ts';
import type { Condition, StepInput } from './contract.ts';
import type { Dependencies } from './dependencies.ts';
import { applicationFailure, NotMade } from './failures.ts';
import { bindingsNow } from './load-inputs.ts';
import { makeOrKeepWhy } from './not-made.ts';
import { transitionEvents } from './transitions.ts';

/** The first of the conditions that holds, or null. One that has no value fails as `bug`. */
export async function evaluateConditions(
  deps: Dependencies,
  input: StepInput & { conditions: Condition[] },
): Promise<{ holds: Condition | null }> {
  return makeOrKeepWhy(deps, input, async (tx, run) => {
    const node = run.loaded.nodes.get(input.node);
    if (!node) throw applicationFailure(input.node, 'bug', { retry: false });
    const { bindings } = await bindingsNow(tx, deps, run, node.id, input.inputs);
    const holds = input.conditions.find((condition) => {
      const source = sourceOf(node, condition);
      if (source === undefined) throw applicationFailure(node.id, 'bug', { retry: false });
      try {
        return evaluateCondition(source, bindings);
      } catch (problem) {
        if (problem instanceof ExpressionError) throw new NotMade('bug', `${source} has no value: ${problem.message}`);
        throw problem;
      }
    });
    await appendEvents(tx, await transitionEvents(tx, deps, run.row, input.log));
    return { holds: holds ?? null };
  });
}

function sourceOf(node: Node, condition: Condition): string | undefined {
  if (condition.of === 'when') return node.when;
  if (condition.of === 'until') return node.kind === 'repeat' ? node.until : undefined;
  return node.kind === 'choose' ? node.arms[condition.index]?.when : undefined;
}
