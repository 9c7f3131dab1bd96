/** Pass 8, values that a step works out: those of a `set` against what it gives, and names that are said twice. */
import type { Report } from '../diagnostics.ts';
import { resolveType, typeText } from '../expressions/type-relations.ts';
import type { Span } from '../source-text.ts';
import type { Type } from '../types.ts';
import type { StepDraft, UseDraft } from './draft.ts';
import { mayFit } from './type-fit.ts';

/** `found` are the types of the values of a `set`, in their order. */
export function checkSetAgainstGives(
  step: StepDraft,
  found: readonly (Type | undefined)[],
  types: ReadonlyMap<string, Type>,
  report: Report,
): void {
  const { gives: stated, values = [] } = step.values;
  if (!stated) return;
  const gives = resolveType(stated, types);
  const wanted = gives.kind === 'record' ? gives.fields : undefined;
  for (const [index, { name, nameSpan, value }] of values.entries()) {
    const type = found[index];
    const field = wanted?.find((one) => one.name === name);
    if (field && type && !mayFit(type, field.type, types)) reportMismatch(value.span, type, field.type, report);
    if (!wanted || field) continue;
    const nearest = { word: name, candidates: wanted.map((one) => one.name) };
    report.error('unknown-field', nameSpan, `Unexpected value ${name}, expected a field of ${typeText(stated)}`, {
      nearest,
    });
  }
  reportMissingValues(step, stated, gives, report);
}

export function reportMismatch(span: Span, found: Type, expected: Type, report: Report): void {
  report.error('type-mismatch', span, `Unexpected ${typeText(found)}, expected ${typeText(expected)}`);
}

function reportMissingValues(step: StepDraft, stated: Type, gives: Type, report: Report): void {
  const span = step.settings.get('gives')?.span ?? step.headingSpan;
  if (gives.kind === 'anything' || gives.kind === 'map' || gives.kind === 'union') return;
  if (gives.kind !== 'record') {
    reportMismatch(span, { kind: 'record', fields: [] }, gives, report);
    return;
  }
  const said = new Set(step.values.values?.map((one) => one.name));
  const missing = gives.fields
    .filter((field) => !field.optional && field.default === undefined && field.computed === undefined)
    .find((field) => !said.has(field.name));
  const unknown = [...said].some((name) => !gives.fields.some((field) => field.name === name));
  if (!missing || unknown) return;
  const message = `Unexpected set without ${missing.name}, expected all fields of ${typeText(stated)}`;
  report.error('missing-value', span, message);
}

/** Names of one step by which a model, a tool or a reader sees its values. */
export function checkUniqueNames({ values }: StepDraft, report: Report): void {
  const named = (uses: readonly UseDraft[] = []): { name: string; span: Span }[] => [...uses];
  const spanned = (list: StepDraft['values']['with'] = []): { name: string; span: Span }[] =>
    list.map((one) => ({ name: one.name, span: one.nameSpan }));
  for (const group of [[...spanned(values.with), ...named(values.uses)], named(values.show), spanned(values.values)]) {
    const taken = new Map<string, Span>();
    for (const one of group.toSorted((a, b) => a.span.start - b.span.start)) {
      const before = taken.get(one.name);
      if (!before) {
        taken.set(one.name, one.span);
        continue;
      }
      const related = [{ span: before, message: `${one.name} is taken here` }];
      const message = `Unexpected second value named ${one.name}, expected another name`;
      report.error('taken-name', one.span, message, { related });
    }
  }
}
