/** Pass 8, first half: types that contain themselves, and computed fields. */
import type { Report } from '../diagnostics.ts';
import { checkExpression, typeText } from '../expressions/check.ts';
import type { Type } from '../types.ts';
import type { DocumentDraft, TypeDraft } from './draft.ts';
import { reportExpressionProblems } from './expression-problems.ts';
import type { FieldDraft } from './read-rules.ts';
import { mayFit } from './type-fit.ts';

export function checkTypes(draft: DocumentDraft, named: ReadonlyMap<string, Type>, report: Report): void {
  reportTypeCycles(draft.types, report);
  checkComputed(draft.inputs, draft.inputsComplete, named, report);
  for (const type of draft.types) checkComputed(type.fields, type.complete, named, report);
  if (draft.proposal) checkComputed(draft.proposal.sections, draft.proposal.complete, named, report);
}

/** A circle of required fields; one through a list, a map, a choice or an optional field can end. */
function reportTypeCycles(types: readonly TypeDraft[], report: Report): void {
  const needs = new Map(types.map((type) => [type.name, type.complete ? neededBy(type.type) : []]));
  const told = new Set<string>();
  for (const type of types) {
    const circle = circleThrough(type.name, needs);
    if (!circle || circle.some((name) => told.has(name))) continue;
    for (const name of circle) told.add(name);
    const last = types.findLast((one) => circle.includes(one.name)) ?? type;
    const message = `Unexpected type ${last.name} that contains itself, expected an optional field or a list on the way`;
    report.error('type-cycle', last.nameSpan, message);
  }
}

/** The named types of which every value of the type holds one. */
function neededBy(type: Type): string[] {
  if (type.kind === 'named') return [type.name];
  if (type.kind !== 'record') return [];
  return type.fields
    .filter((field) => !field.optional && field.default === undefined)
    .flatMap((field) => neededBy(field.type));
}

function circleThrough(start: string, needs: ReadonlyMap<string, string[]>): string[] | undefined {
  const cameFrom = new Map<string, string>();
  const waiting = [start];
  for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
    for (const next of needs.get(name) ?? []) {
      if (next === start) {
        const circle = [name];
        while (circle[0] !== start) circle.unshift(cameFrom.get(circle[0] ?? '') ?? start);
        return circle;
      }
      if (cameFrom.has(next)) continue;
      cameFrom.set(next, name);
      waiting.push(next);
    }
  }
  return undefined;
}

/** Computed fields are filled from top to bottom. */
function checkComputed(
  fields: readonly FieldDraft[],
  complete: boolean,
  named: ReadonlyMap<string, Type>,
  report: Report,
): void {
  const self: Type = complete ? { kind: 'record', fields: fields.map((one) => one.field) } : { kind: 'anything' };
  for (const [index, { field, computed, inner }] of fields.entries()) {
    if (inner) checkComputed(inner, complete, named, report);
    if (!computed) continue;
    const checked = checkExpression(computed.code, { names: new Map([['this', self]]), types: named });
    const before = report.count();
    reportExpressionProblems(checked.problems, computed, new Set(), report);
    if (report.count() > before) continue;
    const late = checked.reads
      .map((read) => fields.findIndex((one) => one.field.name === read.path[0]))
      .find((at) => at >= index && fields[at]?.computed !== undefined);
    const other = late === undefined ? undefined : fields[late];
    if (other) {
      const related = [{ span: other.nameSpan, message: `${other.field.name} is computed here` }];
      const message = `Unexpected read of ${other.field.name}, expected computed fields to read only those above them`;
      report.error('computed-order', computed.span, message, { related });
    } else if (checked.type && !mayFit(checked.type, field.type, named)) {
      const message = `Unexpected ${typeText(checked.type)}, expected ${typeText(field.type)}`;
      report.error('type-mismatch', computed.span, message);
    }
  }
}
