/** Judging what an agent answered: its type, its computed fields and its checks, with a score and reasons in plain words. */
import { ExpressionError, evaluateCondition } from '../compiler/expressions/evaluate.ts';
import type { Json, Type } from '../compiler/types.ts';
import { countRules } from '../compiler/validate-value.ts';
import { validatorOf } from './complete-output.ts';
import type { LoadedGraph } from './graph-cache.ts';
import type { Bindings } from './load-inputs.ts';

export type Judgement = { met: number; of: number } & (
  | { ok: true; output: Json }
  /** `reasons` name the place and what was expected; they may quote names, never whole values. */
  | { ok: false; class: 'invalid-output' | 'check-failed'; reasons: string[] }
);

/** All violations and all failed checks at once. Checks are looked at once the output matches its type. */
export function judgeOutput(
  loaded: LoadedGraph,
  step: { gives: Type; checks: readonly { expr: string }[] },
  answer: Json,
  bindings: Bindings,
): Judgement {
  const rules = countRules(step.gives, loaded.graph.types);
  const of = rules + step.checks.length;
  const completed = validatorOf(loaded, step.gives).complete(answer);
  if (!completed.ok) {
    const reasons = completed.violations.map(({ path, message }) => `${path || 'the output'}: ${message}`);
    return { ok: false, class: 'invalid-output', reasons, met: Math.max(0, rules - reasons.length), of };
  }
  const output = completed.value;
  const reasons = step.checks.flatMap(({ expr }) => failedCheck(expr, { ...bindings, output }));
  if (reasons.length > 0) return { ok: false, class: 'check-failed', reasons, met: of - reasons.length, of };
  return { ok: true, output, met: of, of };
}

function failedCheck(expr: string, bindings: Bindings): string[] {
  try {
    return evaluateCondition(expr, bindings) ? [] : [`Unexpected output, expected \`${expr}\` to hold`];
  } catch (problem) {
    if (!(problem instanceof ExpressionError)) throw problem;
    return [`Unexpected output, expected \`${expr}\` to hold: ${problem.message}`];
  }
}

/** What each correction takes from the score. */
const perCorrection = 0.1;

/** 0 to 1: the share of rules and checks that the first answer met, less a part for each time it was sent back. */
export function qualityOf(first: { met: number; of: number }, corrections: number): number {
  const share = first.of === 0 ? 1 : first.met / first.of;
  return Math.max(0, Math.round((share - perCorrection * corrections) * 1000) / 1000);
}

const mostReasons = 20;

/** What the model is told of an answer that was not accepted. */
export function feedbackOf(reasons: readonly string[]): string {
  const listed = reasons.slice(0, mostReasons).map((reason) => `- ${reason.slice(0, 500)}`);
  if (reasons.length > mostReasons) listed.push(`- and ${reasons.length - mostReasons} more`);
  return ['The answer was not accepted:', ...listed, 'Give the whole answer again, corrected.'].join('\n');
}
