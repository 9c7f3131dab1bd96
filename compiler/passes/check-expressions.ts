/** Pass 8: the types of all expressions, of what steps give, and of the Result. Gives the type of each step's output. */
import type { Report } from '../diagnostics.ts';
import type { Scope } from '../expressions/check.ts';
import { checkExpression, resolveType, typeText } from '../expressions/check.ts';
import type { Span } from '../source-text.ts';
import type { Field, Type } from '../types.ts';
import { checkTypes } from './check-types.ts';
import type { DocumentDraft, ExpressionDraft, StepDraft, UseDraft } from './draft.ts';
import { reportExpressionProblems } from './expression-problems.ts';
import type { Flow } from './flow.ts';
import { unsaidActions } from './gate-values.ts';
import { namedTypes } from './read-document.ts';
import { mayFit } from './type-fit.ts';

const anything: Type = { kind: 'anything' };

export function checkExpressions(
  draft: DocumentDraft,
  flow: Flow,
  refused: ReadonlySet<string>,
  report: Report,
): ReadonlyMap<string, Type> {
  const types = namedTypes(draft.types);
  checkTypes(draft, types, report);
  const outputs = new Map<string, Type>(draft.steps.map((step) => [step.id, statedOutput(step)]));
  const input: Type = draft.inputsComplete
    ? { kind: 'record', fields: draft.inputs.map((one) => one.field) }
    : anything;
  const names = new Map<string, Type>([['input', input], ...outputs]);
  const checker = new DocumentChecker({ names, types }, refused, report);
  const steps = new Map(draft.steps.map((step) => [step.id, step]));
  // A `set` without `gives` has the types of its values, which are known only after the steps before it.
  for (const id of flow.order) {
    const step = steps.get(id);
    if (!step) continue;
    const output = checker.step(step, outputs.get(id) ?? anything);
    outputs.set(id, output);
    names.set(id, output);
  }
  for (const row of draft.result) {
    const type = checker.typeOf(row.value);
    if (type && !mayFit(type, row.type, types)) checker.mismatch(row.value.span, type, row.type);
  }
  checkTools(draft, report);
  return outputs;
}

/** What a step says that it gives; a `set` that says nothing is looked at later. */
function statedOutput(step: StepDraft): Type {
  if (step.outputUnknown) return anything;
  const { gives, actions } = step.values;
  if (step.kind === 'approve') return gateOutput(actions ?? unsaidActions);
  if (gives) return gives;
  return step.kind === 'agent' ? { kind: 'text' } : anything;
}

function gateOutput(actions: readonly { name: string }[]): Type {
  const fields: Field[] = [
    { name: 'action', type: { kind: 'one of', values: actions.map((action) => action.name) } },
    { name: 'comment', type: { kind: 'text' } },
    { name: 'form', type: anything, optional: true },
    { name: 'by', type: { kind: 'text' } },
  ];
  return { kind: 'record', fields };
}

class DocumentChecker {
  private readonly scope: Scope;
  private readonly refused: ReadonlySet<string>;
  private readonly report: Report;

  constructor(scope: Scope, refused: ReadonlySet<string>, report: Report) {
    this.scope = scope;
    this.refused = refused;
    this.report = report;
  }

  /** Checks all that the step says and gives the type of its output. */
  step(step: StepDraft, stated: Type): Type {
    const { values } = step;
    this.condition(values.when);
    for (const arm of values.arms ?? []) this.condition(arm.when);
    for (const use of [...(values.uses ?? []), ...(values.show ?? [])]) {
      if (use.code) this.typeOf({ source: use.expr, code: use.code, span: use.span });
    }
    for (const argument of values.with ?? []) this.typeOf(argument.value);
    const output = step.kind === 'set' ? this.set(step, stated) : stated;
    for (const check of values.checks ?? []) this.condition(check, output);
    this.uniqueNames(step);
    return output;
  }

  typeOf(expression: ExpressionDraft, output?: Type): Type | undefined {
    const names = output ? new Map(this.scope.names).set('output', output) : this.scope.names;
    const checked = checkExpression(expression.source, { names, types: this.scope.types });
    reportExpressionProblems(checked.problems, expression.code, this.refused, this.report);
    return checked.problems.length > 0 ? undefined : checked.type;
  }

  mismatch(span: Span, found: Type, expected: Type): void {
    this.report.error('type-mismatch', span, `Unexpected ${typeText(found)}, expected ${typeText(expected)}`);
  }

  private condition(expression: ExpressionDraft | undefined, output?: Type): void {
    const type = expression && this.typeOf(expression, output);
    if (!expression || !type || mayFit(type, { kind: 'yes/no' }, this.scope.types)) return;
    this.report.error('not-yes-no', expression.span, `Unexpected ${typeText(type)} as a condition, expected yes/no`);
  }

  private set(step: StepDraft, stated: Type): Type {
    const fields: Field[] = [];
    const gives = step.values.gives && resolveType(step.values.gives, this.scope.types);
    const wanted = gives?.kind === 'record' ? gives.fields : undefined;
    for (const { name, nameSpan, value } of step.values.values ?? []) {
      const type = this.typeOf(value);
      fields.push({ name, type: type ?? anything });
      const field = wanted?.find((one) => one.name === name);
      if (field && type && !mayFit(type, field.type, this.scope.types)) this.mismatch(value.span, type, field.type);
      if (!wanted || field) continue;
      const nearest = { word: name, candidates: wanted.map((one) => one.name) };
      const message = `Unexpected value ${name}, expected a field of ${typeText(step.values.gives ?? anything)}`;
      this.report.error('unknown-field', nameSpan, message, { nearest });
    }
    if (!step.values.gives) return step.outputUnknown ? anything : { kind: 'record', fields };
    this.missingValues(step, gives ?? anything, fields);
    return stated;
  }

  private missingValues(step: StepDraft, gives: Type, fields: readonly Field[]): void {
    const span = step.settings.get('gives')?.span ?? step.headingSpan;
    if (gives.kind === 'anything' || gives.kind === 'map' || gives.kind === 'union') return;
    if (gives.kind !== 'record') {
      this.mismatch(span, { kind: 'record', fields: [] }, gives);
      return;
    }
    const missing = gives.fields
      .filter((field) => !field.optional && field.default === undefined && field.computed === undefined)
      .find((field) => !fields.some((one) => one.name === field.name));
    const unknown = fields.some((one) => !gives.fields.some((field) => field.name === one.name));
    if (!missing || unknown) return;
    const message = `Unexpected set without ${missing.name}, expected all fields of ${typeText(step.values.gives ?? gives)}`;
    this.report.error('missing-value', span, message);
  }

  private uniqueNames(step: StepDraft): void {
    const { values } = step;
    const named = (uses: readonly UseDraft[] = []): { name: string; span: Span }[] => [...uses];
    const spanned = (list: StepDraft['values']['with'] = []): { name: string; span: Span }[] =>
      list.map((one) => ({ name: one.name, span: one.nameSpan }));
    for (const group of [
      [...spanned(values.with), ...named(values.uses)],
      named(values.show),
      spanned(values.values),
    ]) {
      const taken = new Map<string, Span>();
      for (const one of group.toSorted((a, b) => a.span.start - b.span.start)) {
        const before = taken.get(one.name);
        if (!before) {
          taken.set(one.name, one.span);
          continue;
        }
        const related = [{ span: before, message: `${one.name} is taken here` }];
        const message = `Unexpected second value named ${one.name}, expected another name`;
        this.report.error('taken-name', one.span, message, { related });
      }
    }
  }
}

/** A step may narrow its agent's tools, not widen them. */
function checkTools(draft: DocumentDraft, report: Report): void {
  const agents = new Map(draft.agents.map((agent) => [agent.id, agent]));
  for (const { values } of draft.steps) {
    const agent = values.agent === undefined ? undefined : agents.get(values.agent);
    for (const tool of agent ? (values.tools ?? []) : []) {
      if (!agent || agent.tools.includes(tool.name)) continue;
      const related = [{ span: agent.block.heading.span, message: `${agent.name} is here` }];
      const expected = agent.tools.length > 0 ? `one of ${agent.tools.join(', ')}` : 'none';
      const message = `Unexpected tool ${tool.name}, which ${agent.name} does not have, expected ${expected}`;
      report.error('tool-not-allowed', tool.span, message, {
        related,
        nearest: { word: tool.name, candidates: agent.tools },
      });
    }
  }
}
