/** The arguments of a call against what is declared: none missing, none unknown, each of a type that may fit. */
import { typeText } from '../expressions/check.ts';
import type { Span } from '../source-text.ts';
import type { Field, Type } from '../types.ts';
import type { Around } from './around.ts';
import { argumentsOf, certainTypeOf } from './around.ts';
import type { StepDraft } from './draft.ts';
import { mayFit } from './type-fit.ts';

export interface Declared {
  /** In words, for messages: `payments.transfer`, `audit.md`. */
  what: string;
  fields: readonly Field[];
  /** The types that the fields name, where they are not the document's own. */
  types?: ReadonlyMap<string, Type>;
}

/** `at` is where the call is said. */
export function checkArguments(step: StepDraft, declared: Declared, at: Span, around: Around): void {
  const { report, scope } = around;
  const { what, fields } = declared;
  const types = declared.types ? new Map([...scope.types, ...declared.types]) : scope.types;
  const given = argumentsOf(step);
  const expected = fields.length === 0 ? 'none' : `one of ${fields.map((field) => field.name).join(', ')}`;
  let unknown = false;
  for (const argument of given) {
    const field = fields.find((one) => one.name === argument.name);
    if (!field) {
      unknown = true;
      const nearest = { word: argument.name, candidates: fields.map((one) => one.name) };
      const message = `Unexpected argument ${argument.name} of ${what}, expected ${expected}`;
      report.error('unknown-argument', argument.nameSpan, message, { nearest });
      continue;
    }
    const type = certainTypeOf(argument.expr, around);
    if (!type || mayFit(type, field.type, types)) continue;
    const message = `Unexpected ${typeText(type)} as ${argument.name} of ${what}, expected ${typeText(field.type)}`;
    report.error('type-mismatch', argument.span, message);
  }
  // A misspelt name is told once, not as a missing one too; an argument that could not be read was told as well.
  if (unknown || !isWhole(step)) return;
  const missing = fields.filter((field) => isRequired(field) && !given.some((one) => one.name === field.name));
  if (missing.length === 0) return;
  const names = missing.map((field) => field.name).join(', ');
  const message = `Unexpected call of ${what} without ${names}, expected all arguments that it needs`;
  report.error('missing-argument', at, message);
}

function isRequired(field: Field): boolean {
  return field.optional === undefined && field.default === undefined && field.computed === undefined;
}

/** Was every entry of `with` and `uses` read? */
function isWhole({ settings, values }: StepDraft): boolean {
  const entries = (name: string): number => settings.get(name)?.items.length ?? 0;
  return (values.with ?? []).length >= entries('with') && (values.uses ?? []).length >= entries('uses');
}
