/** Making a step's output complete: defaults and computed fields filled, its type and its checks met. */
import { ExpressionError, evaluateCondition } from '../compiler/expressions/evaluate.ts';
import type { Json, Type } from '../compiler/types.ts';
import type { ValueValidator } from '../compiler/validate-value.ts';
import { valueValidator } from '../compiler/validate-value.ts';
import type { StepFailure } from './failures.ts';
import type { LoadedGraph } from './graph-cache.ts';
import type { Bindings } from './load-inputs.ts';

export type Completion = { ok: true; output: Json } | { ok: false; failure: StepFailure };

/** Compiled once for each type of a graph, for as long as the graph is held. */
const validators = new WeakMap<Type, ValueValidator>();

export function validatorOf(loaded: LoadedGraph, type: Type): ValueValidator {
  let validator = validators.get(type);
  if (!validator) {
    // Tools answer with more than a document names; what it does not name is not handed on.
    validator = valueValidator(type, loaded.graph.types, { unknownFields: 'drop', nulls: 'leave out' });
    validators.set(type, validator);
  }
  return validator;
}

/** `type` absent: the value is taken as it is. */
export function completeOutput(
  loaded: LoadedGraph,
  step: { type?: Type | undefined; checks: readonly { expr: string }[] },
  value: Json,
  bindings: Bindings,
): Completion {
  let output = value;
  if (step.type) {
    const completed = validatorOf(loaded, step.type).complete(value);
    if (!completed.ok) {
      const detail = completed.violations.map(({ path, message }) => `${path || 'output'}: ${message}`).join('; ');
      return { ok: false, failure: { class: 'invalid-output', detail } };
    }
    output = completed.value;
  }
  for (const { expr } of step.checks) {
    try {
      if (evaluateCondition(expr, { ...bindings, output })) continue;
    } catch (problem) {
      if (!(problem instanceof ExpressionError)) throw problem;
      return { ok: false, failure: { class: 'check-failed', detail: `Check ${expr}: ${problem.message}` } };
    }
    return { ok: false, failure: { class: 'check-failed', detail: `Unexpected output, expected ${expr}` } };
  }
  return { ok: true, output };
}
