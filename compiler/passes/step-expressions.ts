/** All expressions that a step says, each with where it is worked out and what it must give: for every check of them. */
import type { ApproversDraft, ExpressionDraft, StepDraft, UseDraft } from './draft.ts';

/**
 * `before`: before the step starts, whatever its `when` says. `start`: when it starts. `within`: for each item, where there
 * are items. `output`: over its output. `end`: when the steps in it are done.
 */
export type Moment = 'before' | 'start' | 'within' | 'output' | 'end';

export interface StepExpression {
  expression: ExpressionDraft;
  moment: Moment;
  gives: 'condition' | 'list' | 'key' | 'moment' | 'person' | 'value';
  /** The use that it stands in. */
  use?: UseDraft;
}

/** In the order in which they are needed. Uses by link are no expressions as written; their source is the step's id. */
export function expressionsIn({ values }: StepDraft): StepExpression[] {
  const found: StepExpression[] = [];
  const add = (
    expression: ExpressionDraft | undefined,
    moment: Moment,
    gives: StepExpression['gives'] = 'value',
  ): void => {
    if (expression) found.push({ expression, moment, gives });
  };
  const people = (approvers: ApproversDraft | undefined): void => {
    for (const one of approvers?.of ?? []) if ('person' in one) add(one.person, 'start', 'person');
  };
  add(values.when, 'before', 'condition');
  for (const arm of values.arms ?? []) add(arm.when, 'start', 'condition');
  add(values.each?.list, 'start', 'list');
  add(values.key, 'within', 'key');
  for (const use of usesIn(values)) {
    if (!use.code) continue;
    found.push({
      expression: { source: use.expr, code: use.code, span: use.span },
      moment: 'within',
      gives: 'value',
      use,
    });
  }
  for (const one of [...(values.values ?? []), ...(values.with ?? [])]) add(one.value, 'within');
  if (values.wait && 'until' in values.wait) add(values.wait.until, 'start', 'moment');
  people(values.approvers);
  people(values.requiresApproval);
  if (values.who !== 'assignee') people(values.who);
  if (values.ifOverdue?.do === 'ask') people(values.ifOverdue.approvers);
  for (const check of values.checks ?? []) add(check, 'output', 'condition');
  add(values.repeat?.until, 'end', 'condition');
  return found;
}

/** What a step reads as whole values, by link or by expression. */
export function usesIn({ uses = [], show = [], merge }: StepDraft['values']): UseDraft[] {
  return [...uses, ...show, ...(merge?.from ?? [])];
}
