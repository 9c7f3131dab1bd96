/** Pass 8, merges: the record that several outputs are joined to. */
import type { Report } from '../diagnostics.ts';
import { anything, resolveType, typeText } from '../expressions/type-relations.ts';
import type { Span } from '../source-text.ts';
import type { Field, Type } from '../types.ts';
import type { StepDraft, UseDraft } from './draft.ts';

/** A part of a merge, with the type of what it reads; unknown where that was reported. */
export interface MergePart {
  use: UseDraft;
  type: Type;
}

/** Gives the type of what is merged. */
export function mergedType(
  step: StepDraft,
  parts: readonly MergePart[],
  types: ReadonlyMap<string, Type>,
  report: Report,
): Type {
  if (step.values.merge?.join !== 'fields') return { kind: 'record', fields: parts.map(namedField) };
  const fields = new Map<string, { field: Field; use: UseDraft }>();
  let whole = true;
  for (const { use, type } of parts) {
    const resolved = resolveType(type, types);
    if (resolved.kind !== 'record') {
      whole = false;
      // What a map or anything holds is known when it is there.
      if (resolved.kind === 'anything' || resolved.kind === 'map' || resolved.kind === 'union') continue;
      const message = `Unexpected ${typeText(type)} in a merge of fields, expected a record, or a name for it as in name: [Step](#step)`;
      report.error('type-mismatch', use.span, message);
      continue;
    }
    reportShared(use, resolved.fields, fields, report);
    for (const field of resolved.fields) {
      if (!fields.has(field.name))
        fields.set(field.name, { field: use.ifItRan ? { ...field, optional: true } : field, use });
    }
  }
  return whole ? { kind: 'record', fields: [...fields.values()].map((one) => plainField(one.field)) } : anything;
}

function namedField({ use, type }: MergePart): Field {
  return use.ifItRan ? { name: use.name, type, optional: true } : { name: use.name, type };
}

/** Rules, defaults and computed values were met where the field came from. */
function plainField({ name, type, optional, default: filled, computed }: Field): Field {
  return optional && filled === undefined && computed === undefined ? { name, type, optional } : { name, type };
}

/** One error for each two steps, at the later link. */
function reportShared(
  use: UseDraft,
  added: readonly Field[],
  fields: ReadonlyMap<string, { use: UseDraft }>,
  report: Report,
): void {
  const clashes = new Map<UseDraft, string[]>();
  for (const { name } of added) {
    const before = fields.get(name)?.use;
    if (before) clashes.set(before, [...(clashes.get(before) ?? []), name]);
  }
  for (const [before, names] of clashes) {
    const related: { span: Span; message: string }[] = [{ span: before.span, message: `${before.name} has it too` }];
    const message = `Unexpected ${names.length > 1 ? 'fields' : 'field'} ${names.join(', ')} of both ${before.name} and ${use.name}, expected each field in one of them, or names as in name: [Step](#step)`;
    report.error('shared-field', use.span, message, { related });
  }
}
