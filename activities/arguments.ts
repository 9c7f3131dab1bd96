import { ExpressionError } from '../compiler/expressions/evaluate.ts';
import type { NodeOf } from '../compiler/graph.ts';
import type { Json } from '../compiler/types.ts';
import type { Claim } from './claim.ts';
import type { Dependencies } from './dependencies.ts';
import { failStep } from './failures.ts';
import type { Bindings } from './load-inputs.ts';
import { valueGiven } from './load-inputs.ts';

/** `with:` of a step, by name. One that is given only if a step ran is left out where that did not. Parks where there is no value. */
export async function argumentsOf(
  deps: Dependencies,
  claim: Claim,
  given: NodeOf<'tool' | 'run'>['with'],
  bindings: Bindings,
): Promise<{ [name: string]: Json }> {
  const values: [string, Json][] = [];
  for (const { name, expr, ifItRan } of given) {
    try {
      values.push([name, valueGiven(expr, bindings)]);
    } catch (problem) {
      if (!(problem instanceof ExpressionError)) throw problem;
      if (ifItRan && problem.code === 'absent') continue;
      await failStep(deps, claim, { class: 'bug', detail: `Argument ${name}, ${expr}: ${problem.message}` });
    }
  }
  return Object.fromEntries(values);
}
