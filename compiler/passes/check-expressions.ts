/** Pass 8: the types of all expressions, of what steps give, and of the Result. Gives the type of each step's output. */
import type { Report } from '../diagnostics.ts';
import type { Scope } from '../expressions/check.ts';
import { checkExpression } from '../expressions/check.ts';
import { anything, resolveType, typeText } from '../expressions/type-relations.ts';
import type { Type } from '../types.ts';
import type { MergePart } from './check-merge.ts';
import { mergedType } from './check-merge.ts';
import { checkTypes } from './check-types.ts';
import { checkSetAgainstGives, checkUniqueNames, reportMismatch } from './check-values.ts';
import type { DocumentDraft, ExpressionDraft, StepDraft } from './draft.ts';
import { reportExpressionProblems } from './expression-problems.ts';
import type { Flow } from './flow.ts';
import { NamesInScope } from './names-in-scope.ts';
import { isContainer, recordOfSteps, seenOutput, statedOutput, statedType } from './output-types.ts';
import { typesOf } from './read-document.ts';
import type { StepExpression } from './step-expressions.ts';
import { expressionsIn } from './step-expressions.ts';
import { mayFit } from './type-fit.ts';

/** Of each step's output as others read it: of one that runs for each item, a list. */
export function checkExpressions(
  draft: DocumentDraft,
  flow: Flow,
  refused: ReadonlySet<string>,
  report: Report,
): ReadonlyMap<string, Type> {
  const types = typesOf(draft);
  checkTypes(draft, types, report);
  const checker = new DocumentChecker(draft, types, flow, refused, report);
  // A step without `gives` may have the types of its values, which are known only after the steps before it.
  for (const id of flow.order) checker.step(id);
  for (const row of draft.result) checker.result(row.value, row.type);
  for (const one of [
    draft.owner,
    draft.proposal?.owner,
    ...(draft.proposal?.sections ?? []).map((part) => part.owner),
  ]) {
    if (one && 'person' in one) checker.owner(one.person);
  }
  checkTools(draft, report);
  return checker.outputs;
}

/** What each place of an expression takes, but for conditions and plain values. */
const wantedTypes: Readonly<Record<Exclude<StepExpression['gives'], 'condition' | 'value'>, Type>> = {
  list: { kind: 'list', of: anything },
  key: { kind: 'union', of: [{ kind: 'text' }, { kind: 'number' }] },
  moment: { kind: 'union', of: [{ kind: 'date' }, { kind: 'time' }] },
  person: { kind: 'text' },
};

class DocumentChecker {
  readonly outputs: Map<string, Type>;
  private readonly steps: ReadonlyMap<string, StepDraft>;
  private readonly types: ReadonlyMap<string, Type>;
  private readonly names: Map<string, Type>;
  private readonly scope: NamesInScope;
  private readonly flow: Flow;
  private readonly items = new Map<string, Type>();
  private readonly refused: ReadonlySet<string>;
  private readonly report: Report;

  constructor(
    draft: DocumentDraft,
    types: ReadonlyMap<string, Type>,
    flow: Flow,
    refused: ReadonlySet<string>,
    report: Report,
  ) {
    this.steps = new Map(draft.steps.map((step) => [step.id, step]));
    this.types = types;
    this.flow = flow;
    this.refused = refused;
    this.report = report;
    this.outputs = new Map(draft.steps.map((step) => [step.id, statedType(step, this.steps, flow)]));
    const input: Type = draft.inputsComplete
      ? { kind: 'record', fields: draft.inputs.map((one) => one.field) }
      : anything;
    this.names = new Map([['input', input], ...this.outputs]);
    this.scope = new NamesInScope(this.steps, draft.proposal, flow, (loop) => this.itemType(loop));
  }

  /** Checks all that the step says. The steps before it, and those in it, have been checked. */
  step(id: string): void {
    const step = this.steps.get(id);
    if (!step) return;
    const found = new Map<ExpressionDraft, Type | undefined>();
    const expressions = expressionsIn(step);
    for (const one of expressions) {
      if (one.moment !== 'output') found.set(one.expression, this.expression(step, one, anything));
    }
    const output = this.output(step, found);
    for (const one of expressions) if (one.moment === 'output') this.expression(step, one, output);
    checkUniqueNames(step, this.report);
    const seen = seenOutput(step, output);
    this.outputs.set(id, seen);
    this.names.set(id, seen);
  }

  result(value: ExpressionDraft, expected: Type): void {
    const type = this.typeOf(value, this.scope.ofDocument());
    if (type && !mayFit(type, expected, this.types)) reportMismatch(value.span, type, expected, this.report);
  }

  /** Known before any step runs. */
  owner(person: ExpressionDraft): void {
    const names = new Map([['input', this.names.get('input') ?? anything]]);
    const type = this.typeOf(person, new Map(), names);
    if (type && !mayFit(type, wantedTypes.person, this.types)) {
      reportMismatch(person.span, type, wantedTypes.person, this.report);
    }
  }

  /** Of one run of the step. `found` has the types of its expressions, where they could be told. */
  private output(step: StepDraft, found: ReadonlyMap<ExpressionDraft, Type | undefined>): Type {
    const { values } = step;
    if (isContainer(step)) {
      return recordOfSteps(step.id, this.steps, this.flow, (one) => this.outputs.get(one.id) ?? anything);
    }
    if (step.kind === 'set') {
      const all = (values.values ?? []).map((one) => found.get(one.value));
      checkSetAgainstGives(step, all, this.types, this.report);
      if (values.gives || step.outputUnknown) return statedOutput(step);
      const fields = (values.values ?? []).map(({ name }, index) => ({ name, type: all[index] ?? anything }));
      return { kind: 'record', fields };
    }
    if (!values.merge) return statedOutput(step);
    const parts = values.merge.from.map((use): MergePart => ({ use, type: this.names.get(use.expr) ?? anything }));
    const merged = mergedType(step, parts, this.types, this.report);
    if (!values.gives) return step.outputUnknown ? anything : merged;
    const span = step.settings.get('gives')?.span ?? step.headingSpan;
    if (!mayFit(merged, values.gives, this.types)) reportMismatch(span, merged, values.gives, this.report);
    return values.gives;
  }

  private expression(step: StepDraft, { expression, moment, gives }: StepExpression, output: Type): Type | undefined {
    const type = this.typeOf(expression, this.scope.at(step, moment, output));
    if (!type || gives === 'value') return type;
    if (gives === 'condition') {
      if (mayFit(type, { kind: 'yes/no' }, this.types)) return type;
      const message = `Unexpected ${typeText(type)} as a condition, expected yes/no`;
      this.report.error('not-yes-no', expression.span, message);
    } else if (!mayFit(type, wantedTypes[gives], this.types)) {
      const wanted = gives === 'list' ? 'a list' : typeText(wantedTypes[gives]);
      this.report.error('type-mismatch', expression.span, `Unexpected ${typeText(type)}, expected ${wanted}`);
    }
    return type;
  }

  /** Undefined where something was reported. */
  private typeOf(expression: ExpressionDraft, own: ReadonlyMap<string, Type>, names = this.names): Type | undefined {
    const scope: Scope = { names, own, elsewhere: this.scope.elsewhere, types: this.types };
    const checked = checkExpression(expression.source, scope);
    reportExpressionProblems(checked.problems, expression.code, this.refused, this.report);
    return checked.problems.length > 0 ? undefined : checked.type;
  }

  /** Reports nothing: the loop itself does, when its turn comes. */
  private itemType(loop: StepDraft): Type {
    const known = this.items.get(loop.id);
    if (known) return known;
    const own = this.scope.at(loop, 'start', anything);
    const { type } = checkExpression(loop.values.each?.list.source ?? '', {
      names: this.names,
      own,
      types: this.types,
    });
    const resolved = type && resolveType(type, this.types);
    const item = resolved?.kind === 'list' ? resolved.of : anything;
    this.items.set(loop.id, item);
    return item;
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
