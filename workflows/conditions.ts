/** Conditions of `when` and `choose`, decided over views where they suffice. */
import type { View } from '../activities/contract.ts';
import type { Bindings } from '../compiler/expressions/evaluate.ts';
import { ExpressionError, evaluateExpression } from '../compiler/expressions/evaluate.ts';
import { parseExpression } from '../compiler/expressions/parse.ts';
import { readsOf, viewKey, viewPath } from '../compiler/expressions/reads.ts';
import type { Json } from '../compiler/types.ts';

/** By name: `input`, steps, and what containers add. What has a value has a view, empty if control flow reads nothing of it. */
export type Views = Pick<ReadonlyMap<string, View>, 'get'>;

/** `opaque`: it reads a value that is not in the views, or the proposal, which people edit; an activity must decide. */
export type Decided = boolean | 'opaque';

/** @throws ExpressionError */
export function decide(source: string, views: Views): Decided {
  const parsed = parseExpression(source);
  if (!parsed.ok) throw new ExpressionError('syntax', parsed.problem.message);
  const reads = readsOf(parsed.expression);
  if (reads.some(({ root, path }) => root === 'proposal' || isOpaque(views.get(root), path))) return 'opaque';
  const value = valueIn(source, parsed.expression, bindingsFor(new Set(reads.map((read) => read.root)), views));
  if (typeof value !== 'boolean') throw new ExpressionError('type', `${source} has no value: expected yes/no`);
  return value;
}

/** As the activity says it that decides over the whole values. */
function valueIn(source: string, expression: Parameters<typeof evaluateExpression>[0], bindings: Bindings): Json {
  try {
    return evaluateExpression(expression, bindings);
  } catch (problem) {
    if (!(problem instanceof ExpressionError)) throw problem;
    throw new ExpressionError(problem.code, `${source} has no value: ${problem.message}`);
  }
}

function isOpaque(view: View | undefined, path: string[]): boolean {
  const key = viewKey(path);
  return view?.opaque?.some((hidden) => within(key, hidden) || within(hidden, key)) ?? false;
}

const within = (inner: string, outer: string): boolean =>
  outer === '' || inner === outer || inner.startsWith(`${outer}.`);

function bindingsFor(roots: Set<string>, views: Views): Bindings {
  const bindings: Record<string, Json> = {};
  for (const root of roots) {
    const view = views.get(root);
    if (view !== undefined) bindings[root] = jsonOf(view);
  }
  return bindings;
}

function jsonOf(view: View): Json {
  const whole: { [key: string]: Json } = {};
  for (const [key, value] of Object.entries(view.values ?? {})) {
    const path = viewPath(key);
    const last = path.pop();
    if (last === undefined) return value;
    let inner = whole;
    for (const field of path) inner = childOf(inner, field);
    inner[last] = value;
  }
  return whole;
}

function childOf(record: { [key: string]: Json }, field: string): { [key: string]: Json } {
  const child = Object.hasOwn(record, field) ? record[field] : undefined;
  if (child !== null && typeof child === 'object' && !Array.isArray(child)) return child;
  const created: { [key: string]: Json } = {};
  record[field] = created;
  return created;
}
